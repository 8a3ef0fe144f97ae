"""Checking options of families: each check names the option and what it may be."""

from __future__ import annotations

from typing import Any

import numpy as np

from recsim_envs.errors import ConfigurationError

_LARGEST = float(np.finfo(np.float32).max)


def integer(name: str, value: Any, least: int, most: int) -> int:
    """An integer in least..most."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise ConfigurationError(f"{name} must be an integer of {least} to {most}, got {value!r}")
    return int(value)


def number(name: str, value: Any, least: float = -_LARGEST, most: float = _LARGEST) -> float:
    """A finite number in least..most; by default whatever float32 holds, for kernels may compute in it."""
    try:
        found = float(value) if isinstance(value, int | float | np.number) and not isinstance(value, bool) else None
    except OverflowError:
        found = None
    if found is None or not least <= found <= most:
        wanted = "a finite number" if (least, most) == (-_LARGEST, _LARGEST) else f"a number of {least:g} to {most:g}"
        raise ConfigurationError(f"{name} must be {wanted}, got {str(value)[:40]}")
    return found


def choice(name: str, value: Any, values: tuple[str, ...]) -> str:
    """One of the words in `values`."""
    if value not in values:
        raise ConfigurationError(f"{name} {value!r} does not exist; use {' or '.join(repr(v) for v in values)}")
    return str(value)


def flag(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ConfigurationError(f"{name} must be True or False, got {value!r}")
    return bool(value)
