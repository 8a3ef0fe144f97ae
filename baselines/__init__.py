"""Agents of record: what every other agent is compared with. One file an agent."""
