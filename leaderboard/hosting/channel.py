"""`Channel`: the way to an agent elsewhere, which answers each message with one."""

from __future__ import annotations

from typing import Final, Protocol

from leaderboard.hosting.wire import Message

START_SECONDS: Final = 120.0
"""Wall time for everything but decisions and training: to start, to get ready for a task, to save, to load."""


class Channel(Protocol):
    """A conversation with one agent. It is over once `exchange` has raised, or after `close`."""

    buffers: bool
    """Whether arrays go as raw bytes, see `wire.encode`."""

    def exchange(self, message: Message, seconds: float | None) -> Message:
        """Send a message and return the answer; None is no limit on the time it takes.

        Raises `AgentLostError` where none comes in time, the agent's memory grows too large, the agent is gone, or
        what it says is no message.
        """
        ...

    def close(self) -> None:
        """End it. A process is given a moment to end by itself."""
        ...
