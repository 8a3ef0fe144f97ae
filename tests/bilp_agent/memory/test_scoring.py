"""Scores of reflections: from their books alone, shrunken, and merged without losing a session."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bilp_agent.memory import (
    Memory,
    Outcomes,
    Reflection,
    credit,
    credited,
    merge_similar,
    records_of,
    score,
    weight_by_score,
)
from bilp_agent.memory.scoring import NORMAL_95, PRIOR
from recsim_envs.errors import AgentError
from recsim_envs.text.encoder import HashingEncoder, trigrams

OUTCOMES = st.lists(st.floats(-1e3, 1e3), max_size=12)


def reflection(
    state: str = "Action 4; Puzzle 2", *principles: str, episode: int = 0, cause: str = "repeat"
) -> Reflection:
    return Reflection(state, cause, "He left. " + " ".join(principles), principles, 3, 70, episode)


def with_books(base: Reflection, outcomes: list[float]) -> Reflection:
    for outcome in outcomes:
        base = credited(base, outcome)
    return base


@given(OUTCOMES)
def test_outcomes_are_mean_and_spread(values: list[float]) -> None:
    found, n = Outcomes.of(values), len(values)
    mean = sum(values) / n if n else 0.0
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1)) if n > 1 else 0.0
    assert found.mean == pytest.approx(mean, abs=1e-9)
    assert found.spread == pytest.approx(spread, rel=1e-4, abs=1e-3)


def test_the_score_is_the_formula() -> None:
    overall = Outcomes.of([10.0, 20.0, 30.0, 40.0])
    found = score(with_books(reflection(), [35.0, 45.0]), overall)
    assert found.value == pytest.approx(2 / (2 + PRIOR) * (40.0 - 25.0))
    assert found.high - found.value == pytest.approx(NORMAL_95 * overall.spread / math.sqrt(2 + PRIOR))
    assert found.high - found.value == pytest.approx(found.value - found.low)


def test_more_use_moves_the_score_and_narrows_the_interval() -> None:
    overall = Outcomes.of([10.0, 20.0, 30.0, 40.0])
    unused, once, often = (score(with_books(reflection(), [40.0] * n), overall) for n in (0, 1, 20))
    assert unused.value == 0.0
    assert 0 < once.value < often.value < 15.0
    assert unused.high - unused.low > once.high - once.low > often.high - often.low > 0


def test_without_outcomes_nothing_is_known() -> None:
    for overall in (Outcomes(), Outcomes.of([3.0])):
        found = score(reflection(), overall)
        assert (found.value, found.low, found.high) == (0.0, -math.inf, math.inf)


def test_the_score_covers_the_truth_as_often_as_it_says() -> None:

    draws = np.random.default_rng(0)
    overall, hits = Outcomes.of(draws.normal(20.0, 5.0, 4000)), 0
    for _ in range(1000):
        effect = draws.normal(0.0, 5.0 / math.sqrt(PRIOR))
        found = score(with_books(reflection(), draws.normal(20.0 + effect, 5.0, 6).tolist()), overall)
        hits += found.low <= effect <= found.high
    assert 0.93 <= hits / 1000 <= 0.97


def test_weights_follow_the_score_and_stay_finite() -> None:
    overall = Outcomes.of([10.0, 20.0, 30.0, 40.0])
    weight = weight_by_score(overall)
    good, bad = with_books(reflection(), [40.0] * 5), with_books(reflection(), [1.0] * 5)
    assert weight(bad) < weight(reflection()) == 1.0 < weight(good)
    assert weight(good) == pytest.approx(math.exp(score(good, overall).value / overall.spread))
    assert math.isfinite(weight_by_score(Outcomes.of([0.0, 1e-9]))(with_books(reflection(), [1e9])))
    assert weight_by_score(Outcomes.of([5.0, 5.0]))(good) == 1.0


def test_credit_finds_what_was_retrieved_earlier() -> None:
    memory = Memory(Reflection, HashingEncoder(), [reflection(episode=1), reflection(episode=2)])
    given_to_it = records_of(memory.nearest("Action 4; Puzzle 2", 1))
    assert credit(memory, given_to_it, 12.0) == 2
    assert credit(memory, given_to_it[:1], 8.0) == 1  # the retrieved copy still has empty books
    assert credit(memory, [reflection("elsewhere")], 8.0) == 0
    assert [(r.episode, r.used, r.outcomes, r.squares) for r in memory.records] == [
        (1, 1, 12.0, 144.0),
        (2, 2, 20.0, 208.0),
    ]
    assert records_of(memory.nearest("Action 4; Puzzle 2", 1))[0].used == 2
    with pytest.raises(AgentError, match="outcome of a session is nan"):
        credit(memory, given_to_it, math.nan)
    assert memory.records[0].id == reflection(episode=1).id != memory.records[1].id


@given(st.permutations([("a; b; c", "x"), ("a; b; c", "X."), ("a; b; d", "x"), ("q; r; s", "x"), ("a; b; c", "y")]))
def test_near_duplicates_are_merged_and_no_session_is_lost(said: list[tuple[str, str]]) -> None:
    made = [with_books(reflection(s, p, episode=i), [float(i), 2.0]) for i, (s, p) in enumerate(said)]
    kept = merge_similar(made, HashingEncoder())
    assert len(kept) == 3
    assert Outcomes.pooled(kept) == Outcomes.pooled(made)
    assert sum(1 + r.merged for r in kept) == len(made)
    assert [r.id for r in kept] == [r.id for r in made if r.id in {k.id for k in kept}]  # the order is kept
    assert merge_similar(kept, HashingEncoder()) == kept


def test_other_causes_and_far_users_are_kept_apart() -> None:
    first = reflection("a; b; c", "Wait five steps.")
    apart = [first, replace(first, cause="too alike"), replace(first, state="q; r; s")]
    assert merge_similar(apart, HashingEncoder()) == apart
    assert merge_similar([], HashingEncoder()) == []


def test_like_wording_may_count_as_the_same() -> None:
    pair = [reflection("a", "Let an item rest for five steps."), reflection("a", "Let items rest for five steps!")]
    assert len(merge_similar(pair, HashingEncoder())) == 2
    merged = merge_similar(pair, HashingEncoder(), wording=HashingEncoder(256, trigrams), likeness=0.8)
    assert [(r.id, r.merged) for r in merged] == [(pair[0].id, 1)]
    far = [*pair, reflection("a", "Never show puzzles.")]
    assert len(merge_similar(far, HashingEncoder(), wording=HashingEncoder(256, trigrams), likeness=0.8)) == 2


def test_encoders_whose_vectors_lie_closer_say_in_what_scale() -> None:
    class Close(HashingEncoder):
        scale = 1 / 16

        def encode(self, texts):
            return super().encode(texts) / 4

    states = ("a 1; b 2; c 3; d 4", "a 1; b 2; c 3; d 5", "e 1; f 2; g 3; h 4")
    learnt = [Reflection(s, "repeat", "t", ("p",), n, 20, n) for n, s in enumerate(states)]
    made = [merge_similar(learnt, encoder) for encoder in (HashingEncoder(), Close())]
    assert [r.state for r in made[0]] == [r.state for r in made[1]] == [states[0], states[2]]
    weigh = {r.id: w for r, w in zip(learnt, (1.0, 3.0, 9.0), strict=True)}
    orders = [
        [m.state for m in Memory(Reflection, encoder, learnt).nearest(states[0], 3, lambda r: weigh[r.id])]
        for encoder in (HashingEncoder(), Close())
    ]
    assert orders[0] == orders[1]
