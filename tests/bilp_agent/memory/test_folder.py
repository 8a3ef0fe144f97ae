"""Folders of saved memories, and what is gathered from them for people."""

from __future__ import annotations

from pathlib import Path

import pytest

from bilp_agent.memory import ActorExample, CriticExample, Memory, Reflection, credited
from bilp_agent.memory.folder import read_folder, rescue_folder
from bilp_agent.memory.inspect import principles, situations, worths
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.text.encoder import Encoder, HashingEncoder


def taught(
    *told: str, steps: int = 4, episode: int = 0, cause: str = "repeat", outcomes: tuple[float, ...] = ()
) -> Reflection:
    made = Reflection("Action 4", cause, "The user left.", told, steps, 70, episode)
    for outcome in outcomes:
        made = credited(made, outcome)
    return made


LEARNT = [
    taught("Rest items.", steps=4, outcomes=(10.0, 12.0)),
    taught("rest  ITEMS.", "Show what is liked.", steps=8, episode=1, cause="too alike", outcomes=(11.0,)),
    taught("Show anything.", episode=2, outcomes=(1.0, 2.0)),
    taught(episode=3),
]
JUDGED = [ActorExample("a", 1, True, 1.0), ActorExample("a", 1, True, 0.5), ActorExample("a", 2, False, -1.0),
          ActorExample("b", 3, True, 1.0), ActorExample("b", 3, False, -1.0)]  # fmt: skip
VALUED = [CriticExample("a", 1.0), CriticExample("a", 3.0), CriticExample("b", -2.0)]


def save_agent(folder: Path, learnt: list[Reflection], encoder: Encoder | None = None) -> Path:
    with_it = encoder or HashingEncoder()
    Memory(Reflection, with_it, learnt).save(folder / "planner.jsonl")
    Memory(ActorExample, with_it, JUDGED).save(folder / "actor.jsonl")
    Memory(CriticExample, with_it, VALUED).save(folder / "critic.jsonl")
    (folder / "training.json").write_text('{"curve": []}')
    return folder


def test_principles_are_gathered_and_the_best_come_first() -> None:
    rest, liked, silent, anything = principles(LEARNT)
    assert (rest.text, rest.sessions, rest.mean_steps, rest.horizon) == ("Rest items.", 2, 6.0, 70)
    assert rest.causes == (("repeat", 1), ("too alike", 1))
    assert (rest.used, rest.mean_outcome) == (3, 11.0)
    assert (liked.text, liked.used, liked.mean_outcome) == ("Show what is liked.", 1, 11.0)
    assert (silent.text, silent.used, silent.mean_outcome, silent.score.value) == ("The user left.", 0, None, 0.0)
    assert anything.text == "Show anything."
    assert rest.score.value > liked.score.value > 0 > anything.score.value


def test_states_are_gathered_and_the_most_met_come_first() -> None:
    a, b = situations(JUDGED)
    assert (a.state, a.times, a.encouraged, a.discouraged) == ("a", 3, ((1, 2),), ((2, 1),))
    assert (b.times, b.encouraged, b.discouraged) == (2, (), ())  # as often well as badly
    assert [(w.state, w.times, w.mean, w.lowest, w.highest) for w in worths(VALUED)] == [
        ("a", 2, 2.0, 1.0, 3.0),
        ("b", 1, -2.0, -2.0, -2.0),
    ]
    assert principles([]) == situations([]) == worths([]) == []


def test_a_folder_is_read_with_and_without_the_record_of_its_training(tmp_path: Path) -> None:
    save_agent(tmp_path / "run" / "agent", LEARNT)
    (tmp_path / "run" / "training.json").write_text('{"env_id": "longrec/Games-v0"}')
    kept = read_folder(tmp_path / "run")
    assert (kept.planner.records, kept.actor.records, kept.critic.records) == (LEARNT, JUDGED, VALUED)
    assert (kept.record["env_id"], kept.training) == ("longrec/Games-v0", {"curve": []})
    assert read_folder(tmp_path / "run" / "agent") == kept
    assert read_folder(save_agent(tmp_path / "bare", LEARNT)).record == {}


def test_other_folders_say_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="is no folder; give a folder that `longrec train billp"):
        read_folder(tmp_path / "absent")
    with pytest.raises(AgentError, match="it is empty"):
        read_folder(tmp_path)
    (tmp_path / "policy.npz").write_text("")
    with pytest.raises(AgentError, match=r"it holds policy\.npz"):
        read_folder(tmp_path)
    (tmp_path / "training.json").write_text('{"agent": {"name": "fixed-cycle"}}')
    with pytest.raises(AgentError, match="holds the agent 'fixed-cycle', which keeps no such memories"):
        read_folder(tmp_path)
    save_agent(tmp_path / "part", LEARNT)
    (tmp_path / "part" / "critic.jsonl").unlink()
    with pytest.raises(AgentError, match=r"critic\.jsonl is missing"):
        read_folder(tmp_path / "part")
    for damaged in ("[]", "{"):
        (save_agent(tmp_path / "odd", LEARNT) / "training.json").write_text(damaged)
        with pytest.raises(AgentError, match=r"odd/training\.json"):
            read_folder(tmp_path / "odd")


def test_what_is_whole_in_a_damaged_folder_is_rescued(tmp_path: Path) -> None:
    folder = save_agent(tmp_path / "agent", LEARNT)
    (folder / "hypotheses.json").write_text("{}")
    lines = (folder / "actor.jsonl").read_bytes().splitlines()
    (folder / "actor.jsonl").write_bytes(b"\n".join([*lines[:2], b'{"state": "\xc3', *lines[3:5], lines[5][:9]]))
    planner = (folder / "planner.jsonl").read_bytes()
    (folder / "planner.jsonl").write_bytes(planner[: planner.rindex(b"\n", 0, -1)])
    with pytest.raises(AgentError, match=r"holds 3 of 4 records.*longrec memory rescue"):
        read_folder(folder)
    kept, lost = rescue_folder(folder, tmp_path / "new")
    assert (kept.planner.records, kept.critic.records) == (LEARNT[:3], VALUED)
    assert kept.actor.records == [JUDGED[0], *JUDGED[2:4]]
    assert [fault.partition(" (")[0].rpartition("/")[2].partition(";")[0] for fault in lost] == [
        "planner.jsonl: holds 3 of 4 records", "actor.jsonl: line 3 is damaged", "actor.jsonl: line 6 is damaged",
    ]  # fmt: skip
    assert read_folder(tmp_path / "new").others == ("hypotheses.json",)
    with pytest.raises(ConfigurationError, match="exists"):
        rescue_folder(folder, tmp_path / "new")
    (folder / "critic.jsonl").write_bytes(b"")
    with pytest.raises(AgentError, match=r"critic\.jsonl: line 1 is damaged"):
        rescue_folder(folder, tmp_path / "newer")
    assert not (tmp_path / "newer").exists()
