"""What `longrec train` saved, taken into a run: who learned it, where and from what, and that it is still the same.

learned/ in a run's folder is a copy, so that the run goes on, and is reproduced, without the folder it came from.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from leaderboard.evaluate.learn import TrainingRecord
from leaderboard.files import read_model
from leaderboard.provenance import configuration
from leaderboard.schema import TRACKS, AgentRecord, Isolation, Learned, LogRecord, SpentBudget, Suite, World
from recsim_envs.errors import AgentError, WorldError
from recsim_envs.worlds.storage import atomic_folder

FOLDER: Final = "learned"


def read_training(folder: Path) -> TrainingRecord:
    """The record of a training. Raises `AgentError` for a folder that `longrec train` did not write."""
    if not (folder / "training.json").is_file() or not (folder / "agent").is_dir():
        raise AgentError(f"{folder} holds nothing that was learned; give a folder that `longrec train` wrote")
    return read_model(folder / "training.json", TrainingRecord, AgentError)


def learned_of(
    folder: Path,
    agent: AgentRecord,
    suite: Suite,
    worlds: Sequence[World],
    logs: Sequence[LogRecord],
    isolation: Isolation | None = None,
) -> Learned:
    """What a plan and a submission say of a folder, once it fits them.

    Raises `AgentError` saying which of agent, version, environment, world, training seed, budget and log is another.
    """
    found = read_training(folder)
    name = (agent.name, agent.entry_point)
    chosen_then, chosen_here = _apart(found.agent.parameters, agent, isolation)
    for what, learned, here in (
        ("agent", (found.agent.name, found.agent.entry_point), name),
        ("set of parameters", chosen_then, chosen_here),
        ("version of the agent's source code", found.agent.source_sha256[:12], agent.source_sha256[:12]),
        ("environment", [found.env_id], [task.env_id for task in suite.tasks]),
        ("set of options", [found.options], [task.options for task in suite.tasks]),
        ("world", [found.world.sha256[:12]], [world.sha256[:12] for world in worlds]),
        ("training seed", [found.training_seed], list(suite.training_seeds)),
        ("log", [] if found.log is None else [found.log.sha256[:12]], [log.sha256[:12] for log in logs]),
    ):
        if learned != here:
            raise AgentError(
                f"{folder} was learned with another {what}: {_words(learned)}, here it is {_words(here)}; train again, "
                "or evaluate what it was trained for"
            )
    for unit in ("episodes", "steps"):
        used, limit = getattr(found.spent, unit) or 0, getattr(suite.budget, unit)
        if limit is not None and used > limit:
            allows = f"track {suite.track} allows {limit}; {_advice(found.spent)}"
            raise AgentError(f"{folder} took {used} {unit} of training; {allows}")
    return Learned(sha256=folder_sha256(folder / "agent"), spent=found.spent)


def _apart(
    given: Mapping[str, Any], agent: AgentRecord, isolation: Isolation | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Where what was `given` once and what an agent has been given now come to differ; the device is left out.

    What they resolve to counts: a default that is spelt out is the same. A training of other source code is refused in
    any case, so what the code makes of them here is what it made of them there.
    """
    then, here = without_device(given), without_device(agent.parameters)
    if then != here:
        then, here = (
            without_device(configuration(agent.model_copy(update={"parameters": chosen}), isolation))
            for chosen in (then, here)
        )
    names = [name for name in {**then, **here} if then.get(name) != here.get(name)]
    return {name: then.get(name) for name in names}, {name: here.get(name) for name in names}


def _advice(spent: SpentBudget) -> str:
    """What to do with an agent that interacted so much: the first track that allows it, if one does."""
    for name, allowed in TRACKS.items():
        pairs = [(getattr(spent, unit) or 0, getattr(allowed, unit)) for unit in ("episodes", "steps")]
        if all(limit is None or used <= limit for used, limit in pairs):
            return f"use --track {name}"
    return "train it on less"


def without_device(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters but for where an agent computes, which says nothing of what it has learned."""
    return {key: value for key, value in parameters.items() if key != "device"}


def folder_sha256(folder: Path) -> str:
    """SHA-256 over names and contents of all files of a folder, in hexadecimal."""
    digest = hashlib.sha256()
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder).as_posix()}:{len(content)}:".encode() + content)
    return digest.hexdigest()


def take(folder: Path, run: Path) -> None:
    """Copy what was learned into a run's folder, where it is not there yet. Raises `AgentError` if that fails."""
    if (run / FOLDER).exists():
        return
    try:
        with atomic_folder(run / FOLDER, overwrite=False) as scratch:
            shutil.copyfile(folder / "training.json", scratch / "training.json")
            shutil.copytree(folder / "agent", scratch / "agent")
    except WorldError as error:
        raise AgentError(str(error)) from error


def taken(run: Path, learned: Learned) -> Path:
    """The folder for `Agent.load` in a run's folder. Raises `AgentError` if it is missing or was changed."""
    folder, again = run / FOLDER / "agent", "give the command again with --load and --fresh"
    if not folder.is_dir():
        raise AgentError(f"{folder} is missing, so there is nothing to load; {again}")
    if folder_sha256(folder) != learned.sha256:
        raise AgentError(f"{folder} is not what this run was begun with; {again}")
    return folder


def _words(found: object) -> str:
    return ", ".join(map(str, found)) if isinstance(found, list | tuple) else str(found)
