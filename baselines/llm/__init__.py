"""Baselines on a language model, and the control that needs none: act-only, react, reflexion, exact-no-repeat."""
