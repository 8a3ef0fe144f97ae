"""Recommenders of the next liked item, learned from logs: what is known of taste, and nothing of retention."""
