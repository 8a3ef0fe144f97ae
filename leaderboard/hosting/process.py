"""`Process`: an agent in a process of its own, spoken to through its stdin and stdout, within limits.

One loop writes, reads, keeps the last words of stderr, looks at the clock and at the memory; there are no threads, and
an agent that neither reads nor writes holds up nobody for longer than its time. POSIX; memory is watched on Linux.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from leaderboard.ends import CRASHED, OUT_OF_MEMORY, TIMED_OUT
from leaderboard.hosting.failures import AgentLostError, ProtocolError
from leaderboard.hosting.wire import MAX_REPLY, Message, body_size, encode, fill, read_line
from leaderboard.schema import Isolation
from recsim_envs.errors import AgentError

_LOOK: Final = 0.1  # seconds between two looks at the memory
_WORDS: Final = 4096  # bytes of stderr that are kept
_UNASKED: Final = "it said more than it was asked for"
_GRACE: Final = 2.0  # seconds to end in, once stdin is closed


class Process:
    """Implements `Channel`. Raises `AgentError` where the command cannot be started."""

    def __init__(self, command: Sequence[str], isolation: Isolation, env: Mapping[str, str] | None = None) -> None:
        if shutil.which(command[0]) is None:
            raise AgentError(f"command {command[0]!r} is not there, or may not be run; check its name and the path")
        self.buffers = False
        self._memory = None if isolation.memory_mb is None else isolation.memory_mb * 2**20
        self._process = subprocess.Popen(
            (*_dying_with_us(), *command),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=env, bufsize=0, start_new_session=True,
        )  # fmt: skip
        self._end = weakref.finalize(self, _kill, self._process)
        _limit_memory(self._process.pid, self._memory)
        self._stdin, self._stdout, self._stderr = map(_unblocked, _pipes(self._process))
        self._read, self._words = bytearray(), bytearray()
        self._poll = select.poll()
        for pipe in (self._stdout, self._stderr):
            self._poll.register(pipe, select.POLLIN)
        self._looked = 0.0

    def exchange(self, message: Message, seconds: float | None) -> Message:
        """As in `Channel.exchange`."""
        try:
            self._check_silence()
            return self._exchange(encode(message, buffers=self.buffers), seconds)
        except BaseException:
            self._end()
            raise

    def _exchange(self, data: bytes, seconds: float | None) -> Message:
        deadline, unsent = None if seconds is None else time.monotonic() + seconds, memoryview(data)
        self._poll.register(self._stdin, select.POLLOUT)
        while True:
            now = time.monotonic()
            if deadline is not None and now > deadline:
                raise AgentLostError(f"no answer within {seconds:g} s{self._last_words()}", TIMED_OUT)
            if now - self._looked > _LOOK:
                self._looked = now
                self._look_at_memory()
            left = _LOOK if deadline is None else min(_LOOK, max(deadline - now, 0.0))
            for pipe, _ in self._poll.poll(1000 * left + 1):
                if pipe == self._stdin:
                    unsent = self._write(unsent)
                elif pipe == self._stdout:
                    self._receive()
                    if (answer := self._answer()) is not None:
                        if unsent:
                            raise ProtocolError("it answered before it was told everything")
                        return answer
                else:
                    self._listen()

    def _check_silence(self) -> None:
        """Raise `ProtocolError` where it spoke before it was asked: its answers would be taken for others."""
        with suppress(BlockingIOError):
            if os.read(self._stdout, 1):
                raise ProtocolError(_UNASKED)

    def _write(self, unsent: memoryview) -> memoryview:
        try:
            unsent = unsent[os.write(self._stdin, unsent) :]
        except BrokenPipeError:  # its stdout says how it ended
            unsent = unsent[:0]
        if not unsent:
            self._poll.unregister(self._stdin)
        return unsent

    def _receive(self) -> None:
        if not (part := os.read(self._stdout, 2**20)):
            ended, words = self._how_it_ended(), self._last_words()
            refused = self._memory is not None and words.endswith("MemoryError")  # it was faster than our looks
            raise AgentLostError(ended + words, OUT_OF_MEMORY if refused else CRASHED)
        self._read += part
        if len(self._read) > MAX_REPLY:
            raise ProtocolError(f"it answered with more than {MAX_REPLY >> 20} MiB")

    def _answer(self) -> Message | None:
        """The message that was read, once all of it is there."""
        end = self._read.find(b"\n") + 1
        if not end:
            return None
        message = read_line(self._read[:end])
        size = body_size(message, MAX_REPLY)
        if len(self._read) < end + size:
            return None
        if len(self._read) > end + size:
            raise ProtocolError(_UNASKED)
        body, self._read = self._read[end:], bytearray()
        return fill(message, body)

    def _listen(self) -> None:
        if part := os.read(self._stderr, 2**16):
            self._words = (self._words + part)[-_WORDS:]
        else:
            self._poll.unregister(self._stderr)

    def _last_words(self) -> str:
        with suppress(BlockingIOError):
            while part := os.read(self._stderr, 2**16):
                self._words = (self._words + part)[-_WORDS:]
        lines = self._words.decode(errors="replace").strip().splitlines()
        return f"; its last words: {' / '.join(lines[-3:])[-300:]}" if lines else ""

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            return "it closed its stdout"
        return f"it ended by signal {signal.Signals(-code).name}" if code < 0 else f"it ended with exit status {code}"

    def _look_at_memory(self) -> None:
        if self._memory is not None and (used := _resident(self._process.pid)) > self._memory:
            text = f"it uses {used >> 20} MiB of memory, and may use {self._memory >> 20}"
            raise AgentLostError(text + self._last_words(), OUT_OF_MEMORY)

    def close(self) -> None:
        """As in `Channel.close`."""
        if self._end.alive and self._process.stdin is not None:
            self._process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE)
        self._end()


def _dying_with_us() -> tuple[str, ...]:
    """What makes a process end with this one, killed perhaps; else it must notice that its stdin has ended."""
    found = shutil.which("setpriv") if sys.platform == "linux" else None
    return (found, "--pdeathsig", "KILL", "--") if found else ()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdin, process.stdout, process.stderr


def _unblocked(pipe: IO[bytes]) -> int:
    os.set_blocking(pipe.fileno(), False)
    return pipe.fileno()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process with all that it started in its session."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in _pipes(process):
        pipe.close()


def _limit_memory(process: int, memory: int | None) -> None:
    """A second net, for what grows faster than it is looked at: twice as much may be asked for as may be used."""
    if memory is not None and sys.platform == "linux":
        import resource

        with suppress(ProcessLookupError):  # it has ended already, as the first exchange will tell
            resource.prlimit(process, resource.RLIMIT_DATA, (2 * memory, 2 * memory))


def _resident(process: int) -> int:
    """Bytes of memory that a process and those it started hold; 0 where there is no /proc to tell."""
    folder = Path("/proc") / str(process)
    try:
        pages = int((folder / "statm").read_text().split()[1])
        children = [child for task in (folder / "task").iterdir() for child in (task / "children").read_text().split()]
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(_resident(int(child)) for child in children)
