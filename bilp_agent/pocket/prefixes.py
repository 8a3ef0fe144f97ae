"""Keys and values of what prompts began with lately, so that it is not read again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

BLOCK: Final = 8
"""Tokens that are kept together."""
MOST_BYTES: Final = 1 << 28
MOST_SEEN: Final = 1 << 16


@dataclass
class Prefixes:
    """Blocks of tokens by all that is written up to their end; those that were used least lately go first.

    Most of a prompt never comes again. So a block is kept when it is met for the second time. What is recalled is what
    would be computed, to the bit (see `attention`), so nothing depends on what is kept. May be shared by threads.
    """

    most_bytes: int = MOST_BYTES

    def __post_init__(self) -> None:
        self._blocks: OrderedDict[bytes, tuple[Floats, Floats]] = OrderedDict()
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._bytes, self._lock = 0, Lock()

    def recall(self, ids: NDArray[np.int64], keys: Floats, values: Floats) -> int:
        """Fill the first places with what is known of a prompt, all but its last token at most; how many tokens.

        ids: int64 (t,). keys: (layers, h, w, c), values: (layers, h, c, w), c at least t.
        """
        known = list[bytes]()
        for start, key in _begun(ids[:-1]):
            found = self._blocks.get(key)
            if found is None:
                break
            keys[..., start : start + BLOCK], values[:, :, start : start + BLOCK] = found
            known.append(key)
        with self._lock:
            self._refresh(known)
        return len(known) * BLOCK

    def keep(self, ids: NDArray[np.int64], keys: Floats, values: Floats) -> None:
        """Take from a prompt that has been read, shapes as in `recall`, what was met before and is not known yet."""
        if not self.most_bytes:
            return
        with self._lock:
            begun = list(_begun(ids[:-1]))
            for start, key in begun:
                if key not in self._blocks and self._met(hash(key)):
                    block = keys[..., start : start + BLOCK].copy(), values[:, :, start : start + BLOCK].copy()
                    self._blocks[key] = block
                    self._bytes += 2 * block[0].nbytes
            self._refresh([key for _, key in begun])
            while self._bytes > self.most_bytes:
                self._bytes -= 2 * self._blocks.popitem(last=False)[1][0].nbytes

    def _refresh(self, begun: Sequence[bytes]) -> None:
        """These blocks of one prompt were used last, its first one most lately: without it the rest is of no use."""
        for key in reversed(begun):
            if key in self._blocks:
                self._blocks.move_to_end(key)

    def _met(self, what: int) -> bool:
        """Whether it was met before; now it was."""
        met = what in self._seen
        self._seen[what] = None
        self._seen.move_to_end(what)
        if len(self._seen) > MOST_SEEN:
            self._seen.popitem(last=False)
        return met


def _begun(ids: NDArray[np.int64]) -> Iterator[tuple[int, bytes]]:
    """Where each whole block starts, and all tokens up to its end."""
    for start in range(0, len(ids) // BLOCK * BLOCK, BLOCK):
        yield start, ids[: start + BLOCK].tobytes()
