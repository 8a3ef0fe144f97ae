"""Checks of the multi-agent environments."""


def is_market(name):
    return False
