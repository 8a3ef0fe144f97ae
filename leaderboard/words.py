"""Helping with words that were not found."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def suggestion(word: str, known: Sequence[str]) -> str:
    """The tail of an error message: the nearest known words, or all of them."""
    if not known:
        return "; there are none yet"
    close = difflib.get_close_matches(word, known, 3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else f"; known are {', '.join(sorted(known))}"
