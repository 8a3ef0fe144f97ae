"""`TextObservation`: what is observed, as text within a budget."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from recsim_envs.families.options import integer
from recsim_envs.spec import Catalogue
from recsim_envs.text.budget import LONGEST_TOKEN, count_tokens, cut
from recsim_envs.text.catalogue import CatalogueText
from recsim_envs.wrappers import candidates
from recsim_envs.wrappers.layer import Inner, Layer, Mask
from recsim_envs.wrappers.observed import feedback_keys, history_keys, met_items
from recsim_envs.wrappers.shells import LayerWrapper, VectorLayerWrapper

LEAST_TOKENS: Final = 32
_count = lru_cache(maxsize=1 << 16)(count_tokens)  # the same items come again and again


class TextObservation(LayerWrapper):
    """Observe a text of at most `max_tokens` tokens, counted by `recsim_envs.text.budget.count_tokens`.

    Parts of the observation are written one below another. Numbers come as they are, with at most three decimals;
    lists of items (see `observed.history_keys`) as a line an item, oldest first, with what came of it where a part
    "...rewards", "...clicks", "...views" or "...behaviours" stands beside them:

        length: 2
        session:
        - "Portal 2" | Puzzle | rating 4.61 | reward 5

    and candidates of `CandidateSet` with the number to choose them by. What is too long loses the oldest lines first,
    in the order of the text, and says how many are left out. If even the rest is too long it is cut at its end,
    and ends with "…". In a vector environment the observation is a tuple of B texts.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, max_tokens: int = 1024) -> None:
        super().__init__(env, TextObservationLayer, max_tokens=max_tokens)


class VectorTextObservation(VectorLayerWrapper):
    """`TextObservation` for a vector environment."""

    def __init__(self, env: VectorEnv[Any, Any, Any], *, max_tokens: int = 1024) -> None:
        super().__init__(env, TextObservationLayer, max_tokens=max_tokens)


class TextObservationLayer(Layer):
    """The catalogue's lines, and how observations are put into them."""

    def __init__(self, inner: Inner, *, max_tokens: int) -> None:
        super().__init__(inner)
        self._boxes = boxes = inner.observed("TextObservation")
        self._budget = integer("max_tokens", max_tokens, LEAST_TOKENS, 10**7)
        catalogue = inner.task.catalogue
        self._text = CatalogueText(catalogue)
        self._histories = [] if inner.task.candidates else history_keys(boxes, catalogue.num_items)
        self._feedback = {key: feedback_keys(boxes, key) for key in self._histories}
        listed = {part for parts in self._feedback.values() for part in parts.values()}
        self._numbers = [key for key in boxes if key not in {*self._histories, *listed}]
        # Every token is followed by at most one space or line break.
        longest = self._budget * (LONGEST_TOKEN + 1)
        self.observation_space = spaces.Text(longest, charset=charset(catalogue, "".join(boxes)))

    def show(self, observations: Any, mask: Mask) -> tuple[tuple[str, ...], Mask]:
        """One text a lane."""
        lanes = range(self.inner.num_lanes)
        return tuple(self._written({key: part[lane] for key, part in observations.items()}) for lane in lanes), mask

    def _written(self, observation: Mapping[str, NDArray[Any]]) -> str:
        """Facts first, then the lists, shortened to the budget."""
        facts = [line for key in self._numbers for line in self._facts(key, observation[key])]
        lists = {key: self._entries(key, observation) for key in self._histories}
        entries = sum(map(len, lists.values()))

        def fits(dropped: int) -> bool:
            return sum(map(_count, _lines(facts, lists, dropped))) <= self._budget

        dropped = 0 if fits(0) else bisect_left(range(entries), True, key=fits)
        return cut("\n".join(_lines(facts, lists, dropped)), self._budget)

    def _facts(self, key: str, value: NDArray[Any]) -> list[str]:
        if key == candidates.KEY:
            return ["candidates:", *(f"- {n}: {self._text.line(item)}" for n, item in enumerate(value.tolist()))]
        if value.ndim < 2:
            return [f"{_name(key)}: {_figures(value)}"]
        return [f"{_name(key)}:", *(f"- {n}: {_figures(row)}" for n, row in enumerate(value))]

    def _entries(self, key: str, observation: Mapping[str, NDArray[Any]]) -> list[str]:
        items = met_items(self._boxes, observation, key).tolist()
        columns = {word: observation[part].reshape(len(items), -1) for word, part in self._feedback[key].items()}
        return [
            " | ".join([f"- {self._text.line(item)}", *(f"{word} {_figures(c[n])}" for word, c in columns.items())])
            for n, item in enumerate(items)
            if item >= 0
        ]


def charset(catalogue: Catalogue, more: str = "") -> frozenset[str]:
    """Every character that a text about this catalogue can have."""
    printable = {chr(code) for code in range(32, 127)}
    return frozenset(printable.union("\n…", more, *catalogue.titles, *catalogue.category_names))


def _lines(facts: list[str], lists: Mapping[str, list[str]], dropped: int) -> list[str]:
    """All lines, without the first `dropped` entries of the lists taken together."""
    lines = list(facts)
    for key, entries in lists.items():
        missing = min(dropped, len(entries))
        dropped -= missing
        lines.append(_name(key.removesuffix("items")) + (":" if entries else ": nothing"))
        lines += ([f"- {missing} earlier left out"] if missing else []) + entries[missing:]
    return lines


def _name(key: str) -> str:
    return key.replace("_", " ").strip()


def _figures(values: NDArray[Any]) -> str:
    """Numbers with at most three decimals, no minus before zero."""
    return " ".join(f"{round(float(value), 3) + 0.0:.10g}" for value in np.ravel(values))
