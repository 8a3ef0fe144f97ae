"""The pocket language model: a small causal model for the planner's compact prompts, and how it is trained."""
