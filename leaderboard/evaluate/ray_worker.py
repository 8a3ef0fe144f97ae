"""What runs on the machines of a Ray cluster: one cell a task, no files shared with whoever asked for it.

A machine must have longrec, in the same versions as the driver, and nothing else: worlds and the modules of agents
come along with the task, the cell's file goes back as bytes.
"""

from __future__ import annotations

import io
import os
import platform
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import gymnasium

import recsim_envs
from leaderboard import provenance
from leaderboard.agents import source_hash
from leaderboard.cores import one_thread
from leaderboard.evaluate.build import simulator_for, world_of
from leaderboard.evaluate.cell import CellSpec, run_cell
from leaderboard.evaluate.executor import Event, throttled
from leaderboard.evaluate.learned import FOLDER
from leaderboard.schema import World, canonical_json
from recsim_envs.errors import ConfigurationError, LongrecError, PlatformError
from recsim_envs.fingerprint import fingerprint
from recsim_envs.offline.store import kept_folder
from recsim_envs.worlds.catalogue import stand_in
from recsim_envs.worlds.storage import atomic_folder

_SCRATCH: Final = "longrec-cell-"


@dataclass(frozen=True)
class Parcel:
    """What a cell needs beside the package. Packed folders lie in the object store, each in a tuple: so they are
    fetched only where they are needed.

    kwargs   how the environment is registered where the driver runs; None for a built-in id
    world    the folder of its world there, and the packed folder
    log      the log of a file, as the driver keeps it, packed
    learned  what the agent has learned and loads, packed
    """

    kwargs: Mapping[str, Any] | None = None
    world: tuple[str, tuple[Any, ...]] | None = None
    log: tuple[Any, ...] | None = None
    learned: tuple[Any, ...] | None = None


@dataclass(frozen=True)
class Unfit:
    """Said of a machine that would give other results, or none; `reason` says why."""

    reason: str


def work(
    cell: int, spec: CellSpec, parcel: Parcel, versions: Mapping[str, str], news: Any
) -> tuple[str, bytes | LongrecError | Unfit]:
    """Run one cell: the node's id, and the bytes of the cell's file, or the agent's error, or why nothing was run.

    `versions` are the driver's; without any, this is the driver's own machine.
    """
    import ray

    node: str = ray.get_runtime_context().get_node_id()
    one_thread()

    def send(event: Event) -> None:
        news.put.remote(event.cell, event.phase, event.done, event.total, node)

    send(Event(cell, "start"))
    _clear_up()
    with tempfile.TemporaryDirectory(prefix=f"{_SCRATCH}{os.getpid()}-") as scratch:
        here = replace(spec, path=Path(scratch) / "cells" / spec.path.name)
        try:
            try:
                _unpack(here, parcel)
                if versions:
                    _check(here, versions)
            except LongrecError as error:
                return node, Unfit(str(error))
            run_cell(here, throttled(cell, send))
        except LongrecError as error:
            return node, error
        return node, here.path.read_bytes()


def _clear_up() -> None:
    """Remove what cells left behind whose processes were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_SCRATCH}*-*"):
        process = folder.name.removeprefix(_SCRATCH).partition("-")[0]
        if process.isdigit() and not _runs(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def pack(folder: Path) -> bytes:
    """A folder as a tar file, in memory."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                tar.add(file, arcname=file.relative_to(folder).as_posix())
    return packed.getvalue()


def _unpack(spec: CellSpec, parcel: Parcel) -> None:
    """Put into reach what came along: worlds and logs once a machine, under their hashes."""
    task, world = spec.plan.suite.tasks[spec.task], spec.plan.worlds[spec.task]
    if parcel.world is not None:
        name, packed = parcel.world
        target = Path(tempfile.gettempdir()) / f"longrec-worlds-{_user()}" / world.sha256[:32]
        _place(packed, target)
        stand_in(name, target)
    if parcel.log is not None and task.log is not None and task.log.sha256 is not None:
        _place(parcel.log, kept_folder(task.log.sha256))
    if parcel.learned is not None:
        _place(parcel.learned, spec.path.parents[1] / FOLDER)
    known = gymnasium.registry.get(task.env_id)
    if parcel.kwargs is not None and (known is None or known.kwargs != parcel.kwargs):
        gymnasium.registry.pop(task.env_id, None)
        recsim_envs.register(task.env_id, **parcel.kwargs)


def _place(packed: tuple[Any, ...], target: Path) -> None:
    """Fetch and unpack a folder, unless it is there."""
    import ray

    if not target.is_dir():
        content: bytes = ray.get(packed[0])
        with atomic_folder(target, overwrite=False) as scratch, tarfile.open(fileobj=io.BytesIO(content)) as tar:
            tar.extractall(scratch, filter="data")


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user, as in some containers
        return "anybody"


def _check(spec: CellSpec, versions: Mapping[str, str]) -> None:
    """Raise a `LongrecError` where this machine cannot give the driver's results bit for bit."""
    plan, task = spec.plan, spec.plan.suite.tasks[spec.task]
    for name, wanted in versions.items():
        if (found := node_versions().get(name, "none")) != wanted:
            raise ConfigurationError(f"it has {name} {found}, the driver {wanted}; install the same version there")
    entry_point = plan.agent.entry_point
    if _source_hash(entry_point) != plan.agent.source_sha256:
        top = entry_point.partition(":")[0].partition(".")[0]
        raise ConfigurationError(f"its sources of {top} are others; install the same ones there")
    world, found = _facts(task.env_id, canonical_json(task.options))
    if world != plan.worlds[spec.task]:
        raise ConfigurationError(f"{task.env_id} stands on another world there ({world.name} {world.sha256[:12]})")
    if found != plan.fingerprints[spec.task]:
        raise PlatformError(f"{task.env_id} computes otherwise there: fingerprint {found[:12]}")


@cache
def node_versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    return {**provenance.packages(), "Python": platform.python_version()}


_source_hash = cache(source_hash)


@cache
def _facts(env_id: str, options: str) -> tuple[World, str]:
    import json

    from leaderboard.schema import Task

    task = Task(env_id=env_id, options=json.loads(options), episodes=1)
    return world_of(simulator_for(task, 1)), fingerprint(env_id, task.options)
