"""What is seen of an agent: `Onlooker` watches it play, to tell how long decisions took and what it thought in its
first sessions; `agent_facts` is what it tells of itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from leaderboard.evaluate.simulate import guarded
from leaderboard.files import first_fault
from leaderboard.schema import (
    MAX_JSON,
    OPTIONAL_FILES,
    Json,
    Latency,
    LessonsTold,
    SessionTold,
    Stored,
    TrainingSeed,
    canonical_json,
)
from leaderboard.transcripts import NAME, shortened, to_text
from recsim_envs.errors import AgentError
from recsim_envs.spec import Agent, Sessions

SESSIONS: Final = 3
"""Sessions of a cell that are told of at most: the first ones."""

ROOM: Final = 2**19
"""Bytes that one cell's part of a transcript may have, where there are few tasks."""

_ROOM_OF_SESSION: Final = 2**13  # bytes; where there is less for each, fewer sessions are told of
_JSON: Final[TypeAdapter[dict[str, Any]]] = TypeAdapter(Json)


class Seen(Stored):
    """What an onlooker saw: of each call of `act` the seconds and the rows, and thoughts by session, step by step."""

    seconds: list[float]
    rows: list[int]
    told: dict[int, list[dict[str, Any]]]


class Onlooker:
    """Implements `leaderboard.evaluate.simulate.Witness` for one cell.

    room: bytes of transcript for its sessions and lessons; 0 for none, where no agent is asked.
    """

    def __init__(self, task: int, training_seed: TrainingSeed, room: int) -> None:
        self._task, self._training_seed = task, training_seed
        self._told_of = min(SESSIONS, room // _ROOM_OF_SESSION)
        self._room = room
        self._told: dict[int, list[dict[str, Any]]] = {}
        self._seconds: list[float] = []
        self._rows: list[int] = []

    def acted(self, agent: Agent, episodes: NDArray[np.int64], sessions: Sessions, seconds: float) -> None:
        """Note the time; ask the agent what it thought, where it tells."""
        self._seconds.append(seconds)
        self._rows.append(len(episodes))
        if self._told_of and type(agent).explain is not Agent.explain:
            rows = np.flatnonzero(episodes < self._told_of)
            if len(rows):
                self._ask(agent, episodes[rows].tolist(), _rows_of(sessions, rows))

    def _ask(self, agent: Agent, episodes: Sequence[int], sessions: Sessions) -> None:
        told = _checked(agent, "explain", guarded(agent, "explain", lambda: agent.explain(sessions)))
        if len(told) not in (0, len(episodes)):
            raise AgentError(
                f"{type(agent).__name__}.explain returned {len(told)} objects for {len(episodes)} sessions; return one "
                "each, or none at all"
            )
        for episode, step, thought in zip(episodes, sessions.steps.tolist(), told, strict=False):
            before = self._told.setdefault(episode, [])
            del before[step:]  # of a session that had to be begun again
            before.append(thought)

    @property
    def seen(self) -> Seen:
        """All that was seen; set it to what was seen before to go on from there."""
        return Seen(seconds=self._seconds, rows=self._rows, told=self._told)

    @seen.setter
    def seen(self, before: Seen) -> None:
        self._seconds, self._rows, self._told = list(before.seconds), list(before.rows), dict(before.told)

    def latency(self) -> Latency | None:
        """Percentiles over decisions: each took its share of the time of the call that it was made in."""
        rows = np.array(self._rows)
        if not len(rows):
            return None
        each = 1_000.0 * np.array(self._seconds) / rows
        order = np.argsort(each, kind="stable")
        reached = np.cumsum(rows[order]) / rows.sum()
        p50, p95 = (float(each[order][np.searchsorted(reached, share)]) for share in (0.5, 0.95))
        return Latency(p50=round(p50, 6), p95=round(p95, 6), decisions=int(rows.sum()), batch=round(rows.mean(), 3))

    def transcript(self, agent: Agent) -> list[SessionTold | LessonsTold]:
        """What was told, and what the agent wrote in training: empty for an agent that tells nothing."""
        if not self._told_of:
            return []
        lessons = self._lessons(agent)
        room = (self._room - len(to_text(lessons).encode())) // self._told_of
        return [*(self._session(episode, room) for episode in sorted(self._told)), *lessons]

    def _session(self, episode: int, room: int) -> SessionTold:
        steps = self._told[episode]
        kept = _fitting(steps, room)
        return SessionTold(
            task=self._task,
            training_seed=self._training_seed,
            episode=episode,
            steps=tuple(kept),
            left_out=len(steps) - len(kept),
        )

    def _lessons(self, agent: Agent) -> list[LessonsTold]:
        """The newest ones, in a part of the room that leaves each session as much."""
        told = _checked(agent, "lessons", guarded(agent, "lessons", agent.lessons))
        kept = _fitting(told[::-1], self._room // (self._told_of + 1))[::-1]
        left_out = len(told) - len(kept)
        line = LessonsTold(task=self._task, training_seed=self._training_seed, told=tuple(kept), left_out=left_out)
        return [line] if told else []


def agent_facts(agent: Agent) -> dict[str, Any]:
    """What `describe` tells; raises `AgentError` if that is no JSON, or too much."""
    described = guarded(agent, "describe", agent.describe)
    try:
        return _JSON.validate_python({} if described is None else described)
    except ValidationError as fault:
        raise AgentError(
            f"{type(agent).__name__}.describe returned what is no JSON object of at most {MAX_JSON} bytes: "
            f"{first_fault(fault)}"
        ) from fault


def room_for(tasks: int) -> int:
    """Bytes of transcript for each of so many tasks."""
    return min(ROOM, OPTIONAL_FILES[NAME] // tasks)


def _rows_of(sessions: Sessions, rows: NDArray[np.int64]) -> Sessions:
    return Sessions(lanes=sessions.lanes[rows], keys=sessions.keys[rows], steps=sessions.steps[rows])


def _checked(agent: Agent, method: str, told: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What was told, within bounds. Raises `AgentError` for what is no sequence of JSON objects."""
    try:
        return [shortened(_JSON.validate_python(one)) for one in told]
    except (ValidationError, TypeError) as fault:
        why = first_fault(fault) if isinstance(fault, ValidationError) else str(fault)
        raise AgentError(f"{type(agent).__name__}.{method} returned no sequence of JSON objects: {why}") from fault


def _fitting(told: Sequence[dict[str, Any]], room: int) -> list[dict[str, Any]]:
    """The first ones that fit."""
    sizes = np.cumsum([len(canonical_json(one).encode()) + 2 for one in told])
    return list(told[: int(np.searchsorted(sizes, room - 200, "right"))])  # 200: what else is in the line
