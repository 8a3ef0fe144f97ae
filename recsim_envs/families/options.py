"""Checking options of families: each check names the option and what it may be."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
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


def check_names(owner: type, what: str, options: Mapping[str, Any]) -> None:
    """Raise `ConfigurationError` for an option that the constructor of `owner` does not know, with the nearest."""
    known = _known_options(owner)
    for option in options:
        if known is not None and option not in known:
            close = difflib.get_close_matches(option, known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"options are {', '.join(known)}"
            raise ConfigurationError(f"{what} has no option {option!r}; {hint}")


def _known_options(owner: type) -> list[str] | None:
    """Keyword-only options of a constructor, and of the bases that it passes others on to; None if it takes any."""
    known: list[str] = []
    for constructor in (vars(cls).get("__init__") for cls in owner.__mro__ if cls is not object):
        if constructor is None:
            continue
        parameters = inspect.signature(constructor).parameters.values()
        known += [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in known]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return known
    return None if known else []
