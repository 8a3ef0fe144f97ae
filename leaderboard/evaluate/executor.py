"""Running cells over processes. Cells share nothing, so where and in which order they run changes no result."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NamedTuple

from leaderboard.evaluate.cell import CellSpec, run_cell
from recsim_envs.errors import AgentError, LongrecError

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_INTERVAL = 0.2  # seconds between two reports of a cell


class Event(NamedTuple):
    """News of a cell: phase "train" or "test" with its episodes, "done", or "failed" with the error."""

    cell: int
    phase: str
    done: int = 0
    total: int = 0
    error: LongrecError | None = None


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def one_thread() -> None:
    """Restrict numerical libraries to one thread, unless the user has set how many they may have.

    Cells fill the cores as processes, and sums keep one order.
    """
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def run_cells(specs: Sequence[CellSpec], workers: int, on_event: Callable[[Event], None]) -> dict[int, LongrecError]:
    """Run all cells; those of a run that has failed are skipped, other runs go on.

    Returns the errors by index into `specs`. With one worker, cells run in this process, one after the other.
    """
    failures: dict[int, LongrecError] = {}
    one_thread()
    for event in _serial(specs, failures, on_event) if workers == 1 else _parallel(specs, workers, failures, on_event):
        if event.error is not None:
            failures[event.cell] = event.error
        on_event(event)
    return failures


def _failed_runs(specs: Sequence[CellSpec], failures: dict[int, LongrecError]) -> set[Any]:
    return {specs[i].path.parent for i in failures}


def _serial(
    specs: Sequence[CellSpec], failures: dict[int, LongrecError], on_event: Callable[[Event], None]
) -> Iterator[Event]:
    for i, spec in enumerate(specs):
        if spec.path.parent in _failed_runs(specs, failures):
            continue
        try:
            run_cell(spec, _throttled(i, on_event))
            yield Event(i, "done")
        except LongrecError as error:
            yield Event(i, "failed", error=error)


def _parallel(
    specs: Sequence[CellSpec], workers: int, failures: dict[int, LongrecError], on_event: Callable[[Event], None]
) -> Iterator[Event]:
    context = multiprocessing.get_context("spawn")  # forked children inherit locks of numerical libraries
    news = context.Queue()
    waiting = list(enumerate(specs))
    running: dict[Future[None], int] = {}
    pool = ProcessPoolExecutor(min(workers, len(specs)), context, initializer=_start_worker, initargs=(news,))
    try:
        while waiting or running:
            bad = _failed_runs(specs, failures)
            waiting = [(i, spec) for i, spec in waiting if spec.path.parent not in bad]
            while waiting and len(running) < workers:
                i, spec = waiting.pop(0)
                running[pool.submit(_work, i, spec)] = i
            finished, _ = wait(running, timeout=_INTERVAL, return_when=FIRST_COMPLETED)
            while not news.empty():
                on_event(news.get())
            for future in finished:
                yield _outcome(running.pop(future), future, specs)
    finally:
        # Reached on Ctrl-C too: whoever is in the middle of a cell would hold up the exit for its length.
        processes = list((pool._processes or {}).values()) if running else []
        pool.shutdown(wait=not running, cancel_futures=True)
        for process in processes:
            process.terminate()
        news.close()


def _outcome(i: int, future: Future[None], specs: Sequence[CellSpec]) -> Event:
    error = future.exception()
    if error is None:
        return Event(i, "done")
    if isinstance(error, BrokenProcessPool):
        error = AgentError(
            f"{specs[i].label}: a worker process died, perhaps for want of memory; finished cells are kept, give the "
            "command again with fewer --workers"
        )
    if not isinstance(error, LongrecError):
        raise error
    return Event(i, "failed", error=error)


def _throttled(cell: int, send: Callable[[Event], None]) -> Callable[[str, int, int], None]:
    last = 0.0

    def report(phase: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _INTERVAL:
            last = now
            send(Event(cell, phase, done, total))

    return report


_news: Any = None  # of a worker process, set once when it starts


def _start_worker(news: Any) -> None:
    global _news
    _news = news
    threading.Thread(target=_end_with_parent, daemon=True).start()
    one_thread()


def _end_with_parent() -> None:
    """End this process when its parent has gone, killed perhaps: nobody else would, and it would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(i: int, spec: CellSpec) -> None:
    run_cell(spec, _throttled(i, _news.put))
