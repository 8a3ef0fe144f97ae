"""Text to vector without a model or a download: signed feature hashing of phrases or character trigrams."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Features = Callable[[str], Iterable[str]]


class Encoder(Protocol):
    """Embeds texts; equal texts get equal vectors, whatever they are embedded together with."""

    @property
    def name(self) -> str:
        """Names the encoder and its weights: the same name, the same vectors."""

    @property
    def dim(self) -> int:
        """Entries of a vector."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 (len(texts), dim)."""


def phrases(text: str) -> list[str]:
    """The parts between semicolons, lower case."""
    return [part.strip() for part in text.casefold().split(";")]


def trigrams(text: str) -> list[str]:
    """Overlapping runs of three characters of each word, with its borders marked."""
    words = (f"^{word}$" for word in text.casefold().split())
    return [word[i : i + 3] for word in words for i in range(max(len(word) - 2, 1))]


class HashingEncoder:
    """Adds +1 or -1 at a hashed position for each feature (Weinberger et al., "Feature hashing", ICML 2009).

    Entries are small integers, so that Euclidean distances between vectors are exact in float32 and do not depend
    on the order of summation.
    """

    def __init__(self, dim: int = 128, features: Features = phrases) -> None:
        self.dim, self._features = dim, features
        self.name = f"hashing-{getattr(features, '__name__', 'features')}-{dim}"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 (len(texts), dim)."""
        out = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            for feature in self._features(text):
                word = _hash(feature)
                out[row, word % self.dim] += 1.0 if word >> 63 else -1.0
        return out


@lru_cache(maxsize=1 << 16)
def _hash(feature: str) -> int:
    return int.from_bytes(hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
