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
    known = own_options(owner)
    for option in options:
        if option not in known and not takes_others(owner):
            close = difflib.get_close_matches(option, known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"options are {', '.join(known)}"
            raise ConfigurationError(f"{what} has no option {option!r}; {hint}")


def own_options(owner: type) -> list[str]:
    """Keyword-only options of a constructor, and of the bases that it passes others on to."""
    known: list[str] = []
    for parameters in _constructors(owner):
        known += [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in known]
    return known


def takes_others(owner: type) -> bool:
    """Whether a constructor takes options that it does not name, for something that it builds."""
    constructors = _constructors(owner)
    return bool(constructors) and any(p.kind is p.VAR_KEYWORD for p in constructors[-1])


def _constructors(owner: type) -> list[list[inspect.Parameter]]:
    """Parameters of the constructors, from the class up to the first base that passes nothing on."""
    found: list[list[inspect.Parameter]] = []
    for constructor in (vars(cls).get("__init__") for cls in owner.__mro__ if cls is not object):
        if constructor is None:
            continue
        found.append(list(inspect.signature(constructor).parameters.values()))
        if not any(p.kind is p.VAR_KEYWORD for p in found[-1]):
            break
    return found
