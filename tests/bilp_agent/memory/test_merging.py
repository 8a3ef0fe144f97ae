"""Two trainings made one: every count is that of both, whichever comes first, and what does not fit is refused."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bilp_agent.agent import BiLLPAgent
from bilp_agent.hypotheses import Circumstances
from bilp_agent.memory import ActorExample, CriticExample, Memory
from bilp_agent.memory.compaction import Caps
from bilp_agent.memory.folder import compact_folder, read_folder, rescue_folder
from bilp_agent.memory.merging import merge_folders
from bilp_agent.memory.records import Reflection
from bilp_agent.plus.agent import BiLLPPlusAgent
from bilp_agent.plus.learned import Learned
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.text.encoder import HashingEncoder
from tests.bilp_agent.memory.test_folder import JUDGED, LEARNT, VALUED, save_agent

GAPS = st.none() | st.integers(1, 9)
STEPS = st.lists(
    st.tuples(st.builds(Circumstances, GAPS, GAPS, st.integers(0, 4), st.sampled_from([1.5, 3.0])), st.booleans()),
    max_size=12,
)
SHOWN = st.lists(st.integers(0, 7), max_size=8)
TRAININGS = st.tuples(STEPS, st.lists(st.tuples(SHOWN, st.booleans()), max_size=4), st.lists(st.sampled_from(
    ["repeat", "too alike", "low reward", "stayed"]), max_size=4))  # fmt: skip


def learn(training: Any, learned: Learned) -> Learned:
    """Count what one training showed."""
    steps, sessions, causes = training
    for what, left in steps:
        learned.hypotheses.count(what, left)
    for shown, left in sessions:
        for place, item in enumerate(shown):
            gone = left and place == len(shown) - 1
            if gone:
                learned.company.leave(item, shown[:place], 3)
            else:
                learned.company.stay(item, shown[:place])
    for cause in causes:
        learned.hypotheses.propose(cause)
    return learned


@given(TRAININGS, TRAININGS)
def test_counts_of_separate_trainings_add_up_whichever_comes_first(one: Any, other: Any) -> None:
    merged, turned = learn(one, Learned()), learn(other, Learned())
    merged.merge(learn(other, Learned()))
    turned.merge(learn(one, Learned()))
    assert merged == turned
    together = learn(other, learn(one, Learned()))
    assert merged.hypotheses == together.hypotheses
    assert merged.hypotheses.beliefs() == together.hypotheses.beliefs()
    assert merged.company.closest == together.company.closest
    alone = [learn(t, Learned()).company.suspected for t in (one, other)]
    assert merged.company.suspected == {p: sum(s.get(p, 0.0) for s in alone) for p in alone[0] | alone[1]}


def save_plus(folder: Path, number: int, training: Any = ((), (), ()), **record: Any) -> Path:
    """A trained `billp-plus`, as `longrec train` leaves it, with one reflection and one state of its own."""
    agent, encoder = folder / "agent", HashingEncoder()
    states = BiLLPPlusAgent()._valued
    Memory(Reflection, encoder, [LEARNT[number % 4]]).save(agent / "planner.jsonl")
    Memory(ActorExample, encoder, JUDGED).save(agent / "actor.jsonl")
    Memory(CriticExample, states, [CriticExample("new; crowd 1", float(number)), VALUED[0]]).save(
        agent / "critic.jsonl"
    )
    learn(training, Learned()).save(agent)
    (agent / "training.json").write_text("{}")
    told = {"agent": {"name": "billp-plus", "parameters": {}}, "env_id": "longrec/Games-v0", "world": {"sha256": "a"}}
    (folder / "training.json").write_text(json.dumps(told | {"training_seed": number} | record))
    return folder


@settings(max_examples=8)
@given(TRAININGS, TRAININGS, TRAININGS)
def test_folders_of_billp_plus_are_merged_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, one: Any, two: Any, three: Any
) -> None:
    root = tmp_path_factory.mktemp("merge")
    a, b, c = (save_plus(root / str(n), n, training) for n, training in enumerate((one, two, three)))
    left = merge_folders(merge_folders(a, b, root / "ab").path, c, root / "abc")
    right = merge_folders(c, merge_folders(b, a, root / "ba").path, root / "cba")
    for role in ("planner", "actor", "critic"):
        assert Counter(getattr(left, role).records) == Counter(getattr(right, role).records)
    assert len(left.actor.records) == 3 * len(JUDGED)
    assert left.critic.records.count(VALUED[0]) == 3
    for name in Learned.FILES[:1]:
        assert (left.path / name).read_bytes() == (right.path / name).read_bytes()
    agent = BiLLPPlusAgent()
    agent.load(left.path)
    assert agent._learned.hypotheses == learn(three, learn(two, learn(one, Learned()))).hypotheses
    assert [s["record"]["training_seed"] for s in left.training["merged"]] == [0, 1, 2]
    assert left.training["beliefs"] == right.training["beliefs"]


def test_folders_of_billp_are_merged_to_one_that_an_agent_loads(tmp_path: Path) -> None:
    one = save_agent(tmp_path / "one", LEARNT[:3])
    other = save_agent(tmp_path / "other", [LEARNT[0], LEARNT[3]])
    kept = merge_folders(one, other, tmp_path / "both")
    assert [(r.episode, r.used) for r in kept.planner.records] == [(0, 4), (1, 1), (2, 2), (3, 0)]
    assert (kept.actor.records, kept.critic.records) == (JUDGED * 2, VALUED * 2)
    assert [source["folder"] for source in kept.training["merged"]] == [str(one), str(other)]
    agent = BiLLPAgent(model="scripted")
    agent.load(tmp_path / "both")
    assert agent.describe()["memories"]["planner"]["records"] == 4
    with pytest.raises(ConfigurationError, match="exists"):
        merge_folders(one, other, tmp_path / "both")


def test_a_training_does_not_count_twice(tmp_path: Path) -> None:
    one, other = save_agent(tmp_path / "one", LEARNT[:3]), save_agent(tmp_path / "other", LEARNT[3:])
    both = merge_folders(one, other, tmp_path / "both").path
    for first, second in ((one, one), (both, other), (one, both)):
        with pytest.raises(AgentError, match=r"both hold the same training .*merge separate trainings"):
            merge_folders(first, second, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_training_does_not_count_twice_when_one_copy_was_compacted_or_rescued(tmp_path: Path) -> None:
    one, other = save_plus(tmp_path / "one", 0), save_plus(tmp_path / "other", 1)
    compact_folder(one, tmp_path / "small", Caps(records=1, per_state=1))
    critic = one / "agent" / "critic.jsonl"
    critic.write_bytes(critic.read_bytes()[:-9])
    _, lost = rescue_folder(one, tmp_path / "rescued")
    assert lost
    for copy in (tmp_path / "small", tmp_path / "rescued"):
        assert [origin["training_seed"] for origin in read_folder(copy).origins] == [0]
        with pytest.raises(AgentError, match="both hold the same training"):
            merge_folders(tmp_path / "small", copy, tmp_path / "new")
    both = merge_folders(tmp_path / "rescued", other, tmp_path / "both")
    assert [origin["training_seed"] for origin in both.origins] == [0, 1]
    with pytest.raises(AgentError, match="both hold the same training"):
        merge_folders(both.path, tmp_path / "small", tmp_path / "new")
    elsewhere = save_plus(tmp_path / "elsewhere", 2, world={"sha256": "b"})
    with pytest.raises(AgentError, match="or another world"):
        merge_folders(tmp_path / "small", elsewhere, tmp_path / "new")


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (
            {"world": {"sha256": "b"}, "env_id": "longrec/Books-v0"},
            r"Games-v0, .* on longrec/Books-v0 or",
        ),
        ({"agent": {"name": "billp-plus", "parameters": {"gamma": 0.5}}}, "gamma by default, .* with 0.5"),
        ({"agent": {"name": "billp-plus", "parameters": {"window": 3}}}, "window by default, .* with 3"),
        ({"agent": {"name": "billp"}}, "agent billp-plus, .* with billp; .*same agent"),
        ({"agent": "billp-plus"}, r"other/agent: cannot be read .*copy the folder again"),
        ({"agent": {"name": "billp-plus", "parameters": [3]}}, r"other/agent: cannot be read .*copy the folder again"),
    ],
)
def test_trainings_whose_records_mean_other_things_are_refused(tmp_path: Path, record: Any, told: str) -> None:
    one, other = save_plus(tmp_path / "one", 0), save_plus(tmp_path / "other", 1, **record)
    with pytest.raises(AgentError, match=told):
        merge_folders(one, other, tmp_path / "out")
    third = merge_folders(one, save_plus(tmp_path / "third", 2), tmp_path / "both").path
    with pytest.raises(AgentError, match=told):  # what was merged remembers where it comes from
        merge_folders(third, other, tmp_path / "out")


@pytest.mark.parametrize("source", [7, {"digest": "x"}, {"folder": "x", "digest": "x", "record": 7}])
def test_a_merged_agent_whose_sources_are_of_another_shape_is_named(tmp_path: Path, source: Any) -> None:
    one, odd = save_agent(tmp_path / "one", LEARNT), save_agent(tmp_path / "odd", LEARNT)
    (odd / "training.json").write_text(json.dumps({"merged": [source]}))
    with pytest.raises(AgentError, match=r"odd: cannot be read .*copy the folder again"):
        merge_folders(one, odd, tmp_path / "new")


def test_other_encoders_files_and_agents_are_refused(tmp_path: Path) -> None:
    one, odd = save_agent(tmp_path / "one", LEARNT), save_agent(tmp_path / "odd", LEARNT, HashingEncoder(64))
    with pytest.raises(AgentError, match="text encoder"):
        merge_folders(one, odd, tmp_path / "new")
    plus = save_plus(tmp_path / "plus", 0)
    with pytest.raises(AgentError, match=r"company.json, hypotheses.json, which .*one lacks"):
        merge_folders(one, plus, tmp_path / "new")
    cut = save_plus(tmp_path / "cut", 1)
    (cut / "agent" / "company.json").unlink()
    with pytest.raises(AgentError, match=r"holds company\.json, which .*cut/agent lacks: .*not copied whole"):
        merge_folders(plus, cut, tmp_path / "new")
    (one / "notes.txt").write_text("")
    with pytest.raises(AgentError, match=r"one holds notes\.txt besides its memories"):
        merge_folders(one, plus, tmp_path / "new")
    assert not (tmp_path / "new").exists()
