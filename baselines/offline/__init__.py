"""Agents that learn from a log and never interact; need the extra `longrec[rl]`."""
