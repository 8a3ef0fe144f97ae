"""Attention of one new token a row to all before it, compiled: the dearest part of decoding with a small model.

Turning by position, writing to the cache and attending are one pass. What all prompts begin with is kept once, and
stays at hand while the rows of a head read it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_compiled = njit(cache=True, fastmath=True, nogil=True)


@_compiled  # type: ignore[untyped-decorator]
def attend(
    joined: Floats, cos: Floats, sin: Floats, rows: NDArray[np.int64], first: NDArray[np.int64], column: int,
    prefix: Floats, cache: Floats,
) -> Any:  # fmt: skip
    """What a new token of each row sees, float32 (n, h w); its key and value are written to `column` of the cache.

    joined: (n, 3, h, w), queries, keys and values. cos, sin: (n, w), by which the halves of a head are turned. rows:
    (n,), those of the cache (2, b, h, t, w) that they belong to. first: (n,), where these begin in it. prefix: (2, h,
    s, w), the keys and values that come before.
    """
    count, _, heads, width = joined.shape
    half, begun, scale = width // 2, prefix.shape[2], np.float32(1.0 / math.sqrt(width))
    out = np.empty((count, heads * width), np.float32)
    query, scores = np.empty(width, np.float32), np.empty(begun + column + 1, np.float32)
    for h in range(heads):
        for n in range(count):
            keys, values = cache[0, rows[n], h, : column + 1], cache[1, rows[n], h, : column + 1]
            for i in range(width):
                j, sign = (i + half, np.float32(-1.0)) if i < half else (i - half, np.float32(1.0))
                query[i] = scale * (joined[n, 0, h, i] * cos[n, i] + sign * joined[n, 0, h, j] * sin[n, i])
                keys[column, i] = joined[n, 1, h, i] * cos[n, i] + sign * joined[n, 1, h, j] * sin[n, i]
                values[column, i] = joined[n, 2, h, i]
            own = scores[begun : begun + column + 1 - first[n]]
            _score(query, prefix[0, h], scores[:begun])
            _score(query, keys[first[n] :], own)
            seen = scores[: begun + len(own)]
            seen[:] = np.exp(seen - seen.max())
            found = out[n, h * width : (h + 1) * width]
            found[:] = 0.0
            _add(scores[:begun], prefix[1, h], found)
            _add(own, values[first[n] :], found)
            found /= seen.sum()
    return out


@_compiled  # type: ignore[untyped-decorator]
def _score(query: Floats, keys: Floats, scores: Floats) -> None:
    """Products of a query (w,) and keys (t, w)."""
    for c in range(len(keys)):
        total = np.float32(0.0)
        for i in range(len(query)):
            total += query[i] * keys[c, i]
        scores[c] = total


@_compiled  # type: ignore[untyped-decorator]
def _add(weights: Floats, values: Floats, found: Floats) -> None:
    """Add values (t, w) by their weights to `found` (w,), four at a time: it is read and written so much less."""
    whole = len(values) - len(values) % 4
    for c in range(0, whole, 4):
        a, b, d, e = weights[c], weights[c + 1], weights[c + 2], weights[c + 3]
        for i in range(len(found)):
            found[i] += a * values[c, i] + b * values[c + 1, i] + d * values[c + 2, i] + e * values[c + 3, i]
    for c in range(whole, len(values)):
        for i in range(len(found)):
            found[i] += weights[c] * values[c, i]
