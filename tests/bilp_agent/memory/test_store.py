"""Memories: nearest first, equal states share a vector, whole files or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bilp_agent.memory import ActorExample, CriticExample, Memory, Reflection, records_of
from recsim_envs.errors import AgentError
from recsim_envs.text.encoder import HashingEncoder, trigrams

WORDS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=5).map("; ".join)
REFLECTION = Reflection("Action 4", "repeat", "He said “no”\u2028and left. Don't.", ("a", "b"), 3, 70, 1)


def critic_memory(*states: str) -> Memory[CriticExample]:
    memory = Memory(CriticExample, HashingEncoder())
    for number, state in enumerate(states):
        memory.add(CriticExample(state, float(number)))
    return memory


def test_the_nearest_come_first_and_none_is_skipped() -> None:
    memory = critic_memory("x; y; z", "a; b; z", "a; b; c", "a; b; c")
    found = memory.nearest("a; b; c", 3)
    assert [m.state for m in found] == ["a; b; c", "a; b; z", "x; y; z"]
    assert found[0].distance == 0.0
    assert [m.distance for m in found] == sorted(m.distance for m in found)
    assert [r.value for r in records_of(found)] == [3.0, 2.0, 1.0, 0.0]  # newest first within a state
    assert (len(memory), memory.num_states, "a; b; c" in memory, "q" in memory) == (4, 3, True, False)


@given(st.lists(WORDS, min_size=1, max_size=20), WORDS, st.integers(1, 5))
def test_retrieval_is_exact(states: list[str], query: str, k: int) -> None:
    memory, encoder = critic_memory(*states), HashingEncoder()
    distinct = list(dict.fromkeys(states))
    true = np.sort(((encoder.encode(distinct) - encoder.encode([query])) ** 2).sum(axis=1))
    assert [m.distance for m in memory.nearest(query, k)] == true[:k].tolist()


def test_the_index_grows_with_the_memory() -> None:
    memory = critic_memory("a; b")
    assert [m.state for m in memory.nearest("c; d", 2)] == ["a; b"]
    memory.add(CriticExample("c; d", 9.0))
    assert [m.state for m in memory.nearest("c; d", 2)] == ["c; d", "a; b"]
    assert critic_memory().nearest("a", 3) == []
    assert memory.nearest("a", 0) == []


@pytest.mark.parametrize(
    "record",
    [REFLECTION, ActorExample("s; ü", 4, True, -0.5), CriticExample("s", 1.25)],
    ids=lambda r: type(r).__name__,
)
def test_what_is_saved_is_loaded(tmp_path: Path, record: Reflection | ActorExample | CriticExample) -> None:
    memory = Memory(type(record), HashingEncoder())
    memory.add(record)
    memory.save(tmp_path / "new" / "m.jsonl")
    assert Memory.load(tmp_path / "new" / "m.jsonl", type(record), HashingEncoder()).records == [record]
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["m.jsonl"]


def _damage(tmp_path: Path, change: object) -> Path:
    memory = critic_memory("a", "b")
    memory.save(tmp_path / "m.jsonl")
    lines = (tmp_path / "m.jsonl").read_text("utf-8").splitlines()
    assert callable(change)
    (tmp_path / "m.jsonl").write_text("\n".join(change(lines)), "utf-8")
    return tmp_path / "m.jsonl"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda lines: [lines[0].replace('"version": 2', '"version": 9'), *lines[1:]], "version 9"),
        (lambda lines: lines[:-1], "1 of 2 records"),
        (lambda lines: [*lines[:2], lines[2][:10]], "line 3 is damaged"),
        (lambda lines: [*lines[:2], '{"state": "b", "value": "1"}'], "line 3.*field value"),
        (lambda lines: [*lines[:2], '{"state": "b", "value": NaN}'], "line 3.*field value"),
        (lambda lines: [*lines[:2], '{"state": "b"}'], "line 3.*fields"),
        (lambda lines: [*lines[:2], "7"], "line 3 is damaged"),
        (lambda lines: [lines[0].replace("CriticExample", "Reflection"), *lines[1:]], "not a memory of CriticExample"),
        (lambda lines: ["[]", *lines[1:]], "line 1 is damaged"),
        (lambda lines: [""], "line 1 is damaged"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, change: object, told: str) -> None:
    path = _damage(tmp_path, change)
    with pytest.raises(AgentError, match=told) as raised:
        Memory.load(path, CriticExample, HashingEncoder())
    assert str(path) in str(raised.value)


def test_a_missing_file_and_an_unwritable_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"absent\.jsonl.*train the agent"):
        Memory.load(tmp_path / "absent.jsonl", CriticExample, HashingEncoder())
    (tmp_path / "file").write_text("")
    with pytest.raises(AgentError, match="choose another folder"):
        critic_memory("a").save(tmp_path / "file" / "m.jsonl")


def test_the_format_is_plain_json_lines(tmp_path: Path) -> None:
    critic_memory("a").save(tmp_path / "m.jsonl")
    head, record = map(json.loads, (tmp_path / "m.jsonl").read_text("utf-8").splitlines())
    assert head == {
        "format": "longrec-billp-memory",
        "version": 2,
        "kind": "CriticExample",
        "records": 1,
        "encoder": "hashing-phrases-128",
        "dim": 128,
    }
    assert record == {"state": "a", "value": 0.0}


def test_encoding_does_not_depend_on_the_batch_or_on_case() -> None:
    encoder = HashingEncoder(64, trigrams)
    together = encoder.encode(["the witcher", "portal", ""])
    assert np.array_equal(together[1], encoder.encode(["Portal"])[0])
    assert together.dtype == np.float32
    assert not together[2].any()
