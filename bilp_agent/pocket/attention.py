"""What stands between the matrix products of a Llama, compiled: attention of packed tokens, norms and gates.

For a small model each of torch's operations costs more than its arithmetic. Turning by position, writing to the cache
and attending are one pass, for a whole prompt as for one new token. What is computed for a token depends on its own row
alone, to the bit: sums run in an order that neither the rest of the batch nor what was read before changes.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
_compiled = njit(cache=True, fastmath={"reassoc", "contract", "arcp", "nsz", "nnan", "afn"}, nogil=True)

_LOG2E: Final = np.float32(math.log2(math.e))
_LARGEST: Final = np.float32(126.0)  # exponent of a normal number, and of its inverse
# 2^f for f in 0..1, Chebyshev's interpolation of degree 6: relative error below 1e-7
_C0, _C1, _C2, _C3, _C4, _C5, _C6 = (
    np.polynomial.chebyshev.Chebyshev.interpolate(lambda f: 2.0**f, 6, [0, 1])
    .convert(kind=np.polynomial.Polynomial)
    .coef.astype(np.float32)
)


@_compiled  # type: ignore[untyped-decorator]
def attend(
    joined: Floats, cos: Floats, sin: Floats, rows: Ints, places: Ints, asked: Ints, keys: Floats, values: Floats
) -> Any:
    """What some of the tokens see of their rows, up to themselves: float32 (a, h w). Their keys and values are kept.

    joined: (n, 3, h, w), queries, keys and values of the tokens, in order of place within a row. cos, sin: (n, w), by
    which the halves of a head are turned. rows, places: (n,), where they belong. asked: (a,), which tokens are to see.
    keys: (b, h, w, c), values: (b, h, c, w), of each row's tokens by their places; those before are read.
    """
    count, _, heads, width = joined.shape
    half, scale = width // 2, np.float32(1.0 / math.sqrt(width))
    out = np.zeros((len(asked), heads, width), np.float32)
    query, scores = np.empty(width, np.float32), np.empty(keys.shape[3], np.float32)
    powers = np.empty(keys.shape[3], np.int32)
    for h in range(heads):
        for n in range(count):
            row, at = rows[n], places[n]
            for i in range(half):
                a, b, c, s = joined[n, 1, h, i], joined[n, 1, h, half + i], cos[n, i], sin[n, i]
                keys[row, h, i, at], keys[row, h, half + i, at] = a * c - b * s, b * c + a * s
            for i in range(width):
                values[row, h, at, i] = joined[n, 2, h, i]
        for m in range(len(asked)):
            n = asked[m]
            row, seen = rows[n], places[n] + 1
            for i in range(half):
                a, b, c, s = joined[n, 0, h, i], joined[n, 0, h, half + i], scale * cos[n, i], scale * sin[n, i]
                query[i], query[half + i] = a * c - b * s, b * c + a * s
            scores[:seen] = 0
            _add(query, keys[row, h], scores[:seen])
            _weigh(scores[:seen], powers[:seen])
            _add(scores[:seen], values[row, h], out[m, h])
    return out.reshape(len(asked), heads * width)


@_compiled  # type: ignore[untyped-decorator]
def _weigh(scores: Floats, powers: NDArray[np.int32]) -> None:
    """Softmax, in place. powers: room for as many numbers."""
    highest, total = scores[0], np.float32(0.0)
    for k in range(len(scores)):
        highest = max(highest, scores[k])
    for k in range(len(scores)):
        scores[k] -= highest
    _exponentiate(scores, powers)
    for k in range(len(scores)):
        total += scores[k]
    share = np.float32(1.0) / total
    for k in range(len(scores)):
        scores[k] *= share


@_compiled  # type: ignore[untyped-decorator]
def _exponentiate(x: Floats, powers: NDArray[np.int32]) -> None:
    """Exponentials of all, in place, in steps that the compiler turns into vectors, as it does not a call of `exp`."""
    for k in range(len(x)):
        exponent = min(max(x[k] * _LOG2E, -_LARGEST), _LARGEST)
        whole = np.floor(exponent)
        f = exponent - whole
        powers[k] = (np.int32(whole) + np.int32(127)) << np.int32(23)
        x[k] = _C0 + f * (_C1 + f * (_C2 + f * (_C3 + f * (_C4 + f * (_C5 + f * _C6)))))
    twos = powers.view(np.float32)
    for k in range(len(x)):
        x[k] *= twos[k]


@_compiled  # type: ignore[untyped-decorator]
def _add(weights: Floats, lines: Floats, found: Floats) -> None:
    """Add the first lines (n, m) of a matrix, by weights (n,), to `found` (m,), eight at a time: it is read less often.

    Of a query's parts and keys these are scores, of shares and values what is seen.
    """
    last = len(weights) - len(weights) % 8
    for k in range(0, last, 8):
        a, b, c, d = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        e, f, g, h = weights[k + 4], weights[k + 5], weights[k + 6], weights[k + 7]
        for i in range(len(found)):
            found[i] += (
                (a * lines[k, i] + b * lines[k + 1, i]) + (c * lines[k + 2, i] + d * lines[k + 3, i])
                + (e * lines[k + 4, i] + f * lines[k + 5, i]) + (g * lines[k + 6, i] + h * lines[k + 7, i])
            )  # fmt: skip
    for k in range(last, len(weights)):
        for i in range(len(found)):
            found[i] += weights[k] * lines[k, i]


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
    out, lowered, powers = np.empty((count, width), np.float32), np.empty(width, np.float32), np.empty(width, np.int32)
    for n in range(count):
        for i in range(width):
            lowered[i] = -joined[n, i]
        _exponentiate(lowered, powers)
        for i in range(width):
            out[n, i] = joined[n, i] / (np.float32(1.0) + lowered[i]) * joined[n, width + i]
    return out
