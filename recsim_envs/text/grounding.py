"""From what a text names to an item of the catalogue that may be shown in this session."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recsim_envs.text.catalogue import CatalogueText
from recsim_envs.text.encoder import HashingEncoder, trigrams

How = Literal["exact", "normalised", "fuzzy", "embedding", "fallback"]

SHORTLIST = 32  # titles nearest by trigrams that are compared letter by letter
FUZZY_RATIO = 0.85  # of difflib; a typing slip or a missing subtitle passes, another title does not
LIKENESS = 0.3  # cosine of trigram vectors below which two titles have nothing but chance in common
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Allowed:
    """What may be shown next: neither `blocked` (shown too recently) nor masked by the protocol.

    mask: int8 (n_items,), 0 where the protocol forbids an item; None where it forbids nothing.
    """

    blocked: frozenset[int] = frozenset()
    mask: NDArray[np.int8] | None = None

    def __call__(self, item: int) -> bool:
        """Whether one item may be shown."""
        return item not in self.blocked and (self.mask is None or bool(self.mask[item]))

    def any_item(self, num_items: int) -> bool:
        """Whether anything at all may be shown."""
        return self.room(num_items) > 0

    def room(self, num_items: int) -> int:
        """How many items may be shown."""
        if self.mask is None:
            return num_items - len(self.blocked)
        return int(np.count_nonzero(self.mask)) - sum(bool(self.mask[item]) for item in self.blocked)


@dataclass(frozen=True)
class Grounded:
    """The item to show, and how the name led to it."""

    item: int
    how: How


class Grounding:
    """Titles of one catalogue, found by exact, normalised, near and nearest spelling, in this order.

    Tables of normalised titles and of trigram vectors are made when the first name needs them.
    """

    def __init__(self, text: CatalogueText) -> None:
        self._text = text
        self._size = text.catalogue.num_items
        self._exact: dict[str, list[int]] | None = None
        self._normalised: dict[str, list[int]] | None = None
        self._encoder = HashingEncoder(256, trigrams)
        self._vectors: tuple[NDArray[np.float32], NDArray[np.float64]] | None = None

    def ground(self, name: str, allowed: Allowed, candidates: Sequence[int]) -> Grounded:
        """An allowed item for a name.

        candidates: allowed items in order of preference: an exact title among them wins over the same title
        elsewhere, and the first of them is the answer if nothing is spelled remotely like the name. At least one
        item must be allowed.
        """
        named = name.strip().strip('"').strip()
        for item in candidates:
            if self._text.title(item) == named:
                return Grounded(item, "exact")
        if (exact := self._first(self._lookup_exact(named), allowed)) is not None:
            return Grounded(exact, "exact")
        if (normalised := self._first(self._lookup_normalised(named), allowed)) is not None:
            return Grounded(normalised, "normalised")
        return self._ground_by_spelling(named, allowed, candidates)

    def _ground_by_spelling(self, named: str, allowed: Allowed, candidates: Sequence[int]) -> Grounded:
        near = [item for item in self._neighbours(named) if allowed(item)] if named else []
        goal = normalise(named)
        ratios = {i: difflib.SequenceMatcher(None, goal, normalise(self._text.title(i))).ratio() for i in near}
        close = [item for item in near if ratios[item] >= FUZZY_RATIO]
        if close:
            return Grounded(max(close, key=lambda i: ratios[i]), "fuzzy")
        if near:
            return Grounded(near[0], "embedding")
        return Grounded(candidates[0] if candidates else self._any(allowed), "fallback")

    def _lookup_exact(self, name: str) -> list[int]:
        """Items with this very title, as the catalogue or as the prompts write it."""
        if self._exact is None:
            titles = enumerate(self._text.catalogue.titles)
            self._exact = _group((title, item) for item, raw in titles for title in {raw, self._text.title(item)})
        return self._exact.get(name, [])

    def _lookup_normalised(self, name: str) -> list[int]:
        if self._normalised is None:
            self._normalised = _group((normalise(self._text.title(i)), i) for i in range(self._size))
        return self._normalised.get(normalise(name), [])

    def _neighbours(self, name: str) -> list[int]:
        """The titles whose trigrams are nearest, nearest first, the smaller id first where two are as near."""
        scores = self._likeness(name)
        order = np.argsort(-scores, kind="stable")[:SHORTLIST]
        return order[scores[order] >= LIKENESS].tolist()

    def nearest(self, name: str, count: int, allowed: Allowed) -> list[str]:
        """The allowed titles spelled most like `name`, however unlike they are; for messages."""
        order = np.argsort(-self._likeness(name), kind="stable").tolist()
        return [self._text.title(item) for item in islice(filter(allowed, order), count)]

    def _likeness(self, name: str) -> NDArray[np.float64]:
        """Cosine of the trigram vectors of a name and of each title (n_items,)."""
        if self._vectors is None:
            titles = self._encoder.encode([normalise(self._text.title(i)) for i in range(self._size)])
            self._vectors = titles, _norms(titles)
        titles, norms = self._vectors
        named = self._encoder.encode([normalise(name)])
        # Sums of products of small integers are exact in float32, whatever the order in which they are added.
        return (titles @ named[0]).astype(np.float64) / (norms * _norms(named))

    @staticmethod
    def _first(items: Sequence[int], allowed: Allowed) -> int | None:
        return next((item for item in items if allowed(item)), None)

    def _any(self, allowed: Allowed) -> int:
        """Some allowed item, for when there are no candidates: the first of the catalogue."""
        return next(item for item in range(self._size) if allowed(item))


def normalise(title: str) -> str:
    """Lower case words without accents, punctuation and leading articles: "The Witcher® 3" becomes "witcher 3"."""
    # Symbols go first: decomposed, a trade mark would become the letters "TM".
    letters = "".join(" " if unicodedata.category(c)[0] == "S" else c for c in title.casefold())
    bare = "".join(c for c in unicodedata.normalize("NFKD", letters) if not unicodedata.combining(c))
    found = _WORD.findall(bare)
    return " ".join(found[1:] if len(found) > 1 and found[0] in ("the", "a", "an") else found)


def _group(pairs: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for key, item in pairs:
        groups.setdefault(key, []).append(item)
    return groups


def _norms(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.sqrt(np.maximum((vectors * vectors).sum(axis=1, dtype=np.float64), 1.0))
