"""Learning curves: how well an agent does on the same unseen users after more and more training."""
