"""The Critic's table equals a plain weighted mean, and states are as near as their numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bilp_agent.hypotheses import Circumstances
from bilp_agent.memory import CriticExample
from bilp_agent.plus.estimate import MOST, WIDTH, Estimate, ValueTable
from bilp_agent.plus.outlook import Outlook
from bilp_agent.states import graded
from recsim_envs.text.encoder import HashingEncoder

ENCODER = HashingEncoder(256, graded)
STATES = st.builds(lambda a, b: f"crowd {a}; reward {b}; known", st.integers(0, 4), st.integers(1, 5))
RECORDS = st.lists(st.builds(CriticExample, STATES, st.sampled_from([-50.0, 3.0, 30.0])), min_size=1, max_size=90)


@given(RECORDS, STATES, st.integers(1, 4))
def test_the_table_equals_a_plain_weighted_mean(records: list[CriticExample], asked: str, k: int) -> None:
    table = ValueTable(ENCODER, 50.0, k, records)
    query = ENCODER.encode([asked])[0]
    states = list(dict.fromkeys(r.state for r in records))
    far = {s: float(np.square(ENCODER.encode([s])[0] - query).sum()) for s in states}
    near = sorted(states, key=lambda s: far[s])[:k]
    weighed = []
    for state in near:
        values = [r.value for r in records if r.state == state]
        steps = len(values) if far[state] == 0 else min(len(values), MOST)
        weight = steps * math.exp(-far[state] / WIDTH)
        weighed += [(weight / len(values), value) for value in values]
    total = sum(w for w, _ in weighed)
    found = table.estimate(asked)
    assert found.weight == pytest.approx(total)
    assert found.value == pytest.approx(sum(w * v for w, v in weighed) / total)
    assert found.leaves == pytest.approx(sum(w for w, v in weighed if v <= -50.0) / total)
    assert len(table) == len(states)


def test_a_prior_counts_as_so_many_steps() -> None:
    made = Estimate(10.0, 0.5, 3.0).mixed(2.0, 0.1, 1.0)
    assert (made.value, made.leaves, made.weight) == (8.0, pytest.approx(0.4), 3.0)
    assert Estimate(0.0, 0.0, 0.0).mixed(2.0, 0.1, 0.0) == Estimate(2.0, 0.1, 0.0)
    empty = ValueTable(ENCODER, 50.0, 3)
    assert empty.estimate("known") == Estimate(0.0, 0.0, 0.0)


def test_numbers_that_are_near_make_states_that_are_near() -> None:
    vectors = ENCODER.encode([f"crowd {n}; known" for n in range(4)])
    far = [float(np.square(vectors[0] - v).sum()) for v in vectors]
    assert far == sorted(set(far))
    halves = ENCODER.encode([f"reward {r}" for r in ("3", "3.5", "4")])
    assert [float(np.square(halves[0] - h).sum()) for h in halves] == [0.0, 1.0, 2.0]


def test_a_state_after_a_recommendation_names_neither_item_nor_user() -> None:
    one = Outlook(3, Circumstances(None, None, 1, 4.26), False, 4, 2, 1, 0.5)
    other = Outlook(5, Circumstances(9, 2, 1, 4.4), False, 4, 2, 1, 0.1)
    assert one.text == other.text == (
        "new; expected reward 4.5; untried neighbours 2; of them alike 1; suspected; rested; crowd 1"
    )  # fmt: skip
    again = Outlook(5, Circumstances(3, 2, 0, 4.4), True, 4, 9, 0, 0.0).text
    assert again.startswith("known; known reward 4.5; untried neighbours 4; of them alike 0; not suspected; shown 3")
