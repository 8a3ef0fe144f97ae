"""Where an agent ran if not inside the harness, within which limits, and what it lost there."""

from __future__ import annotations

from pydantic import Field

from leaderboard.schema.basics import Count, Line, Stored


class Isolation(Stored):
    """An agent in a process of its own, or on a server: what it might use. Its steps and sessions are the suite's."""

    protocol: int = Field(default=1, ge=1, le=1, description="version of docs/protocol.md")
    step_seconds: float = Field(
        default=60.0,
        gt=0,
        le=86_400,
        description="wall time of one `act` or `observe`, however many rows",
    )
    memory_mb: int | None = Field(
        default=8192, ge=64, le=2**24, description="resident memory of its processes; None: not limited, as on a server"
    )


class Lost(Stored):
    """Sessions of one cell in which the agent failed, alone and twice: their traces end where it did."""

    crashed: Count = 0
    timed_out: Count = 0
    out_of_memory: Count = 0
    told: Line = Field(default="", description="of the first failure: what was seen of it")

    @property
    def sessions(self) -> int:
        """All of them."""
        return self.crashed + self.timed_out + self.out_of_memory
