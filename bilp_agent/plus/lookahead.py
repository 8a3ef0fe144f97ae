"""Planning by playing forward in thought, with learned chances and values; no environment is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

S = TypeVar("S")


@dataclass(frozen=True)
class Prospect:
    """What one recommendation is expected to bring.

    reward: if the user stays. leaves: chance of leaving. value: of the step and all that follows, used where the play
    ends.
    """

    reward: float
    leaves: float
    value: float


class Model(Protocol[S]):
    """What the play needs to know."""

    @property
    def gamma(self) -> float:
        """Discount a step."""

    @property
    def lost(self) -> float:
        """What leaving is worth."""

    def options(self, state: S) -> Sequence[int]:
        """Items worth considering in a state, best first; may be empty."""

    def prospect(self, state: S, item: int) -> Prospect:
        """What showing an item there is expected to bring."""

    def after(self, state: S, item: int) -> S:
        """The state that follows if the user stays."""


class Lookahead(Generic[S]):
    """Depth-limited expectimax: (1 - p)(r + gamma max V') + p lost at each step, the model's value at the last."""

    def __init__(self, model: Model[S]) -> None:
        self._model = model

    def value(self, state: S, item: int, depth: int) -> float:
        """What showing `item` is worth, looking `depth` steps beyond it."""
        model, prospect = self._model, self._model.prospect(state, item)
        if depth <= 0:
            return prospect.value
        following = model.after(state, item)
        options = model.options(following)
        if not options:
            return prospect.value
        best = max(self.value(following, option, depth - 1) for option in options)
        return (1.0 - prospect.leaves) * (prospect.reward + model.gamma * best) + prospect.leaves * model.lost
