"""Off-policy evaluation: what a policy would earn, told from the log of another, and how far from the truth that is."""
