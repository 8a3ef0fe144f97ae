"""Two saved agents made one: what separate training runs on one world remember, added up."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bilp_agent.memory.compaction import merge_records
from bilp_agent.memory.files import FILES, TRAINING, Stored, reading, write_records
from bilp_agent.memory.folder import Kept, read_folder, told_of, width_of
from bilp_agent.memory.records import R
from bilp_agent.plus.learned import Learned
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.files import write_json
from recsim_envs.worlds.storage import atomic_folder

DECISIVE = ("gamma", "window")  # parameters that decide what a record means


def merge_folders(first: Path, second: Path, out: Path) -> Kept:
    """Write what two saved agents learnt as one saved agent to the new folder `out`.

    Records: see `merge_records`. Of `billp-plus` the counts of hypotheses and the suspicions of pairs are added, and of
    stays the closest is kept. Which is named first decides the order of records and nothing else.

    Raises `AgentError` if one is unusable or the two do not fit together: another agent, world, text encoder, gamma or
    window, or a training that is in both. `ConfigurationError` if `out` exists.
    """
    if out.exists():
        raise ConfigurationError(f"{out} exists; choose a new folder")
    a, b = read_folder(first), read_folder(second)
    _check_trainings(a, b)
    learned = _learned(a, b)
    _check_twice(a, b)
    merged = {FILES[role]: _merged(a.path, b.path, getattr(a, role), getattr(b, role)) for role in FILES}
    training: dict[str, Any] = {"merged": [*_sources(a), *_sources(b)]}
    with atomic_folder(out) as scratch:
        for name, stored in merged.items():
            write_records(scratch / name, stored.kind, stored.records, stored.encoder, width_of(stored))
        if learned is not None:
            learned.save(scratch)
            training["beliefs"] = [asdict(belief) for belief in learned.hypotheses.beliefs()]
        write_json(scratch / TRAINING, training)
    return read_folder(out)


def _check_trainings(a: Kept, b: Kept) -> None:
    """Raise `AgentError` where the records of the trainings say that memories mean different things."""
    for one, here in _trainings(a):
        for other, there in _trainings(b):
            if one.get("world") != other.get("world"):
                raise AgentError(
                    f"{a.path} was trained on {one.get('env_id')}, {b.path} on {other.get('env_id')} or another world; "
                    "items are other ones there, so their memories are not merged"
                )
            for what in here:
                if here[what] != there[what]:
                    raise AgentError(
                        f"{a.path} was trained with {what} {here[what]}, {b.path} with {there[what]}; records mean "
                        f"other things then, so merge two with the same {what}"
                    )


def _trainings(kept: Kept) -> list[tuple[Mapping[str, Any], dict[str, Any]]]:
    """The record of each training that a folder comes of, with its agent and the decisive parameters."""
    found = []
    with reading(kept.path):
        for record in kept.origins:
            agent = record.get("agent") or {}
            parameters = agent.get("parameters") or {}  # what is not recorded is at its default
            decisive = {key: parameters.get(key, "by default") for key in DECISIVE}
            found.append((record, {"agent": agent.get("name"), **decisive}))
    return found


def _check_twice(a: Kept, b: Kept) -> None:
    """Raise `AgentError` where one training is in both, be it whole, compacted or rescued.

    Trainings are deterministic: the same agent, environment, seed and budget are the same training.
    """
    for one in _sources(a):
        for other in _sources(b):
            known = one["record"] == other["record"] and "training_seed" in one["record"]
            if known or one["digest"] == other["digest"]:
                named = ", ".join(dict.fromkeys((one["folder"], other["folder"])))
                raise AgentError(
                    f"both hold the same training ({named}), which would count twice; merge separate trainings"
                )


def _learned(a: Kept, b: Kept) -> Learned | None:
    """Hypotheses and pair facts of both; None where neither has any."""
    for kept in (a, b):
        odd = [name for name in kept.others if name not in Learned.FILES]
        if odd:
            raise AgentError(
                f"{kept.path} holds {', '.join(odd)} besides its memories, which cannot be merged, so that the agent "
                "could not be loaded; merge its memories in Python with bilp_agent.memory.merge"
            )
    if a.others != b.others:
        more, less = (a, b) if len(a.others) > len(b.others) else (b, a)
        lacks = ", ".join(name for name in more.others if name not in less.others)
        raise AgentError(
            f"{more.path} holds {lacks}, which {less.path} lacks: it is of another agent, or was not copied whole; "
            "merge two of billp or two of billp-plus"
        )
    if not a.others:
        return None
    learned = Learned.load(a.path)
    learned.merge(Learned.load(b.path))
    return learned


def _sources(kept: Kept) -> list[dict[str, Any]]:
    """The trainings that a folder comes of: where each lay, a digest of what it remembers, and its record."""
    merged = kept.training.get("merged")
    if isinstance(merged, list):
        with reading(kept.path):
            return [
                s | {"folder": str(s["folder"]), "digest": str(s["digest"]), "record": dict(s.get("record") or {})}
                for s in merged
            ]
    digest = hashlib.sha256()
    for name in (*FILES.values(), *kept.others):
        digest.update(hashlib.sha256((kept.path / name).read_bytes()).digest())
    record, training = told_of(kept.record), {key: kept.training[key] for key in kept.training if key != "record"}
    return [{"folder": str(kept.path), "digest": digest.hexdigest()[:16], "record": record, "training": training}]


def _merged(here: Path, there: Path, a: Stored[R], b: Stored[R]) -> Stored[R]:
    """The records of both. Raises `AgentError` where their encoders differ."""
    if a.encoder != b.encoder:
        raise AgentError(
            f"{here} was made with the text encoder {a.encoder}, {there} with {b.encoder}; only memories of one "
            "encoder can be merged"
        )
    return Stored(a.kind, merge_records(a.records, b.records), a.encoder, b.dim or a.dim)
