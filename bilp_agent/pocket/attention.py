"""What stands between the matrix products of a Llama, compiled: attention of one new token a row, norms and gates.

For a small model each of torch's operations costs more than its arithmetic. Turning by position, writing to the cache
and attending are one pass. What all prompts begin with is kept once and read for all rows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_compiled = njit(cache=True, fastmath={"reassoc", "contract", "arcp", "nsz", "afn"}, nogil=True)


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
    out = np.zeros((count, heads, width), np.float32)
    query, scores = np.empty(width, np.float32), np.empty(begun + column + 1, np.float32)
    for n in range(count):
        for h in range(heads):
            keys, values, start = cache[0, rows[n], h], cache[1, rows[n], h], first[n]
            for i in range(half):
                a, b, c, s = joined[n, 0, h, i], joined[n, 0, h, half + i], scale * cos[n, i], scale * sin[n, i]
                query[i], query[half + i] = a * c - b * s, b * c + a * s
                a, b, c, s = joined[n, 1, h, i], joined[n, 1, h, half + i], cos[n, i], sin[n, i]
                keys[column, i], keys[column, half + i] = a * c - b * s, b * c + a * s
            for i in range(width):
                values[column, i] = joined[n, 2, h, i]
            before, own = scores[:begun], scores[begun : begun + column + 1 - start]
            _score(query, prefix[0, h], before)
            _score(query, keys[start : column + 1], own)
            _weigh(scores[: begun + len(own)])
            _add(before, prefix[1, h], out[n, h])
            _add(own, values[start : column + 1], out[n, h])
    return out.reshape(count, heads * width)


@_compiled  # type: ignore[untyped-decorator]
def _score(query: Floats, keys: Floats, scores: Floats) -> None:
    """Products of a query (w,) and keys (t, w)."""
    for k in range(len(keys)):
        total = np.float32(0.0)
        for i in range(len(query)):
            total += query[i] * keys[k, i]
        scores[k] = total


@_compiled  # type: ignore[untyped-decorator]
def _weigh(scores: Floats) -> None:
    """Softmax, in place."""
    highest, total = scores[0], np.float32(0.0)
    for k in range(len(scores)):
        highest = max(highest, scores[k])
    for k in range(len(scores)):
        scores[k] = np.exp(scores[k] - highest)
        total += scores[k]
    for k in range(len(scores)):
        scores[k] /= total


@_compiled  # type: ignore[untyped-decorator]
def _add(weights: Floats, values: Floats, found: Floats) -> None:
    """Add values (t, w) by their weights to `found` (w,), four at a time: it is read and written so much less."""
    last = len(values) - len(values) % 4
    for k in range(0, last, 4):
        a, b, c, d = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        for i in range(len(found)):
            found[i] += a * values[k, i] + b * values[k + 1, i] + c * values[k + 2, i] + d * values[k + 3, i]
    for k in range(last, len(values)):
        for i in range(len(found)):
            found[i] += weights[k] * values[k, i]


@_compiled  # type: ignore[untyped-decorator]
def normed(x: Floats, weight: Floats, eps: float) -> Any:
    """Rows (n, d), divided by the root of their mean square and multiplied by a weight (d,)."""
    count, width = x.shape
    out = np.empty((count, width), np.float32)
    for n in range(count):
        total = np.float32(0.0)
        for i in range(width):
            total += x[n, i] * x[n, i]
        scale = np.float32(1.0 / math.sqrt(total / width + eps))
        for i in range(width):
            out[n, i] = x[n, i] * scale * weight[i]
    return out


@_compiled  # type: ignore[untyped-decorator]
def gated(joined: Floats) -> Any:
    """From gates and values (n, 2 m) side by side: silu of each gate, times its value, (n, m)."""
    count, width = joined.shape[0], joined.shape[1] // 2
    out = np.empty((count, width), np.float32)
    for n in range(count):
        for i in range(width):
            gate = joined[n, i]
            out[n, i] = gate / (np.float32(1.0) + np.exp(-gate)) * joined[n, width + i]
    return out
