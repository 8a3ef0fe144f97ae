"""BiLLP: a bi-level planner that learns to recommend for the long term with a language model and memories."""
