"""Logs that agents learn from, kept in the home folder: made once for all runs, and found again by their hash.

made/<key>/     a named log, under a hash of everything that decides its rows
files/<sha256>/ a copy of somebody's file or folder, under the hash of the log in it
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

from recsim_envs.errors import ConfigurationError, LogError, WorldError
from recsim_envs.offline.files import write_log
from recsim_envs.offline.generate import facts, generate, log_simulator
from recsim_envs.offline.log import OfflineLog
from recsim_envs.offline.own import read_own
from recsim_envs.offline.reading import load_log
from recsim_envs.offline.spec import DatasetSpec
from recsim_envs.worlds.home import home
from recsim_envs.worlds.storage import atomic_folder, discard


def made(spec: DatasetSpec) -> OfflineLog:
    """The log of `spec`, made at the first call and read at later ones, by whatever process.

    Raises what `generate` raises, and `LogError` where the home folder cannot be written.
    """
    key = json.dumps(facts(spec, log_simulator(spec, 1), ()), sort_keys=True)
    path = _root() / "made" / hashlib.sha256(key.encode()).hexdigest()[:32]
    if path.is_dir():
        try:
            return load_log(path)
        except LogError:  # damaged: what it holds can be made again
            discard(path)
    log = generate(spec)
    write_log(log, path, overwrite=False)
    return log


def read_any(path: Path, env_id: str, options: dict[str, object]) -> OfflineLog:
    """A log from a folder of ours or a Parquet file of somebody's own, for one environment.

    Raises `LogError` for what is no log, and `ConfigurationError` for one of another environment.
    """
    if not path.is_dir():
        return read_own(path, env_id, options)
    log = load_log(path)
    found = log.facts["env_id"], dict(log.facts["options"])
    if found != (env_id, options):
        told = " with ".join(str(part) for part in found if part)
        raise ConfigurationError(
            f"{path} is a log of {told}, not of {env_id} with {options or 'no options'}; make one of that environment"
        )
    return log


def keep(path: Path, env_id: str, options: dict[str, object]) -> OfflineLog:
    """Read a log from a file and keep a copy, so that other processes and later runs find it by its hash."""
    log = read_any(path, env_id, options)
    target = kept_folder(log.sha256())
    if not target.is_dir():
        try:
            with atomic_folder(target, overwrite=False) as scratch:
                (shutil.copytree if path.is_dir() else shutil.copyfile)(path, scratch / "log")
        except WorldError as error:
            raise LogError(str(error)) from error
    return log


def kept(sha256: str, name: str, env_id: str, options: dict[str, object]) -> OfflineLog:
    """The log with this hash. Raises `LogError` where no file with it was ever read here, or its copy is damaged."""
    target = kept_folder(sha256)
    if not target.is_dir():
        raise LogError(f"log {name} ({sha256[:12]}) is not here; give its file once with --log PATH")
    log = read_any(target / "log", env_id, options)
    log = replace(log, facts=dict(log.facts) | {"id": name})  # the copy's name is not its own
    if log.sha256() != sha256:
        discard(target)
        raise LogError(f"the copy of log {name} ({sha256[:12]}) was damaged, it is gone; give its file with --log PATH")
    return log


def kept_folder(sha256: str) -> Path:
    """Where the copy of a file's log lies, if there is one."""
    return _root() / "files" / sha256


def _root() -> Path:
    return home() / "logs" / ".kept"
