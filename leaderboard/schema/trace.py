"""The columns of `traces.parquet`."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from leaderboard.schema.basics import Finite, Stored


def _column(arrow: str, description: str) -> Any:
    return Field(description=description, json_schema_extra={"arrow": arrow})


_Item = Annotated[int, Field(ge=0, lt=2**31)]
_Tag = Annotated[int, Field(ge=0, lt=2**16)]


class TraceRow(Stored):
    """One episode; rows are sorted by task, training seed (in the suite's order) and episode."""

    task: int = _column("uint16", "index into suite.tasks")
    training_seed: int = _column("uint32", "of the agent's training")
    episode: int = _column("uint32", "0 to the task's episodes, less 1")
    episode_seed: int = _column("uint64", "a hash of suite, environment and episode: the same for all agents")
    actions: list[_Item] = _column(
        "list<int32>", "one item a step, the leaving step included; where slates of k are shown k a step, in order"
    )
    rewards: list[Finite] = _column("list<float32>", "one a step, as claimed")
    tags: list[_Tag] = _column(
        "list<uint16>", "hash of episode seed, step, action and reward, so that an edit is found with its step"
    )
    end: str = _column("string", "why the session ended, in the words of the simulator")


def _arrow(extra: Any) -> str:
    return str(extra["arrow"])


TRACE_COLUMNS: Final[dict[str, str]] = {
    name: _arrow(field.json_schema_extra) for name, field in TraceRow.model_fields.items()
}
"""Arrow types of the columns, in order."""
