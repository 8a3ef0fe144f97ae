"""Work on folders that strangers sent: in processes, each piece within bounds of processor time and memory."""

from __future__ import annotations

import mmap
import multiprocessing
import pickle
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from leaderboard.cores import one_thread, usable_cores
from leaderboard.evaluate.cell import Report
from leaderboard.evaluate.executor import Queue
from leaderboard.evaluate.executor_local import LocalExecutor
from leaderboard.files import atomic_path
from recsim_envs.errors import LongrecError, SubmissionError, WorkerLostError

T = TypeVar("T")


class Limits(NamedTuple):
    """What one folder may take: seconds of processor time, bytes of memory. On Windows neither can be held.

    Both count from where the process stands when it begins with the folder: what it did and held before is not the
    folder's. A library that is refused memory may end its process, with all that others were doing in it.
    """

    seconds: int = 600
    memory: int = 4 * 2**30

    def __str__(self) -> str:
        return f"{self.seconds} s of processor time and {self.memory / 2**30:.1f} GiB of memory"


def bounded(
    function: Callable[[Path], T],
    folders: Sequence[Path],
    *,
    workers: int = 0,
    limits: Limits | None = None,
    apart: bool = False,
) -> Iterator[tuple[Path, T | LongrecError]]:
    """Apply `function` to each folder and yield its result, or the error that it raised, as they come.

    Other errors than ours, and limits that are passed, become a `SubmissionError`: the others go on. `workers`
    processes share the work, 0 for one a core; one folder, or one worker, is worked on in this process, where limits
    are held between two instructions of Python. With `apart`, one folder gets a process of its own, too, which is
    killed. `function` and its results must be picklable.
    """
    processes = min(workers or usable_cores(), len(folders))
    if apart and workers != 1:
        processes = max(2, processes)  # of one folder, the second never starts
    one_thread()
    with tempfile.TemporaryDirectory(prefix="longrec-") as scratch:
        tasks = [_Task(function, f, Path(scratch) / str(n), limits or Limits()) for n, f in enumerate(folders)]
        running = LocalExecutor(processes).run(tasks, Queue(tasks, keep_going=True), lambda event: None)
        with closing(running) as events:  # type: ignore[type-var]  # a generator
            for event in events:
                if event is not None:
                    task = tasks[event.cell]
                    yield task.folder, task.result() if event.error is None else task.blamed(event.error)


@dataclass(frozen=True)
class _Task(Generic[T]):
    """One folder, as work for an executor. `path` is where its result goes: written and read by us alone."""

    function: Callable[[Path], T]
    folder: Path
    path: Path
    limits: Limits

    @property
    def label(self) -> str:
        return str(self.folder)

    @property
    def peers(self) -> tuple[str, ...]:
        return ()

    def run(self, report: Report) -> None:
        try:
            with _limited(self.limits):
                result = self.function(self.folder)
        except LongrecError:
            raise
        except MemoryError as error:
            raise SubmissionError(f"{self.folder} takes more memory than {self.limits}") from error
        except Exception as error:
            raise SubmissionError(f"{self.folder} cannot be read: {error!r:.500}") from error
        with atomic_path(self.path) as file:
            file.write_bytes(pickle.dumps(result))

    def result(self) -> T:
        found: T = pickle.loads(self.path.read_bytes())
        self.path.unlink()
        return found

    def blamed(self, error: LongrecError) -> LongrecError:
        if isinstance(error, WorkerLostError):
            return SubmissionError(f"{self.folder}: its process died, perhaps beyond {self.limits}")
        return error


@contextmanager
def _limited(limits: Limits) -> Iterator[None]:
    """Hold the limits in this process. One that was started for the work is killed, others raise `SubmissionError`."""
    try:
        import resource
    except ImportError:  # Windows
        yield
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    kinds = {
        resource.RLIMIT_CPU: int(used.ru_utime + used.ru_stime) + 1 + limits.seconds,
        resource.RLIMIT_DATA: _mapped() + limits.memory,
    }
    before = {kind: resource.getrlimit(kind) for kind in kinds}
    apart = multiprocessing.parent_process() is not None
    handler = signal.signal(signal.SIGXCPU, signal.SIG_DFL if apart else _out_of_time)
    try:
        for kind, most in kinds.items():
            hard = before[kind][1]
            resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
        yield
    finally:
        for kind, soft_and_hard in before.items():
            resource.setrlimit(kind, soft_and_hard)
        signal.signal(signal.SIGXCPU, handler)


def _mapped() -> int:
    """Bytes of memory that this process has asked for, used or not, as RLIMIT_DATA counts; 0 where it is not told."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[5]
    except OSError:  # not Linux
        return 0
    return int(pages) * mmap.PAGESIZE


def _out_of_time(*_: Any) -> None:
    raise SubmissionError("the submission takes more processor time than it may, see --seconds")
