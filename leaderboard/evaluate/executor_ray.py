"""The Ray executor: one task a cell, on a cluster that is there or on one that lives as long as the run.

The cells' files come back as bytes and are written here, so machines share no files. What a lost machine ran is run
again elsewhere, from the start and with the same bits; an agent's own error is not tried again.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import site
import socket
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import gymnasium

from leaderboard.cores import threads, usable_cores
from leaderboard.evaluate.cell import CellSpec
from leaderboard.evaluate.executor import INTERVAL, Event, Queue, Send
from leaderboard.evaluate.learned import FOLDER
from leaderboard.evaluate.ray_news import News
from leaderboard.evaluate.ray_worker import Parcel, Unfit, node_versions, pack, work
from leaderboard.files import atomic_path
from recsim_envs.errors import ConfigurationError, WorkerLostError
from recsim_envs.ids import BUILTIN, NAMESPACE
from recsim_envs.offline.store import kept_folder
from recsim_envs.registration import PLUGIN_MODULES
from recsim_envs.worlds import resolve
from recsim_envs.worlds.recipes import RECIPES

ATTEMPTS: Final = 5  # of one cell, when its machines are lost or its processes die
PATIENCE: Final = 300.0  # seconds that a cluster may be without any machine that can run a cell

_OURS: Final = frozenset({"recsim_envs", "baselines", "bilp_agent", "leaderboard"})
_STORE: Final = 200 * 2**20  # bytes of shared memory of a cluster of our own: cells' files are small
_SHORT: Final = 24  # characters of a temporary folder in which Ray can have its sockets
_AHEAD: Final = 2  # cells that wait at the cluster beside those that run, so that no machine waits for us


@dataclass(frozen=True)
class RayExecutor:
    """`address` is HOST:PORT or "auto" of a cluster that this machine is part of; None starts one here and ends it.

    `workers` limits the cells that run at a time; 0 is one a CPU of the cluster, however many it has by then.
    """

    address: str | None = None
    workers: int = 0

    def __post_init__(self) -> None:
        if importlib.util.find_spec("ray") is None:
            raise ConfigurationError(
                "--executor ray needs the package ray; install it with: pip install 'longrec[dist]'"
            )
        host, colon, port = (self.address or "auto").rpartition(":")
        if self.address not in (None, "auto") and not (host and colon and port.isdigit()):
            raise ConfigurationError(f"address {self.address!r} is neither auto nor HOST:PORT, as 10.0.0.5:6379")

    def run(self, specs: Sequence[CellSpec], queue: Queue, send: Send) -> Iterator[Event | None]:
        """As in `Executor.run`. Raises `ConfigurationError` for a cluster that is not there or is not fit."""
        with _connected(self, specs) as ray:
            yield from _Drive(ray, self, specs, queue, send).events()


@contextmanager
def _connected(executor: RayExecutor, specs: Sequence[CellSpec]) -> Iterator[Any]:
    """The module `ray`, connected to a cluster; in the end all that was started is gone."""
    # Else it keeps a token in the home folder, and sends statistics of use.
    for name, value in (("RAY_AUTH_MODE", "disabled"), ("RAY_USAGE_STATS_ENABLED", "0")):
        os.environ.setdefault(name, value)
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # what it will do one day; it warns till then
    import ray

    where = {} if executor.address is None else {"address": _reachable(executor.address)}
    with _scratch() as scratch:
        try:
            try:
                with _silent():
                    ray.init(**(where or _own(executor, scratch)), **_settings(specs, scratch if not where else None))
            except (ConnectionError, ValueError, RuntimeError) as error:
                told = executor.address or "this machine"
                raise ConfigurationError(f"cannot use a Ray cluster at {told}: {error}") from error
            yield ray
        finally:
            ray.shutdown()


@contextmanager
def _scratch() -> Iterator[str]:
    """A folder for a cluster of our own, gone in the end. Names of sockets in it may have no more than 107 bytes."""
    place = tempfile.gettempdir()
    scratch = tempfile.mkdtemp(prefix="longrec-ray-", dir=place if len(place) <= _SHORT else "/tmp")
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _own(executor: RayExecutor, scratch: str) -> dict[str, Any]:
    """How a cluster is started here."""
    return {
        "address": "local",
        "num_cpus": executor.workers or usable_cores(),
        "include_dashboard": False,
        "object_store_memory": _STORE,
        "_temp_dir": scratch,
    }


def _settings(specs: Sequence[CellSpec], scratch: str | None) -> dict[str, Any]:
    """What workers are given: threads, plug-ins, the agents' modules, and a folder for what killed ones leave."""
    env_vars = {**threads(), **{n: os.environ[n] for n in (PLUGIN_MODULES,) if n in os.environ}}
    if scratch is not None:
        env_vars["TMPDIR"] = scratch
    runtime: dict[str, Any] = {"env_vars": env_vars}
    if modules := _modules(specs):  # Ray does not take an empty list
        runtime |= {"py_modules": modules, "excludes": ["**/__pycache__", "*.pyc"]}
    return {"logging_level": "ERROR", "log_to_driver": False, "runtime_env": runtime}


@contextmanager
def _silent() -> Iterator[None]:
    """A driver that connects in here does not print what Ray says of lost machines, and prints to stdout, where JSON
    may be: the run tells of them itself. There is no setting for it.
    """
    from ray._private import worker

    listen = getattr(worker, "listen_error_messages", None)
    worker.listen_error_messages = lambda *arguments: None
    try:
        yield
    finally:
        worker.listen_error_messages = listen


def _reachable(address: str) -> str:
    """The address, if somebody listens there: Ray itself would try for minutes."""
    if address != "auto":
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except OSError as error:
            raise ConfigurationError(
                f"no Ray cluster answers at {address} ({error.strerror or error}); start one with: ray start --head"
            ) from error
    return address


def _modules(specs: Sequence[CellSpec]) -> list[str]:
    """Files and folders of the agents' top-level modules and of plug-ins that no package manager has installed.

    What is installed, here in site-packages, must be installed on every machine.
    """
    names = {spec.plan.agent.entry_point.partition(":")[0].partition(".")[0] for spec in specs}
    names |= {m.strip().partition(".")[0] for m in os.environ.get(PLUGIN_MODULES, "").split(",") if m.strip()}
    installed = {Path(p).resolve() for p in (*site.getsitepackages(), sysconfig.get_path("stdlib"))}
    found = []
    for name in sorted(names - _OURS):
        module = importlib.util.find_spec(name)
        where = [] if module is None else [*(module.submodule_search_locations or [module.origin or ""])]
        found += [p for p in where if p and Path(p).resolve().parent not in installed]
    return found


class _Drive:
    """The state of one run: which cells are where, how often each was tried, which folders are in the store."""

    def __init__(self, ray: Any, executor: RayExecutor, specs: Sequence[CellSpec], queue: Queue, send: Send) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self._ray, self._executor, self._specs, self._queue, self._send = ray, executor, specs, queue, send
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._news = ray.remote(News).options(num_cpus=0, scheduling_strategy=here).remote()
        self._asked = self._news.take.remote()
        self._work = ray.remote(work)
        # A cluster that was started here is this machine, with its code.
        self._versions = {} if executor.address is None else node_versions()
        self._running: dict[Any, int] = {}
        self._tries: Counter[int] = Counter()
        self._where: dict[int, str] = {}  # the node of each cell that has begun
        self._folders: dict[Path, tuple[Any, ...]] = {}
        self._able = time.monotonic()  # when the cluster was last seen to have room for any cell
        self._limit = 1

    def events(self) -> Iterator[Event | None]:
        self._check_devices()
        try:
            while True:
                self._look_at_cluster()
                while len(self._running) < self._limit and (i := self._queue.take()) is not None:
                    self._submit(i)
                if not self._running:
                    return
                ended, _ = self._ray.wait(list(self._running), timeout=2 * INTERVAL)
                self._forward()
                for ref in ended:
                    yield self._outcome(self._running.pop(ref), ref)
                yield None
        finally:  # on Ctrl-C or an error too
            for ref in self._running:
                with suppress(Exception):
                    self._ray.cancel(ref, force=True)

    def _check_devices(self) -> None:
        if any(map(_needs_gpu, self._specs)) and self._ray.cluster_resources().get("GPU", 0) < 1:
            raise ConfigurationError(
                "an agent has device=cuda, and no machine of the Ray cluster has a GPU; set device=cpu"
            )

    def _look_at_cluster(self) -> None:
        """How many cells may be at the cluster now; raises if it has had no machine for one for a long time."""
        cpus, now = int(self._ray.cluster_resources().get("CPU", 0)), time.monotonic()
        if cpus:
            self._able = now
        elif now - self._able > PATIENCE:
            raise ConfigurationError(
                f"the Ray cluster has had no CPU for {PATIENCE:g} seconds; finished cells are kept, start "
                "machines with `ray start --address` and give the command again"
            )
        self._limit = self._executor.workers or max(cpus, 1) + _AHEAD

    def _submit(self, i: int) -> None:
        spec = self._specs[i]
        # By its entry point: registered names are known where the package's metadata is, classes wherever its code is.
        sent = replace(spec, agent=spec.plan.agent.entry_point)
        gpus = 1 if _needs_gpu(spec) else 0
        there = self._work.options(num_cpus=1, num_gpus=gpus, max_retries=0, scheduling_strategy="SPREAD")
        ref = there.remote(i, sent, self._parcel(spec), self._versions, self._news)
        self._tries[i] += 1
        self._running[ref] = i

    def _parcel(self, spec: CellSpec) -> Parcel:
        """What this cell needs on another machine. On one of our own all but what was learned is in reach."""
        task, elsewhere = spec.plan.suite.tasks[spec.task], self._executor.address is not None
        learned = self._packed(spec.path.parents[1] / FOLDER) if spec.plan.learned is not None else None
        if not elsewhere:
            return Parcel(learned=learned)
        kwargs = gymnasium.registry[task.env_id].kwargs
        world = task.options.get("world", kwargs.get("world"))
        log = None if task.log is None or task.log.sha256 is None else self._packed(kept_folder(task.log.sha256))
        return Parcel(
            kwargs=None if task.env_id.removeprefix(NAMESPACE) in BUILTIN else kwargs,
            world=None if world is None or str(world) in RECIPES else (str(world), self._packed(self._folder(world))),
            log=log,
            learned=learned,
        )

    def _folder(self, world: Any) -> Path:
        folder = resolve(world).path
        if folder is None:
            raise ConfigurationError("a world in memory cannot be sent to other machines; save it and give its folder")
        return folder

    def _packed(self, folder: Path) -> tuple[Any, ...]:
        """A folder in the object store, where it is put once."""
        if folder not in self._folders:
            self._folders[folder] = (self._ray.put(pack(folder)),)
        return self._folders[folder]

    def _forward(self) -> None:
        """Send on the news that have arrived, with the names of nodes."""
        from ray.exceptions import RayError

        if not self._ray.wait([self._asked], timeout=0)[0]:
            return
        with suppress(RayError):  # without news there are no bars, but results
            for cell, phase, done, total, node in self._ray.get(self._asked):
                self._where[cell] = self._name(node)
                self._send(Event(cell, phase, done, total, node=self._where[cell]))
        self._asked = self._news.take.remote()

    def _name(self, node: str) -> str:
        """A node's name, with a part of its id where another has the same."""
        names = {n["NodeID"]: n["NodeName"] for n in self._ray.nodes()}
        name = names.get(node, node[:6])
        return f"{name}/{node[:6]}" if Counter(names.values())[name] > 1 else name

    def _outcome(self, i: int, ref: Any) -> Event:
        from ray.exceptions import RayError, RayTaskError, RuntimeEnvSetupError

        try:
            node, found = self._ray.get(ref)
        except RayTaskError as error:
            if isinstance(error.cause, ImportError):
                raise ConfigurationError(
                    f"a machine of the Ray cluster cannot run cells: {error.cause}; install longrec there, in the same "
                    "version and with the same extras"
                ) from error
            raise
        except RuntimeEnvSetupError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ConfigurationError(f"the Ray cluster cannot take the agents' modules: {reason}") from error
        except RayError as error:
            return self._lost(i, error)
        name = self._name(node)
        if isinstance(found, Unfit):
            raise ConfigurationError(f"machine {name} is not fit for {self._specs[i].label}: {found.reason}")
        if not isinstance(found, bytes):
            return Event(i, "failed", error=found, node=name)
        with atomic_path(self._specs[i].path) as scratch:
            scratch.write_bytes(found)
        return Event(i, "done", node=name)

    def _lost(self, i: int, error: Exception) -> Event:
        """The cell's machine or process is gone: run it again, but not for ever."""
        where = self._where.pop(i, "")
        if self._tries[i] < ATTEMPTS:
            self._queue.put_back(i)
            return Event(i, "lost", node=where)
        lost = WorkerLostError(
            f"{self._specs[i].label}: lost {ATTEMPTS} times with its process or machine, perhaps for want of memory "
            f"({type(error).__name__}); finished cells are kept, the same command tries again"
        )
        return Event(i, "failed", error=lost, node=where)


def _needs_gpu(spec: CellSpec) -> bool:
    return str(spec.plan.agent.parameters.get("device", "")).startswith("cuda")
