"""How many cores there are, and that numerical libraries leave them to processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Final

_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def one_thread() -> None:
    """Restrict numerical libraries to one thread, unless the user has set how many they may have.

    Cells fill the cores as processes, and sums keep one order on every machine. Most libraries ask once, when they are
    imported; torch can be told later.
    """
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def threads() -> Mapping[str, str]:
    """The settings that decide how many threads numerical libraries use, for processes elsewhere."""
    return {name: os.environ[name] for name in _THREADS if name in os.environ}
