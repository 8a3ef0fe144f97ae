"""The local executor: cells in this process, one after the other, or in processes, one cell each at a time.

A process that dies takes its own cell with it and no other; the next cell gets a new process.
"""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from leaderboard.cores import one_thread, usable_cores
from leaderboard.evaluate.cell import Work, run_cell
from leaderboard.evaluate.executor import INTERVAL, Event, Queue, Send, throttled
from recsim_envs.errors import LongrecError, WorkerLostError
from recsim_envs.processes import end_with_parent


@dataclass(frozen=True)
class LocalExecutor:
    """`workers` processes, 0 for one a core; with one, cells run in this process."""

    workers: int = 0

    def run(self, specs: Sequence[Work], queue: Queue, send: Send) -> Iterator[Event | None]:
        """As in `Executor.run`."""
        workers = self.workers or usable_cores()
        return _serial(specs, queue, send) if workers == 1 else _parallel(specs, workers, queue, send)


def _serial(specs: Sequence[Work], queue: Queue, send: Send) -> Iterator[Event | None]:
    while (i := queue.take()) is not None:
        send(Event(i, "start"))
        try:
            run_cell(specs[i], throttled(i, send))
            yield Event(i, "done")
        except LongrecError as error:
            yield Event(i, "failed", error=error)


def _parallel(specs: Sequence[Work], workers: int, queue: Queue, send: Send) -> Iterator[Event | None]:
    idle: list[_Worker] = []
    busy: dict[Any, _Worker] = {}
    try:
        while True:
            while len(busy) < workers and (i := queue.take()) is not None:
                worker = idle.pop() if idle else _Worker()
                worker.start(i, specs[i])
                busy[worker.connection] = worker
                send(Event(i, "start"))
            if not busy:
                return
            for connection in wait(list(busy), timeout=INTERVAL):
                worker = busy[connection]
                event = worker.news(specs)
                if event.phase not in ("done", "failed"):
                    send(event)
                    continue
                del busy[connection]
                if worker.alive:
                    idle.append(worker)
                yield event
            yield None
    finally:  # reached on Ctrl-C too: whoever is in the middle of a cell would hold up the exit for its length
        for worker in (*idle, *busy.values()):
            worker.stop()


class _Worker:
    """A process that runs the cells it is sent, and the pipe to it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # forked children inherit locks of numerical libraries
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,))
        self._process.start()
        theirs.close()  # so that its death is the end of the pipe
        self.alive, self._cell = True, -1

    def start(self, cell: int, spec: Work) -> None:
        """Send it a cell; one that has died is noticed by `news`."""
        self._cell = cell
        try:
            self.connection.send((cell, spec))
        except OSError:
            self.alive = False

    def news(self, specs: Sequence[Work]) -> Event:
        """The next event of its cell. Raises whatever was raised there that is no `LongrecError`."""
        try:
            event: Event | str = self.connection.recv()
        except (EOFError, OSError):
            self.stop()
            error = WorkerLostError(
                f"{specs[self._cell].label}: a worker process died, perhaps for want of memory; finished cells are "
                "kept, give the command again with fewer --workers"
            )
            return Event(self._cell, "failed", error=error)
        if isinstance(event, str):
            raise RuntimeError(f"{specs[self._cell].label}: a worker process failed:\n{event}")
        return event

    def stop(self) -> None:
        self.alive = False
        self._process.terminate()
        self._process.join()
        self.connection.close()


def _serve(connection: Connection) -> None:
    """What a worker process does: one cell after the other, until it is stopped."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    end_with_parent()
    one_thread()
    while True:
        cell, spec = connection.recv()
        try:
            run_cell(spec, throttled(cell, connection.send))
            connection.send(Event(cell, "done"))
        except LongrecError as error:
            connection.send(Event(cell, "failed", error=error))
        except BaseException:
            connection.send(traceback.format_exc())
