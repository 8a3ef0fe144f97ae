"""What a check found."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

_OPTIONAL = {"stable_baselines3", "torch", "pettingzoo"}


class Finding(NamedTuple):
    """The outcome of one check; `detail` says what was checked, what failed, or what to install.

    A check whose checker is not installed is skipped: it has not failed, so `ok` is True.
    """

    check: str
    ok: bool
    detail: str
    skipped: bool = False


def finding(name: str, check: Callable[[], str]) -> Finding:
    """Run one check; whatever it raises is a failure, unless an optional package is missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Finding(name, True, check())
    except Exception as error:  # a checker may raise anything; the report is the point
        if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in _OPTIONAL:
            return Finding(name, True, f"cannot be run without {error.name}: pip install 'longrec[rl]'", skipped=True)
        return Finding(name, False, f"{type(error).__name__}: {error}")


def require(condition: object, text: str) -> None:
    """Raise `AssertionError` with `text` unless the condition holds; unlike `assert`, also under `python -O`."""
    if not condition:
        raise AssertionError(text)
