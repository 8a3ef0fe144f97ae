"""Where thousands of rows are made, none of which becomes garbage in a cycle, Python need not look for any."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for garbage in cycles meanwhile: it looks at every row again, each time some more were made.

    What nobody refers to is freed as ever. Not for replays: a simulator may refer to itself, and holds large arrays.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
