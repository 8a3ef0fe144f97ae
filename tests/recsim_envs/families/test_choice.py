"""The choice models against their plain-Python reference, and the best slate against trying them all."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsim_envs.families import choice
from tests.recsim_envs.families.recsim_reference import chances, drawn_slot


def numbers(least, most):
    """To six digits: numbers near the smallest that floats hold are no scores."""
    return st.floats(least, most).map(lambda x: round(x, 6))


MODELS = st.sampled_from(choice.MODELS)
SCORES = st.lists(numbers(-3.0, 5.0), min_size=1, max_size=6)
CONSTANTS = st.fixed_dictionaries(
    {
        "no_click": numbers(-2.0, 5.0),
        "floor": numbers(-3.0, 0.0),
        "attention": numbers(0.0, 1.0),
        "scaling": numbers(0.0, 0.5),
    }
)


def built(model, constants):
    return choice.Choice(choice.MODELS.index(model), **constants)


@settings(max_examples=300, deadline=None)
@given(MODELS, SCORES, CONSTANTS, st.floats(0.0, 1.0, exclude_max=True), st.sets(st.integers(1, 5)))
def test_probabilities_and_draws_equal_the_reference(model, scores, constants, u, empty):
    holes = [None if i in empty else x for i, x in enumerate(scores)]
    masses = np.array([-math.inf if x is None else x for x in holes])
    nothing = choice.weigh(built(model, constants), masses)
    expected = chances(model, holes, **constants)
    total = masses.sum() + nothing
    assert min(total, nothing) >= 0.0
    assert masses / (total or 1.0) == pytest.approx(expected, abs=1e-12)
    edges = np.cumsum(expected)
    if np.abs(edges - u).min() > 1e-9:
        slot = choice.pick(masses, nothing, u)
        assert (None if slot == choice.NOTHING else slot) == drawn_slot(expected, u)


def test_scores_too_large_for_exp_are_weighed():
    masses = np.array([800.0, 0.0, -800.0])
    nothing = choice.weigh(choice.Choice(choice.LOGIT, 799.0, 0.0), masses)
    assert masses[0] / (masses.sum() + nothing) == pytest.approx(1 / (1 + math.exp(-1)))


def test_later_repeats_are_empty_slots():
    scores = np.array([1.0, 2.0, 1.0, 1.0, 3.0])
    choice.empty_repeats(np.array([7, 4, 7, 7, 1]), scores)
    assert scores.tolist() == [1.0, 2.0, -math.inf, -math.inf, 3.0]


def worth(model, constants, slate, scores, values, nothing, repeats):
    """Expected value of a slate: the plain sum."""
    shown = [None if not repeats and c in slate[:i] else scores[c] for i, c in enumerate(slate)]
    found = chances(model, shown, **constants)
    return sum(p * values[c] for p, c in zip(found, slate, strict=True)) + (1 - sum(found)) * nothing


@settings(max_examples=200, deadline=None)
@given(MODELS, st.lists(st.tuples(numbers(-1, 2), numbers(-5, 5)), min_size=1, max_size=4), CONSTANTS,
       numbers(-5.0, 5.0), st.booleans(), st.integers(1, 3))  # fmt: skip
def test_the_best_slate_is_the_best_of_all(model, candidates, constants, nothing, repeats, slots):
    scores, values = (np.array(column) for column in zip(*candidates, strict=True))
    slots = min(slots, len(scores))
    slate = np.zeros(slots, np.int64)
    found = choice.best_slate(built(model, constants), scores, values, nothing, repeats, slate)
    best = max(
        worth(model, constants, other, scores, values, nothing, repeats)
        for other in itertools.product(range(len(scores)), repeat=slots)
    )
    reached = worth(model, constants, tuple(slate.tolist()), scores, values, nothing, repeats)
    assert reached == pytest.approx(best, abs=1e-9)
    assert found == pytest.approx(best, abs=1e-9)
