"""Studies: many combinations of agents, environments, tracks and seeds, and searches for good parameters."""
