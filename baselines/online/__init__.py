"""Agents that learn from interaction with Stable-Baselines3; need the extra `longrec[rl]`."""
