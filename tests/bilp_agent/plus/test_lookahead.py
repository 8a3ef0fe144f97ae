"""Playing forward in thought against trying out every sequence."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bilp_agent.plus.lookahead import Lookahead, Prospect

ITEMS = (0, 1, 2)


class Tiny:
    """Three items; what one brings depends on the item before it. A state is what was shown."""

    gamma, lost = 0.8, -7.0

    def __init__(self, table: dict[tuple[int, int], Prospect]) -> None:
        self._table = table

    def options(self, state: tuple[int, ...]) -> Sequence[int]:
        return [i for i in ITEMS if not state or i != state[-1]]

    def prospect(self, state: tuple[int, ...], item: int) -> Prospect:
        return self._table[state[-1] if state else -1, item]

    def after(self, state: tuple[int, ...], item: int) -> tuple[int, ...]:
        return (*state, item)


def worth(model: Tiny, sequence: tuple[int, ...]) -> float:
    """Expected worth of a fixed sequence: survive each step, or lose."""
    total, alive, discount = 0.0, 1.0, 1.0
    for place, item in enumerate(sequence):
        here = model.prospect(sequence[:place], item)
        if place == len(sequence) - 1:
            return total + alive * discount * here.value
        total += alive * discount * (here.leaves * model.lost + (1 - here.leaves) * here.reward)
        alive, discount = alive * (1 - here.leaves), discount * model.gamma
    raise AssertionError


PROSPECTS = st.builds(Prospect, st.floats(0, 5), st.floats(0, 1), st.floats(-10, 10))


@given(st.fixed_dictionaries({(a, b): PROSPECTS for a in (-1, *ITEMS) for b in ITEMS}), st.integers(0, 3))
def test_the_value_is_that_of_the_best_sequence(table: dict[tuple[int, int], Prospect], depth: int) -> None:
    model = Tiny(table)
    for first in ITEMS:
        sequences = [(first, *rest) for rest in product(ITEMS, repeat=depth)]
        apart = [s for s in sequences if all(a != b for a, b in pairwise(s))]
        found = Lookahead(model).value((), first, depth)
        assert found == pytest.approx(max(worth(model, s) for s in apart))


def test_without_options_the_models_value_is_taken() -> None:
    class Stuck(Tiny):
        def options(self, state: tuple[int, ...]) -> Sequence[int]:
            return []

    made = Stuck({(-1, 0): Prospect(1.0, 0.5, 3.0)})
    assert Lookahead(made).value((), 0, 4) == 3.0
