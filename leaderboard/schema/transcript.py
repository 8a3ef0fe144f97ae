"""Lines of `transcript.jsonl`: a few sessions as the agent told them, and what it wrote after training sessions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from leaderboard.schema.basics import Count, Json, Stored, TrainingSeed


class SessionTold(Stored):
    """One test session. What was shown and what it earned is in the trace; here is what the agent thought."""

    kind: Literal["session"] = "session"
    task: int = Field(ge=0, lt=256)
    training_seed: TrainingSeed
    episode: Count
    steps: tuple[Json, ...] = Field(max_length=10_000, description="told before each step, from the first on")
    left_out: Count = Field(default=0, description="later steps that were told and are not kept, for size")


class LessonsTold(Stored):
    """What the agent wrote at the end of training sessions, oldest first, as far as it still holds it."""

    kind: Literal["lessons"] = "lessons"
    task: int = Field(ge=0, lt=256)
    training_seed: TrainingSeed
    told: tuple[Json, ...] = Field(max_length=10_000)
    left_out: Count = Field(default=0, description="older ones that are not kept, for size")


TranscriptLine = Annotated[SessionTold | LessonsTold, Field(discriminator="kind")]
