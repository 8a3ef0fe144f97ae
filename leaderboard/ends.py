"""Ends of sessions that no user brought about: the agent failed in the session, which keeps the steps until then."""

from __future__ import annotations

from typing import Final

CRASHED: Final = "agent crashed"
TIMED_OUT: Final = "agent timed out"
OUT_OF_MEMORY: Final = "agent out of memory"
LOST: Final = (CRASHED, TIMED_OUT, OUT_OF_MEMORY)
