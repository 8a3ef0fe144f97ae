"""Usage told by strangers is read with care; sums keep 'not measured' apart from zero."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from leaderboard.schema import Cell, SpentBudget, Usage
from leaderboard.usage import told, total, usage_of, waited

FACTS = {
    "language_model": "m",
    "usage": {"calls": 5, "input_tokens": 100, "cached_tokens": 40, "written_tokens": None, "output_tokens": 7},
    "training": {"usage": {"calls": 2, "input_tokens": 10}},
    "waited_seconds": {"train": 0.5, "test": 2},
}


def cell(facts, **fields):
    spent = SpentBudget(episodes=0, steps=0)
    return Cell(task=0, training_seed=0, spent=spent, train_seconds=1, test_seconds=1, facts=facts, **fields)


def test_both_phases_are_read():
    found = told(FACTS)
    assert found["test"] == Usage(model="m", calls=5, input=100, cache_read=40, output=7, seconds=2)
    assert found["train"] == Usage(model="m", calls=2, input=10, seconds=0.5)
    assert told({}) == {}


def test_older_submissions_tell_it_in_their_facts():
    assert usage_of(cell(FACTS), "test").calls == 5
    assert usage_of(cell(FACTS, usage={"test": Usage(calls=9)}), "test").calls == 9
    assert usage_of(cell({}), "test") is None


def test_what_is_no_count_is_not_measured():
    record = {"calls": True, "input_tokens": -1, "cached_tokens": "5", "output_tokens": 10**13}
    assert told({"usage": record, "language_model": 3}) == {"test": Usage()}
    assert told({"usage": {"input_tokens": 5, "cached_tokens": 6}}) == {"test": Usage()}  # a part above the whole
    assert told({"usage": [], "training": "x"}) == {}


def test_sums_over_cells():
    a, b = Usage(model="m", calls=1, input=10, output=2), Usage(model="m", calls=2, input=None, output=3)
    assert total([a, b]) == Usage(model="m", calls=3, output=5)
    assert total([a, None]) == Usage(model="m")
    assert total([None]) is None
    assert total([a, Usage(model="n", calls=1)]).model == ""


def test_waiting_that_was_not_measured_is_not_zero():
    assert waited([cell({})]) == 0
    assert waited([cell({}, usage=told(FACTS)), cell({})]) == 2.5
    assert waited([cell({}, usage={"test": Usage(calls=3)})]) is None
    assert waited([cell({}, usage={"test": Usage(calls=0)})]) == 0


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                    lambda x: st.lists(x) | st.dictionaries(st.sampled_from(
                        ["usage", "training", "calls", "input_tokens", "waited_seconds", "test"]), x)))  # fmt: skip
def test_no_facts_break_it(value):
    facts = value if isinstance(value, dict) else {"usage": value, "training": value, "waited_seconds": value}
    assert set(told(facts)) <= {"train", "test"}
