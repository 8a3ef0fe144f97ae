"""Hypotheses are counted right, hold only on evidence, and forbid what they expose."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bilp_agent.hypotheses import EXPOSED_BELOW, KINDS, Belief, Circumstances, Hypotheses, Kind, forbids
from recsim_envs.errors import AgentError

STEPS = st.lists(
    st.tuples(
        st.builds(
            Circumstances,
            st.none() | st.integers(1, 9),
            st.none() | st.integers(1, 9),
            st.integers(0, 4),
            st.floats(-5, 5),
        ),
        st.booleans(),
    ),
    max_size=30,
)


def exposed(kind: Kind, limit: int, what: Circumstances) -> bool:
    """The definitions of the module, said once more and plainly."""
    if kind == "repeat":
        return what.repeat is not None and what.repeat <= limit
    if what.repeat is not None:
        return False
    if kind == "alike":
        return what.alike is not None and what.alike <= limit
    if kind == "crowded":
        return what.crowded >= limit
    return math.floor(what.reward) <= limit


@given(STEPS, st.sampled_from(KINDS), st.integers(0, 9))
def test_counts_equal_a_plain_count(steps: list[tuple[Circumstances, bool]], kind: Kind, limit: int) -> None:
    made = Hypotheses()
    for what, left in steps:
        made.count(what, left)
    told = made.belief(kind, limit)
    judged = [s for s in steps if kind == "repeat" or s[0].repeat is None]
    inside = [left for what, left in judged if exposed(kind, limit, what)]
    outside = [left for what, left in judged if not exposed(kind, limit, what)]
    assert (told.left, told.stayed) == (sum(inside), len(inside) - sum(inside))
    assert (told.other_left, told.other_stayed) == (sum(outside), len(outside) - sum(outside))
    assert all(told.exposes(what) == exposed(kind, limit, what) for what, _ in judged)


@given(STEPS, st.sampled_from(KINDS))
def test_the_best_limit_is_the_one_with_most_evidence(steps: list[tuple[Circumstances, bool]], kind: Kind) -> None:
    made = Hypotheses()
    for what, left in steps:
        made.count(what, left)
    levels = sorted({n for what, _ in steps if (n := what.level(kind)) is not None})
    tested = [made.belief(kind, n) for n in levels]
    best = made.best(kind)
    assert (best is None) == (not tested)
    if best is not None:
        holding = [b for b in tested if b.holds]
        assert best.evidence == max(b.evidence for b in holding or tested)


def test_evidence_is_the_g_statistic() -> None:
    made = Belief("repeat", 4, 9, 1, 5, 85)
    cells, total = ((9, 10, 14), (1, 10, 86), (5, 90, 14), (85, 90, 86)), 100
    assert made.evidence == pytest.approx(2 * sum(n * math.log(n * total / (row * col)) for n, row, col in cells))
    assert made.holds
    assert not Belief("repeat", 4, 1, 9, 10, 90).holds  # no more often than otherwise
    assert not Belief("repeat", 4, 1, 0, 10, 90).holds  # once is chance
    assert not Belief("repeat", 4, 0, 50, 40, 10).holds  # they leave less often


def repeats(made: Hypotheses, gap: int, left: int, stayed: int) -> None:
    for gone in [True] * left + [False] * stayed:
        made.count(Circumstances(gap, None, 1, 5.0), gone)


def test_only_what_was_proposed_and_stands_the_test_is_believed() -> None:
    made = Hypotheses()
    repeats(made, 2, 6, 0)
    repeats(made, 4, 3, 0)
    repeats(made, 5, 0, 40)
    assert made.beliefs() == ()
    made.propose("too alike")
    made.propose("unknown")
    assert made.beliefs() == ()
    made.propose("repeat")
    assert made.beliefs() == (Belief("repeat", 4, 9, 0, 0, 40),)
    assert forbids(made.beliefs(), Circumstances(4, None, 0, 5.0))
    assert not forbids(made.beliefs(), Circumstances(5, None, 0, 5.0))
    assert not forbids((Belief("repeat", 4, 2, 8, 0, 990),), Circumstances(4, None, 0, 5.0))  # they mostly stay


def test_a_belief_can_be_narrowed_to_test_its_edge() -> None:
    made = Hypotheses()
    repeats(made, 2, 6, 1)
    repeats(made, 4, 1, 1)
    assert made.tried(made.belief("repeat", 4)) == 2
    assert made.tried(made.belief("repeat", 3)) == 0
    assert made.belief("repeat", 4).narrowed().limit == 3
    assert Belief("crowded", 2, 5, 0, 0, 50).narrowed().limit == 3


def test_kinds_that_count_upwards_expose_from_their_limit_on() -> None:
    assert "crowded" not in EXPOSED_BELOW
    crowded = Belief("crowded", 2, 5, 0, 0, 50)
    assert [crowded.exposes(Circumstances(None, None, n, 5.0)) for n in (1, 2, 3)] == [False, True, True]


@given(STEPS)
def test_what_is_saved_is_read_again(tmp_path_factory: pytest.TempPathFactory, steps: list) -> None:  # type: ignore[type-arg]
    made, file = Hypotheses(), tmp_path_factory.getbasetemp() / "hypotheses.json"
    for what, left in steps:
        made.count(what, left)
    made.propose("repeat")
    made.save(file)
    assert Hypotheses.load(file) == made


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 9}', '{"version": 1, "proposed": {"x": 1}, "counts": []}']
)
def test_damaged_files_are_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "hypotheses.json"
    file.write_text(text)
    with pytest.raises(AgentError, match=r"hypotheses\.json"):
        Hypotheses.load(file)
