"""Running cells somewhere. Cells share nothing, so where and in which order they run changes no result."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from leaderboard.cores import one_thread
from leaderboard.evaluate.cell import CellSpec, Work
from leaderboard.words import suggestion
from recsim_envs.errors import ConfigurationError, LongrecError

INTERVAL: Final = 0.2  # seconds between two reports of a cell
EXECUTORS: Final = ("local", "ray")

_SLOW_PEERS, _SLOW_TIMES, _SLOW_SECONDS = 3, 3.0, 30.0  # when a cell is called a straggler, see `is_slow`


class Event(NamedTuple):
    """News of a cell.

    phase  "start"; "train" or "test" with its episodes `done` of `total`; "done"; "failed" with its `error`; "lost"
           when its machine was lost and it is run again; "slow" with its seconds and the median of its peers' so far
    node   the machine's name, where there are several
    """

    cell: int
    phase: str
    done: float = 0
    total: float = 0
    error: LongrecError | None = None
    node: str = ""


Send = Callable[[Event], None]
WorkT = TypeVar("WorkT", bound=Work, contravariant=True)
SomeWork = TypeVar("SomeWork", bound=Work)


class Queue:
    """Numbers of the cells that wait. Those of a run that has failed are passed over, unless `keep_going`."""

    def __init__(self, specs: Sequence[Work], keep_going: bool) -> None:
        self._specs, self._keep_going = specs, keep_going
        self._waiting = deque(range(len(specs)))
        self._failed: set[Any] = set()

    def take(self) -> int | None:
        """The next cell to run, None where none waits."""
        while self._waiting:
            cell = self._waiting.popleft()
            if self._specs[cell].path.parent not in self._failed:
                return cell
        return None

    def put_back(self, cell: int) -> None:
        """A cell that must be run again, before all others."""
        self._waiting.appendleft(cell)

    def fail(self, cell: int) -> None:
        """A cell has failed, and with it its run."""
        if not self._keep_going:
            self._failed.add(self._specs[cell].path.parent)


class Executor(Protocol[WorkT]):
    """A place where cells run, or other work."""

    def run(self, specs: Sequence[WorkT], queue: Queue, send: Send) -> Iterator[Event | None]:
        """Run the cells that `queue` gives, as many at a time as there is room for, until it gives none.

        Yields the end of each, "done" once its file is at its place or "failed", and now and then None. Everything
        else goes to `send`. When closed, it leaves no process behind.
        """
        ...


def make_executor(name: str, *, workers: int = 0, address: str | None = None) -> Executor[CellSpec]:
    """An executor by name, see `EXECUTORS`. Raises `ConfigurationError` for one that there is not, or not here."""
    if name not in EXECUTORS:
        raise ConfigurationError(f"executor {name!r} does not exist{suggestion(name, list(EXECUTORS))}")
    if name == "ray":
        from leaderboard.evaluate.executor_ray import RayExecutor

        return RayExecutor(address=address, workers=workers)
    if address is not None:
        raise ConfigurationError("an address is that of a Ray cluster; add --executor ray")
    from leaderboard.evaluate.executor_local import LocalExecutor

    return LocalExecutor(workers)


def run_cells(
    specs: Sequence[SomeWork], executor: Executor[SomeWork], on_event: Send, *, keep_going: bool = False
) -> dict[int, LongrecError]:
    """Run all cells; those of a run that has failed are skipped unless `keep_going`, other runs always go on.

    Returns the errors by index into `specs`.
    """
    failures: dict[int, LongrecError] = {}
    queue, times = Queue(specs, keep_going), _Times(specs, on_event)
    one_thread()
    with closing(executor.run(specs, queue, times)) as events:  # type: ignore[type-var]  # a generator
        for event in events:
            if event is None:
                times.look()
                continue
            if event.error is not None:
                failures[event.cell] = event.error
                queue.fail(event.cell)
            times(event)
    return failures


class _Times:
    """Passes events on, and notes how long cells take, to tell of stragglers while they run."""

    def __init__(self, specs: Sequence[Work], on_event: Send) -> None:
        self._specs, self._on_event = specs, on_event
        self._begun: dict[int, tuple[float, str]] = {}
        self._finished: dict[Any, list[float]] = {}
        self._told: set[int] = set()
        self._over: set[int] = set()

    def __call__(self, event: Event) -> None:
        if event.phase == "start" and event.cell not in self._over:  # from afar, news may come after the end
            self._begun[event.cell] = time.monotonic(), event.node
        elif event.phase in ("done", "failed", "lost"):
            if event.phase != "lost":
                self._over.add(event.cell)
            begun = self._begun.pop(event.cell, None)
            if begun is not None and event.phase == "done":
                self._finished.setdefault(self._specs[event.cell].peers, []).append(time.monotonic() - begun[0])
        self._on_event(event)

    def look(self) -> None:
        """Tell of those that have become stragglers."""
        now = time.monotonic()
        for cell, (begun, node) in self._begun.items():
            others = self._finished.get(self._specs[cell].peers, [])
            if cell not in self._told and is_slow(now - begun, others):
                self._told.add(cell)
                self._on_event(Event(cell, "slow", round(now - begun), statistics.median(others), node=node))


def is_slow(seconds: float, others: Sequence[float]) -> bool:
    """Whether a cell is a straggler: above half a minute, and three times the median of at least three peers."""
    return len(others) >= _SLOW_PEERS and seconds > _SLOW_SECONDS and seconds > _SLOW_TIMES * statistics.median(others)


def throttled(cell: int, send: Send) -> Callable[[str, int, int], None]:
    """A cell's report that sends no more than five events a second."""
    last = 0.0

    def report(phase: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= INTERVAL:
            last = now
            send(Event(cell, phase, done, total))

    return report
