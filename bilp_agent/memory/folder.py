"""The three memories of a saved agent as one folder, read without the agent and without its text encoder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bilp_agent.memory.compaction import Caps, kept_records
from bilp_agent.memory.files import FILES, TRAINING, Stored, read_json, read_records, write_records
from bilp_agent.memory.records import ActorExample, CriticExample, R, Reflection
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.files import write_json
from recsim_envs.text.encoders import load_encoder
from recsim_envs.worlds.storage import atomic_folder

TOLD = ("agent", "env_id", "options", "world", "training_seed", "budget", "spent")  # kept of a training's record


@dataclass(frozen=True)
class Kept:
    """What a folder holds. training: `training.json` of the agent. record: what `longrec train` wrote about it, or {};
    of a compacted or rescued agent the part of it that was kept.

    path: where the three files lie. others: files beside them, which only the agent that wrote them can read.
    """

    path: Path
    planner: Stored[Reflection]
    actor: Stored[ActorExample]
    critic: Stored[CriticExample]
    training: Mapping[str, Any]
    record: Mapping[str, Any]
    others: tuple[str, ...] = ()

    @property
    def origins(self) -> list[Mapping[str, Any]]:
        """What `longrec train` wrote about each training that this comes of; empty where nothing is known."""
        merged = self.training.get("merged")
        records = (
            [s.get("record") for s in merged if isinstance(s, dict)] if isinstance(merged, list) else [self.record]
        )
        return [record for record in records if isinstance(record, dict) and record]


def read_folder(folder: Path, lost: list[str] | None = None) -> Kept:
    """Read a saved agent, or the folder that `longrec train` made and that holds it as `agent`.

    Raises `AgentError` if there are no such memories, telling what is there, or if a file is unusable. With a list
    `lost`, damaged lines of memories are told in it and left out.
    """
    path = next((p for p in (folder, folder / "agent") if any((p / name).is_file() for name in FILES.values())), None)
    if path is None:
        raise AgentError(_nothing_in(folder))
    missing = [name for name in FILES.values() if not (path / name).is_file()]
    if missing:
        raise AgentError(f"{path}: {', '.join(missing)} is missing; copy the folder again or train the agent again")
    training, about = read_json(path / TRAINING), path.parent / TRAINING
    told = read_json(about) if path.name == "agent" and about.is_file() else training.get("record")
    return Kept(
        path,
        read_records(path / FILES["planner"], Reflection, lost),
        read_records(path / FILES["actor"], ActorExample, lost),
        read_records(path / FILES["critic"], CriticExample, lost),
        training,
        told if isinstance(told, dict) else {},
        tuple(sorted(p.name for p in path.iterdir() if p.name not in (*FILES.values(), TRAINING))),
    )


def _nothing_in(folder: Path) -> str:
    advice = "give a folder that `longrec train billp --env ENV --out DIR` made"
    if not folder.is_dir():
        return f"{folder} is no folder; {advice}"
    about = folder / TRAINING
    agent = read_json(about).get("agent") if about.is_file() else None
    if isinstance(agent, dict) and agent.get("name"):
        return f"{folder} holds the agent {agent['name']!r}, which keeps no such memories; {advice}"
    there = sorted(p.name for p in folder.iterdir())[:5]
    told = f"it holds {', '.join(there)}" if there else "it is empty"
    return f"{folder} holds no memories ({', '.join(FILES.values())}): {told}; {advice}"


def rescue_folder(folder: Path, out: Path) -> tuple[Kept, list[str]]:
    """Write what is whole in a damaged saved agent to the new folder `out`; what that is, and what was lost.

    Raises `AgentError` where the first line of a memory or another file is unusable, `ConfigurationError` if `out`
    exists.
    """
    lost: list[str] = []
    return _rewrite(read_folder(folder, lost), out, lambda stored: stored.records), lost


def compact_folder(folder: Path, out: Path, caps: Caps) -> Kept:
    """Write a saved agent with its memories compacted to the new folder `out`; see `compact`. Raises as above."""
    return _rewrite(read_folder(folder), out, lambda stored: kept_records(stored.records, caps))


def _rewrite(kept: Kept, out: Path, choose: Callable[[Stored[Any]], list[Any]]) -> Kept:
    """A saved agent with the chosen records of each memory, and where it comes from; other files are copied."""
    if out.exists():
        raise ConfigurationError(f"{out} exists; choose a new folder")
    with atomic_folder(out) as scratch:
        for role, name in FILES.items():
            stored = getattr(kept, role)
            write_records(scratch / name, stored.kind, choose(stored), stored.encoder, width_of(stored))
        for name in kept.others:
            shutil.copy2(kept.path / name, scratch / name)
        origin = {"record": told_of(kept.record)} if kept.record else {}
        write_json(scratch / TRAINING, {**kept.training, **origin})
    return read_folder(out)


def told_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Of the record of a training, what says which training it was."""
    return {key: record[key] for key in TOLD if key in record}


def width_of(stored: Stored[R]) -> int:
    """How wide its encoder's vectors are; files of version 1 do not tell it."""
    return stored.dim or load_encoder(stored.encoder).dim
