"""An event loop on a thread of its own: code that blocks, or runs inside another loop, can use async clients."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")


class Background(Generic[S]):
    """Runs coroutines on a loop that lives as long as this object, with a state that belongs to that loop.

    make: makes the state, on the loop; close: ends it. Both happen anew in a forked process, which inherits neither.
    Any number of threads may call `run` at once.
    """

    def __init__(self, make: Callable[[], S], close: Callable[[S], Awaitable[Any]]) -> None:
        self._make, self._close = make, close
        self._lock = threading.Lock()
        self._owner = -1
        self._loop: asyncio.AbstractEventLoop
        self._state: S

    def run(self, work: Callable[[S], Coroutine[Any, Any, T]]) -> T:
        """The result of `work(state)`; an interruption cancels it."""
        with self._lock:
            if self._owner != os.getpid():
                self._start()
        future = asyncio.run_coroutine_threadsafe(work(self._state), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _start(self) -> None:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="longrec-llm", daemon=True)
        thread.start()
        self._loop, self._owner = loop, os.getpid()
        self._state = asyncio.run_coroutine_threadsafe(_call(self._make), loop).result()
        weakref.finalize(self, _stop, self._owner, loop, thread, self._close, self._state)


async def _call(make: Callable[[], S]) -> S:
    return make()


def _stop(
    owner: int,
    loop: asyncio.AbstractEventLoop,
    thread: threading.Thread,
    close: Callable[[S], Awaitable[Any]],
    state: S,
) -> None:
    """End the state, the loop and the thread; nothing to do in a process that merely inherited them."""
    if owner != os.getpid():
        return
    if threading.current_thread() is thread:  # the last reference went with a cancelled task: waiting would be for ever
        loop.stop()
        return

    async def end() -> None:
        await close(state)

    asyncio.run_coroutine_threadsafe(end(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
