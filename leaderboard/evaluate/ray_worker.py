"""What runs on the machines of a Ray cluster: one cell a task, no files shared with whoever asked for it.

A machine must have longrec, in the same versions as the driver, and nothing else: worlds and the modules of agents
come along with the task, the cell's file goes back as bytes.
"""

from __future__ import annotations

import io
import platform
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import gymnasium

import recsim_envs
from leaderboard import provenance
from leaderboard.agents import source_hash
from leaderboard.evaluate.build import simulator_for, world_of
from leaderboard.evaluate.cell import CellSpec, run_cell
from leaderboard.evaluate.executor import Event, one_thread, throttled
from leaderboard.schema import World, canonical_json
from recsim_envs.errors import ConfigurationError, LongrecError, PlatformError
from recsim_envs.fingerprint import fingerprint
from recsim_envs.worlds.storage import atomic_folder


@dataclass(frozen=True)
class Parcel:
    """What a cell's environment needs beside the package.

    kwargs  how `env_id` is registered where the driver runs; None for a built-in id
    folder  the folder of the world there; None for a built-in world
    world   its packed folder in the object store, in a list so that it is fetched only where it is needed
    """

    env_id: str
    kwargs: Mapping[str, Any] | None
    folder: str | None
    world: tuple[Any, ...]


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
    with tempfile.TemporaryDirectory(prefix="longrec-cell-") as scratch:
        here = replace(spec, path=Path(scratch) / "cells" / spec.path.name)
        try:
            try:
                here = _unpacked(here, parcel)
                if versions:
                    _check(here, versions)
            except LongrecError as error:
                return node, Unfit(str(error))
            run_cell(here, throttled(cell, send))
        except LongrecError as error:
            return node, error
        return node, here.path.read_bytes()


def pack(folder: Path) -> bytes:
    """A world's folder as a tar file, in memory."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for file in sorted(folder.iterdir()):
            if file.is_file() and not file.name.startswith("."):
                tar.add(file, arcname=file.name)
    return packed.getvalue()


def _unpacked(spec: CellSpec, parcel: Parcel) -> CellSpec:
    """The cell with its environment registered and its world in reach: the driver's folder, or a copy of it."""
    task = spec.plan.suite.tasks[spec.task]
    kwargs, options = dict(parcel.kwargs or {}), dict(task.options)
    if parcel.folder is not None:
        folder = str(_world(parcel, spec.plan.worlds[spec.task]))
        if "world" in options:
            options["world"] = folder
        else:
            kwargs["world"] = folder
    if parcel.kwargs is not None and getattr(gymnasium.registry.get(parcel.env_id), "kwargs", None) != kwargs:
        gymnasium.registry.pop(parcel.env_id, None)
        recsim_envs.register(parcel.env_id, **kwargs)
    tasks = list(spec.plan.suite.tasks)
    tasks[spec.task] = task.model_copy(update={"options": options})
    suite = spec.plan.suite.model_copy(update={"tasks": tuple(tasks)})
    return replace(spec, plan=spec.plan.model_copy(update={"suite": suite}))


def _world(parcel: Parcel, world: World) -> Path:
    """Where this world lies here: unpacked once a machine, under its hash."""
    import ray

    if not parcel.world:  # the driver started this cluster: the machine is its own
        return Path(parcel.folder or "")
    target = Path(tempfile.gettempdir()) / f"longrec-worlds-{_user()}" / world.sha256[:32]
    if not target.is_dir():
        packed: bytes = ray.get(parcel.world[0])
        with atomic_folder(target, overwrite=False) as scratch, tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            tar.extractall(scratch, filter="data")
    return target


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
    top = plan.agent.entry_point.partition(":")[0]
    if _source_hash(top) != plan.agent.source_sha256:
        raise ConfigurationError(f"its sources of {top.partition('.')[0]} are others; install the same ones there")
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
