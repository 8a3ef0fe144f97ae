"""Counter-based randomness: every draw is a pure function of (seed, step, purpose, lane).

There is no generator state, so a draw is the same in a scalar environment, in a vector environment of any
width, in another process and in a replay, whatever was drawn before it. The function is Philox4x32-10
(Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), with the 64-bit seed as its key and
(step, purpose, lane) as its counter. Written once, as compiled code: kernels call the scalar functions,
everybody else the `*_array` functions, which broadcast over their arguments.

`derive_seed` makes seeds out of names. It is a cryptographic hash, so that seeds of different purposes never
overlap and none can be computed back to what it was made from.
"""

from __future__ import annotations

import hashlib
import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

# What a draw is for. Two draws that differ in purpose are independent; a number is never reused.
EPISODE: Final = 1  # seed of the k-th episode of an environment seed
USER: Final = 2  # which user visits
AGENT: Final = 3  # an agent's own choices, keyed by its session key
POLICY: Final = 4  # an agent's second stream (exploration, tie-breaking)
SPLIT: Final = 5  # keeps the sessions of train and test users apart where users are drawn and not stored
CANDIDATES: Final = 6  # which items a candidate set offers
WORLD: Final = 16  # first of the purposes that world generators use
FAMILY: Final = 64  # first of the purposes of a family's dynamics; each family counts on from it in its kernel

_U32 = np.uint64(0xFFFFFFFF)
_S32 = np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)  # multipliers and key increments of the paper
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)


@njit(cache=True, inline="always")
def philox4x32(c0, c1, c2, c3, k0, k1):
    """Ten rounds of Philox4x32 on a 4x32-bit counter and a 2x32-bit key, all held in uint64; four words."""
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (p1 >> _S32) ^ c1 ^ k0, p1 & _U32, (p0 >> _S32) ^ c3 ^ k1, p0 & _U32
        k0, k1 = (k0 + _W0) & _U32, (k1 + _W1) & _U32
    return c0, c1, c2, c3


@njit(cache=True, inline="always")
def bits(seed, step, purpose, lane):
    """64 random bits (uint64). `step` and `purpose` below 2**32, `seed` and `lane` below 2**64."""
    seed, step, purpose, lane = np.uint64(seed), np.uint64(step), np.uint64(purpose), np.uint64(lane)
    w0, w1, _, _ = philox4x32(lane & _U32, purpose, step, lane >> _S32, seed & _U32, seed >> _S32)
    return (w1 << _S32) | w0


@njit(cache=True, inline="always")
def uniform(seed, step, purpose, lane):
    """A float64 in [0, 1) with 53 random bits."""
    return np.float64(bits(seed, step, purpose, lane) >> np.uint64(11)) * 2.0**-53


@njit(cache=True, inline="always")
def below(n, seed, step, purpose, lane):
    """An int64 in 0..n-1 for 0 < n < 2**32, by multiply-and-shift: bias under n / 2**64, no rejection loop."""
    x, m = bits(seed, step, purpose, lane), np.uint64(n)
    return np.int64(((x >> _S32) * m + (((x & _U32) * m) >> _S32)) >> _S32)


@njit(cache=True, inline="always")
def normal(seed, step, purpose, lane):
    """A standard normal float64 (Box & Muller, Ann. Math. Statist. 29, 1958): one draw, both its halves used."""
    seed, step, purpose, lane = np.uint64(seed), np.uint64(step), np.uint64(purpose), np.uint64(lane)
    w0, w1, w2, w3 = philox4x32(lane & _U32, purpose, step, lane >> _S32, seed & _U32, seed >> _S32)
    u = (np.float64(((w1 << _S32) | w0) >> np.uint64(11)) + 1.0) * 2.0**-53  # in (0, 1]: the logarithm is finite
    v = np.float64(((w3 << _S32) | w2) >> np.uint64(11)) * 2.0**-53
    return math.sqrt(-2.0 * math.log(u)) * math.cos(2.0 * math.pi * v)


@njit(cache=True)
def _fill_bits(seed, step, purpose, lane, out):
    for i in range(out.size):
        out[i] = bits(seed[i], step[i], purpose[i], lane[i])


@njit(cache=True)
def _fill_uniform(seed, step, purpose, lane, out):
    for i in range(out.size):
        out[i] = uniform(seed[i], step[i], purpose[i], lane[i])


@njit(cache=True)
def _fill_normal(seed, step, purpose, lane, out):
    for i in range(out.size):
        out[i] = normal(seed[i], step[i], purpose[i], lane[i])


@njit(cache=True)
def _fill_below(n, seed, step, purpose, lane, out):
    for i in range(out.size):
        out[i] = below(n[i], seed[i], step[i], purpose[i], lane[i])


def _broadcast(*arguments: ArrayLike) -> tuple[tuple[int, ...], list[NDArray[np.uint64]]]:
    arrays = [np.asarray(a).astype(np.uint64) for a in arguments]
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    # Copies, because numba compiles anew for arrays that cannot be written; `full` is the quick one for scalars.
    return shape, [
        a.ravel() if a.shape == shape else (np.full(shape, a) if a.ndim == 0 else np.broadcast_to(a, shape)).flatten()
        for a in arrays
    ]


def bits_array(seed: ArrayLike, step: ArrayLike, purpose: ArrayLike, lane: ArrayLike = 0) -> NDArray[np.uint64]:
    """`bits` over broadcast arguments; uint64 of their common shape."""
    shape, flat = _broadcast(seed, step, purpose, lane)
    out = np.empty(flat[0].size, np.uint64)
    _fill_bits(*flat, out)
    return out.reshape(shape)


def uniform_array(seed: ArrayLike, step: ArrayLike, purpose: ArrayLike, lane: ArrayLike = 0) -> NDArray[np.float64]:
    """`uniform` over broadcast arguments; float64 in [0, 1) of their common shape."""
    shape, flat = _broadcast(seed, step, purpose, lane)
    out = np.empty(flat[0].size, np.float64)
    _fill_uniform(*flat, out)
    return out.reshape(shape)


def normal_array(seed: ArrayLike, step: ArrayLike, purpose: ArrayLike, lane: ArrayLike = 0) -> NDArray[np.float64]:
    """`normal` over broadcast arguments; float64 of their common shape."""
    shape, flat = _broadcast(seed, step, purpose, lane)
    out = np.empty(flat[0].size, np.float64)
    _fill_normal(*flat, out)
    return out.reshape(shape)


def below_array(
    n: ArrayLike, seed: ArrayLike, step: ArrayLike, purpose: ArrayLike, lane: ArrayLike = 0
) -> NDArray[np.int64]:
    """`below` over broadcast arguments; int64 in 0..n-1 of their common shape."""
    shape, flat = _broadcast(n, seed, step, purpose, lane)
    out = np.empty(flat[0].size, np.int64)
    _fill_below(*flat, out)
    return out.reshape(shape)


def derive_seed(*labels: str | int) -> int:
    """A seed in 0..2**63-1 made from labels: the first 63 bits of SHA-256 over their unambiguous encoding.

    >>> derive_seed("smoke-v1", "longrec/Games-v0", 0) == derive_seed("smoke-v1", "longrec/Games-v0", 0)
    True
    """
    encoded = "".join(f"{type(x).__name__}:{len(str(x))}:{x}|" for x in labels).encode()
    return int.from_bytes(hashlib.sha256(encoded).digest()[:8], "big") >> 1
