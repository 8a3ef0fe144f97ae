"""Merging and compacting: nothing counted twice, nothing lost, the stated ones kept."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bilp_agent.memory import (
    ActorExample,
    Caps,
    CriticExample,
    Memory,
    Outcomes,
    Reflection,
    bound,
    compact,
    credited,
    merge,
)
from bilp_agent.memory.compaction import kept_records, merge_records
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.text.encoder import HashingEncoder

STATES = st.sampled_from("abc")
EXAMPLES = st.lists(st.builds(CriticExample, STATES, st.sampled_from([0.0, 1.0])), max_size=15)
USES = st.lists(st.integers(0, 40).map(float), max_size=3)


@st.composite
def reflections(draw: st.DrawFn) -> list[Reflection]:
    """Different ones, each with books."""
    made = []
    for episode in draw(st.lists(st.integers(0, 12), unique=True, max_size=8)):
        record = Reflection("abc"[episode % 3], "repeat", "t", ("p",), 1, 20, episode)
        for outcome in draw(USES):
            record = credited(record, outcome)
        made.append(record)
    return made


@given(EXAMPLES, EXAMPLES)
def test_examples_of_both_add_up_whatever_their_order(a: list[CriticExample], b: list[CriticExample]) -> None:
    merged = merge_records(a, b)
    assert merged == [*a, *b]
    assert Counter(merged) == Counter(merge_records(b, a)) == Counter(a) + Counter(b)
    assert merge_records(a, []) == merge_records([], a) == a


@given(reflections(), reflections())
def test_reflections_of_both_are_kept_once_with_both_books(a: list[Reflection], b: list[Reflection]) -> None:
    merged = merge_records(a, b)
    assert [r.id for r in merged] == list(dict.fromkeys(r.id for r in [*a, *b]))
    assert Outcomes.pooled(merged) == Outcomes.pooled([*a, *b])
    other = {r.id: r for r in merge_records(b, a)}
    assert other == {r.id: r for r in merged}


def test_memories_that_do_not_fit_are_not_merged() -> None:
    critic = Memory(CriticExample, HashingEncoder(), [CriticExample("a", 1.0)])
    both = merge(critic, Memory(CriticExample, HashingEncoder(), [CriticExample("b", 1.0)]))
    assert [m.state for m in both.nearest("b", 1)] == ["b"]
    with pytest.raises(AgentError, match="text encoder must be the same"):
        merge(critic, Memory(CriticExample, HashingEncoder(64)))
    with pytest.raises(AgentError, match="kind"):
        merge(critic, Memory(ActorExample, HashingEncoder()))  # type: ignore[misc]


@given(EXAMPLES, st.integers(1, 12), st.integers(1, 4))
def test_the_newest_examples_are_kept(records: list[CriticExample], cap: int, per_state: int) -> None:
    caps = Caps(cap, per_state)
    kept = kept_records(records, caps)
    newest, seen = [], Counter()
    for record in reversed(records):  # the stated rule, from the newest back
        seen[record.state] += 1
        if seen[record.state] <= per_state and len(newest) < cap:
            newest.append(record)
    assert kept == newest[::-1]
    assert kept_records(kept, caps) == kept


@given(reflections(), st.integers(1, 8))
def test_the_best_reflections_are_kept(records: list[Reflection], cap: int) -> None:
    kept = kept_records(records, Caps(cap))
    assert len(kept) == min(cap, len(records))
    assert kept == [r for r in records if r in kept]
    overall = Outcomes.pooled(records)
    worth = {r.id: (r.outcomes - r.used * overall.mean) / (r.used + 4) for r in records}
    left_out = [worth[r.id] for r in records if r not in kept]
    assert all(worth[r.id] >= max(left_out) for r in kept if left_out)
    assert kept_records(kept, Caps(cap)) == kept


def test_of_equal_reflections_the_more_used_and_then_the_newer_stay() -> None:
    plain = [Reflection("a", "repeat", "t", ("p",), 1, 20, episode) for episode in range(4)]
    plain[0] = credited(credited(plain[0], 10.0), 20.0)  # exactly the mean: a score of 0 as well
    assert kept_records(plain, Caps(2)) == [plain[0], plain[3]]


def test_a_compacted_memory_is_saved_and_found_again(tmp_path: Path) -> None:
    memory = Memory(CriticExample, HashingEncoder(), [CriticExample(f"s{i % 5}", float(i)) for i in range(50)])
    small = compact(memory, Caps(20, 3))
    assert (len(small), small.num_states, len(memory)) == (15, 5, 50)
    assert compact(small, Caps(20, 3)) is small
    assert [r.value for r in small.nearest("s4", 1)[0].records] == [39.0, 44.0, 49.0]
    small.save(tmp_path / "m.jsonl")
    assert Memory.load(tmp_path / "m.jsonl", CriticExample, HashingEncoder()).records == small.records
    with pytest.raises(ConfigurationError, match="at least 1"):
        Caps(0)


@given(EXAMPLES, st.integers(1, 12))
def test_a_memory_that_is_bound_forgets_by_the_same_rule_and_counts_it(records: list[CriticExample], most: int) -> None:
    memory = Memory(CriticExample, HashingEncoder(), records)
    memory.nearest("a", 2)  # the index is made before
    kept = kept_records(records, Caps(max(3 * most // 4, 1)))
    assert bound(memory, most) == (len(records) > most)
    assert memory.records == (kept if len(records) > most else records)
    assert memory.forgotten == len(records) - len(memory)
    assert memory.compactions == (len(records) > most)
    fresh = Memory(CriticExample, HashingEncoder(), memory.records)
    assert memory.nearest("b", 3) == fresh.nearest("b", 3)
    assert memory.num_states == fresh.num_states
    memory.add(CriticExample("c", 7.0))
    assert memory.of_state("c")[-1].value == 7.0
