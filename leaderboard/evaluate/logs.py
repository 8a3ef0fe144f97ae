"""The logs of track offline: found or made, checked against what a plan recorded, shown to agents as a view."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from leaderboard.schema import LogRecord, LogRef, Task, canonical_json
from recsim_envs.errors import ConfigurationError, LogError
from recsim_envs.offline import DatasetSpec, LogView, OfflineLog, UpdateProgress, dataset_id, spec_of
from recsim_envs.offline.spec import POLICIES, SESSIONS
from recsim_envs.offline.store import keep, kept, made
from recsim_envs.registration import check_registered

DEFAULT: Final = "mixed"
"""The policy whose log is taken where none is named."""


def log_reference(
    text: str, env_id: str, options: dict[str, Any], sessions: int | None = None, seed: int = 0
) -> LogRef:
    """What `text` names: a policy ("mixed"), a log ("longrec/games/mixed-v0"), or a folder or file, which is kept.

    Raises `ConfigurationError` for an environment or a name that does not exist or a log of another environment,
    and `LogError` for a file that is no log.
    """
    check_registered(env_id)
    if Path(text).exists() or text.endswith(".parquet"):
        if sessions is not None or seed:
            raise ConfigurationError(f"{text} is a file: it has the sessions that it has, and no seed; choose neither")
        log = keep(Path(text), env_id, options)
        return LogRef(name=str(log.facts["id"]), sessions=len(log), sha256=log.sha256())
    name = dataset_id(env_id, text) if text in POLICIES else text
    spec = spec_of(name, sessions=sessions or SESSIONS, seed=seed, options=options)
    if spec.env_id != env_id:
        raise ConfigurationError(f"{text} is a log of {spec.env_id}, not of {env_id}; name one of its own")
    return LogRef(name=spec.id, sessions=spec.sessions, seed=spec.seed)


def find_log(task: Task, split: str = "train") -> OfflineLog:
    """The log of a task on track offline; a named one, of users of `split`, is made where it is not here yet.

    A file holds whom it holds. Raises `ConfigurationError` for a task without log, `LogError` for a file that is not
    here.
    """
    if task.log is None:
        raise ConfigurationError(f"task {task.env_id} names no log; track offline needs one")
    return _found(task.env_id, canonical_json(task.options), task.log, split)


@lru_cache(maxsize=2)  # the cells of a task share it
def _found(env_id: str, options: str, ref: LogRef, split: str) -> OfflineLog:
    chosen = json.loads(options)
    if ref.sha256 is not None:
        return kept(ref.sha256, ref.name, env_id, chosen)
    spec = spec_of(ref.name, sessions=ref.sessions, seed=ref.seed, options=chosen)
    if spec.env_id != env_id:
        raise ConfigurationError(f"log {ref.name} is of {spec.env_id}, not of {env_id}; name one of its own")
    return made(DatasetSpec(env_id, spec.policy, ref.sessions, ref.seed, options=chosen, split=split))


def record_of(log: OfflineLog) -> LogRecord:
    """What a plan and a submission say of a log."""
    return LogRecord(name=str(log.facts["id"]), sha256=log.sha256(), sessions=len(log), steps=len(log.rewards))


def training_log(
    task: Task,
    record: LogRecord,
    *,
    split: str = "train",
    folder: Path | None = None,
    progress: UpdateProgress | None = None,
) -> LogView:
    """The log of a task as its agents see it, if named of users of `split`.

    Raises `LogError` where it is not the one that was recorded.
    """
    log = find_log(task, split)
    if (found := record_of(log)) != record:
        raise LogError(
            f"log {record.name} of {task.env_id} is another here: {found.sessions} sessions, {found.sha256[:12]}, and "
            f"the plan names {record.sessions}, {record.sha256[:12]}; are the versions of longrec and numpy the same?"
        )
    return LogView(log, folder=folder, progress=progress)
