"""Memories: nearest first, equal states share a vector, whole files or nothing."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bilp_agent.memory import ActorExample, CriticExample, Match, Memory, Reflection, records_of
from recsim_envs.errors import AgentError
from recsim_envs.text.encoder import HashingEncoder, trigrams
from recsim_envs.text.encoders import load_encoder
from tests.recsim_envs.text.test_encoders import save_tiny_bert

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
        (lambda lines: [*lines[:2], '{"state": "b", "value": 1' + "0" * 400 + "}"], "line 3 is damaged"),
        (lambda lines: [*lines[:2], "[" * 100_000], "line 3 is damaged"),
        (lambda lines: ["[" * 100_000, *lines[1:]], "line 1 is damaged"),
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


def test_what_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    critic_memory("a").save(tmp_path / "m.jsonl")
    before = (tmp_path / "m.jsonl").read_bytes()
    with pytest.raises(AgentError, match="not finite, so nothing was written"):
        Memory(CriticExample, HashingEncoder(), [CriticExample("a", math.inf)]).save(tmp_path / "m.jsonl")
    assert (tmp_path / "m.jsonl").read_bytes() == before


def test_a_transformer_embeds_a_memory_that_only_it_can_load(tmp_path: Path) -> None:
    one, other = (load_encoder(str(save_tiny_bert(tmp_path / name, seed))) for seed, name in enumerate(("a", "b")))
    memory = Memory(CriticExample, one, [CriticExample(state, 0.0) for state in ("stage early", "stage late", "end")])
    assert memory.nearest("stage late", 1)[0] == Match("stage late", 0.0, (CriticExample("stage late", 0.0),))
    states = one.encode(memory.states)
    far = [float(((row - one.encode(["stage"])[0]) ** 2).sum()) for row in states]
    assert [m.distance for m in memory.nearest("stage", 3)] == sorted(far)
    memory.save(tmp_path / "m.jsonl")
    assert Memory.load(tmp_path / "m.jsonl", CriticExample, one).records == memory.records
    with pytest.raises(AgentError, match=r"made with the text encoder transformer-a-\w+ \(32 wide\)"):
        Memory.load(tmp_path / "m.jsonl", CriticExample, other)


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


TEXT = st.text(st.characters(), max_size=8)  # halves of surrogate pairs too
RECORDS = {
    Reflection: st.builds(
        Reflection, TEXT, TEXT, TEXT, st.lists(TEXT, max_size=3).map(tuple), st.integers(0, 99), st.integers(0, 99),
        st.integers(0, 99), st.integers(0, 9), st.floats(-9, 9), st.floats(0, 99), st.integers(0, 3),
    ),
    ActorExample: st.builds(ActorExample, TEXT, st.integers(0, 99), st.booleans(), st.floats(-9, 9)),
    CriticExample: st.builds(CriticExample, TEXT, st.floats(-9, 9)),
}  # fmt: skip


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_any_records_survive_the_disk(
    tmp_path_factory: pytest.TempPathFactory, kind: type, data: st.DataObject
) -> None:
    records = data.draw(st.lists(RECORDS[kind], max_size=6))
    path = tmp_path_factory.mktemp("m") / "m.jsonl"
    Memory(kind, HashingEncoder(), records).save(path)
    assert Memory.load(path, kind, HashingEncoder()).records == records


@given(st.data())
def test_a_file_cut_anywhere_is_known_for_one(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("m") / "m.jsonl"
    critic_memory("a", "ü; b", "c").save(path)
    whole = path.read_bytes()
    cut = whole[: data.draw(st.integers(0, len(whole) - 2))]  # without the last line's end nothing is missing
    path.write_bytes(cut)
    with pytest.raises(AgentError, match=r"m\.jsonl"):
        Memory.load(path, CriticExample, HashingEncoder())
    assert path.read_bytes() == cut  # what is left of it is left alone


def test_a_file_of_version_1_is_read(tmp_path: Path) -> None:
    head = {"format": "longrec-billp-memory", "version": 1, "kind": "Reflection", "records": 1,
            "encoder": "hashing-phrases-128"}  # fmt: skip
    fields = {
        "state": "a",
        "cause": "repeat",
        "text": "t",
        "principles": ["p"],
        "steps": 3,
        "horizon": 70,
        "episode": 1,
    }
    (tmp_path / "m.jsonl").write_text(json.dumps(head) + "\n" + json.dumps(fields) + "\n", "utf-8")
    (read,) = Memory.load(tmp_path / "m.jsonl", Reflection, HashingEncoder()).records
    assert (read.state, read.principles, read.used, read.outcomes, read.merged) == ("a", ("p",), 0, 0.0, 0)


@pytest.mark.parametrize("encoder", [HashingEncoder(64), HashingEncoder(128, trigrams)])
def test_a_memory_of_another_encoder_is_refused(tmp_path: Path, encoder: HashingEncoder) -> None:
    critic_memory("a").save(tmp_path / "m.jsonl")
    with pytest.raises(AgentError, match=r"m\.jsonl: made with the text encoder hashing-phrases-128 \(128 wide\)"):
        Memory.load(tmp_path / "m.jsonl", CriticExample, encoder)


@given(st.lists(WORDS, min_size=1, max_size=20), st.lists(WORDS, max_size=6), st.integers(1, 5))
def test_a_batch_is_answered_as_one_by_one(states: list[str], queries: list[str], k: int) -> None:
    alone = [critic_memory(*states).nearest(query, k) for query in queries]
    assert critic_memory(*states).nearest_batch(queries, k) == alone


@given(st.lists(st.tuples(WORDS, st.integers(0, 3)), min_size=1, max_size=12), WORDS, st.integers(1, 3))
def test_weights_and_nearness_order_together(remembered: list[tuple[str, int]], query: str, k: int) -> None:
    memory = Memory(CriticExample, HashingEncoder(), [CriticExample(s, float(v)) for s, v in remembered])
    near = memory.nearest(query, memory.num_states)[: 8 * k]
    rank = {m.state: (-max(1 + r.value for r in m.records) / (1 + m.distance), n) for n, m in enumerate(near)}
    found = memory.nearest(query, k, weight=lambda r: 1 + r.value)
    assert [m.state for m in found] == sorted(rank, key=rank.__getitem__)[:k]
    for match in found:
        values = [r.value for r in match.records]
        assert values == sorted(r.value for r in memory.of_state(match.state))
    assert memory.nearest(query, k, weight=lambda _: 1.0) == memory.nearest(query, k)


def test_a_record_is_replaced_in_place() -> None:
    memory = critic_memory("a", "b", "a")
    assert [r.value for r in memory.nearest("a", 1)[0].records] == [0.0, 2.0]
    memory.replace(CriticExample("a", 0.0), CriticExample("a", 7.0))
    assert [r.value for r in memory.nearest("a", 1)[0].records] == [7.0, 2.0]
    assert [r.value for r in memory.records] == [7.0, 1.0, 2.0]
    assert (memory.states, memory.of_state("z")) == (("a", "b"), ())
    for old, new in (
        (CriticExample("a", 0.0), CriticExample("a", 1.0)),
        (CriticExample("b", 1.0), CriticExample("a", 1.0)),
    ):
        with pytest.raises(AgentError, match="add it instead"):
            memory.replace(old, new)


def test_embedding_in_pieces_makes_the_same_index(monkeypatch: pytest.MonkeyPatch) -> None:
    states = [f"{a}; {b}" for a in "abcdef" for b in "ghijkl"]
    whole = critic_memory(*states).nearest("a; z", 9)
    monkeypatch.setattr("bilp_agent.memory.store.EMBEDDED", 5)
    assert critic_memory(*states).nearest("a; z", 9) == whole


def test_a_full_store_of_answers_is_emptied_before_a_batch_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = critic_memory("a", "b")
    alone = [memory.nearest(state, 1) for state in ("a", "b", "c")]
    monkeypatch.setattr("bilp_agent.memory.store.REMEMBERED", 2)
    assert memory.nearest_batch(("a", "d"), 1)[0] == alone[0]  # "a" is remembered, "d" is not
    assert memory.nearest_batch(("a", "b", "c"), 1) == alone
