"""Contextual bandits: linear models of what an item will earn, that explore train users and then do their best."""
