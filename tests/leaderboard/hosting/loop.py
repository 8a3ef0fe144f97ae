"""`Loop`: the messages without the process, for tests of what is said and not of where."""

from __future__ import annotations

import os
import threading
from functools import partial

from leaderboard.agents import build_agent
from leaderboard.hosting.host import Host
from leaderboard.hosting.wire import MAX_REPLY, Message, body_size, encode, fill, read_line


class Loop:
    """Implements `Channel`, in the place of `Process`: a host in a thread, at the other end of two pipes."""

    def __init__(self, command, isolation, env=None) -> None:
        self.buffers = False
        (read, told), (heard, write) = os.pipe(), os.pipe()
        self._told, self._heard = os.fdopen(told, "wb"), os.fdopen(heard, "rb")
        host = Host(os.fdopen(read, "rb"), os.fdopen(write, "wb"))
        threading.Thread(target=host.serve, args=(partial(build_agent, command[-1]),), daemon=True).start()

    def exchange(self, message: Message, seconds: float | None) -> Message:
        self._told.write(encode(message, buffers=self.buffers))
        self._told.flush()
        answer = read_line(self._heard.readline())
        return fill(answer, bytearray(self._heard.read(body_size(answer, MAX_REPLY))))

    def close(self) -> None:
        self._told.close()
