"""What the language-model baselines have in common: sessions, asking, grounding and keeping the books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from baselines.llm.desk import Desk
from baselines.llm.visit import Visit, open_visit
from bilp_agent.asking import Asker, UnreadableAnswerError, request_seeds
from bilp_agent.llm.source import ModelSource
from bilp_agent.telling import Choice, tell_choice
from bilp_agent.text import named
from bilp_agent.views import shaped
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.spec import Agent, Batch, Sessions, TaskSpec
from recsim_envs.text.grounding import Allowed


@dataclass(frozen=True)
class Turn:
    """One decision to make: the session, what may be shown, the shortlist, and the seed of a sampled answer."""

    visit: Visit
    allowed: Allowed
    shortlist: Sequence[int]
    seed: int


class Named(NamedTuple):
    """Titles as the model wrote them, and the items that it was offered, in order of preference.

    answer, status: the text that the titles were read in, and how it was obtained; see `bilp_agent.asking.Answer`.
    """

    titles: tuple[str, ...]
    offered: Sequence[int]
    answer: str = ""
    status: str = ""


@dataclass(kw_only=True, eq=False, repr=False)  # no repr: model_options may hold a secret
class LanguageModelAgent(Agent):
    """Serves all sessions of a batch together; subclasses say in `_name` how items get their names.

    model, model_options, cache: the language model, its keyword arguments and the file of its answer cache, see
        `bilp_agent.llm.load_model`. max_tokens, temperature: of every answer.
    shortlist: how many items are offered by title, of slates twice as many as have a place at least. window: past
        items that prompts show of the log and of the session, each. repeats: whether an item may be named again in the
        same session.
    """

    model: str = "scripted"
    model_options: Mapping[str, Any] | None = None
    cache: str | None = None
    max_tokens: int = 256
    temperature: float = 0.0
    shortlist: int = 12
    window: int = 10
    repeats: bool = True

    def __post_init__(self) -> None:
        if min(self.max_tokens, self.shortlist, self.window) < 1 or self.temperature < 0:
            raise ConfigurationError("max_tokens, shortlist and window must be at least 1, temperature at least 0")
        self._source = ModelSource(self.model, self.cache, self.model_options)
        self._desk: Desk | None = None
        self._waited: dict[str, float] = {}
        self._lanes: dict[int, Visit] = {}

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Get ready for `task`. Raises `AgentError` where its observations cannot be read, see `bilp_agent.views`."""
        self._open(task)
        self._lanes = {}

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """One item a row, int64 (b,), or a slate, (b, k)."""
        visits = [self._visit(observations, sessions, row) for row in range(len(sessions.lanes))]
        return self._decide(visits, infos.get("action_mask"), request_seeds(sessions.keys, sessions.steps))

    def describe(self) -> Mapping[str, Any]:
        """Calls a decision, usage, shares of answers repaired and replaced by a fallback, how titles were grounded."""
        if self._desk is None:
            return {}
        return {**self._report(), "waited_seconds": self._waited | {"test": round(self._asker.usage.seconds, 3)}}

    def explain(self, sessions: Sessions) -> Sequence[Mapping[str, Any]]:
        """What the model was offered and wrote at each row's latest decision, its thought and its tools."""
        return [self._tell(self._lanes[lane]) for lane in sessions.lanes.tolist()]

    def use_cassette(self, path: Path, *, replay: bool) -> None:
        """See `Agent.use_cassette`."""
        self._source.use_cassette(path, replay=replay)

    def _tell(self, visit: Visit) -> dict[str, Any]:
        told = {"thought": visit.thought} if visit.thought else {}
        return told | tell_choice(visit.choice, self.desk.text)

    def _name(self, turns: Sequence[Turn]) -> list[Named]:
        """Titles for each turn, still to be grounded."""
        raise NotImplementedError

    def _open(self, task: TaskSpec) -> None:
        desk = Desk(task, self.window, type(self).__name__)
        self._desk = desk
        self._asker = Asker(self._source.load(), self.max_tokens, self.temperature)
        self._grounded: Counter[str] = Counter()
        self._decisions = 0

    @property
    def desk(self) -> Desk:
        """The task; raises `AgentError` before `reset`."""
        if self._desk is None:
            raise AgentError(f"{type(self).__name__} was asked to act before reset; call reset(task, ...) first")
        return self._desk

    def _visit(self, observations: Batch, sessions: Sessions, row: int) -> Visit:
        lane = int(sessions.lanes[row])
        if sessions.steps[row] == 0 or lane not in self._lanes:
            self._lanes[lane] = open_visit(self.desk.view, observations, row)
        self._lanes[lane].follow(self.desk.view, observations, row, int(sessions.steps[row]))
        return self._lanes[lane]

    def _decide(
        self, visits: Sequence[Visit], masks: NDArray[np.int8] | None, seeds: Sequence[int]
    ) -> NDArray[np.int64]:
        """What to show next in each session; masks: int8 (b, n_items) of what the protocol allows, or None."""
        desk, turns = self.desk, []
        offered = max(self.shortlist, 2 * desk.view.slots if desk.view.slots > 1 else 1)
        for row, (visit, seed) in enumerate(zip(visits, seeds, strict=True)):
            allowed = desk.allowed(visit, None if masks is None else masks[row], repeats=self.repeats)
            turns.append(Turn(visit, allowed, desk.shortlist(visit, allowed, offered), seed))
        found = [self._ground(turn, named) for turn, named in zip(turns, self._name(turns), strict=True)]
        self._decisions += len(turns)
        return shaped(found, desk.task)

    def _ground(self, turn: Turn, named: Named) -> tuple[int, ...]:
        """The items to show; how they came about is kept in the visit."""
        items, hows = self.desk.ground(named.titles, turn.allowed, named.offered)
        self._grounded.update(hows)
        turn.visit.chosen = items
        turn.visit.choice = Choice(tuple(named.offered), (), named.answer, named.status, named.titles, hows)
        return items

    def _first(self, turn: Turn) -> tuple[str, ...]:
        """What is named where no answer can be read."""
        return tuple(self.desk.text.title(item) for item in turn.shortlist[: self.desk.view.slots])

    def _choices(self, items: Sequence[int]) -> tuple[str, ...]:
        """Titles that a backend which can be held to some may end its answer with."""
        return tuple(dict.fromkeys(f'"{self.desk.text.title(item)}"' for item in items))

    def _report(self) -> dict[str, Any]:
        return {**self._asker.report(self._decisions), "grounding": dict(sorted(self._grounded.items()))}


def named_items(answer: str, most: int = 1) -> tuple[str, ...]:
    """The titles in the lines "Item: ...", `most` at most; raises `UnreadableAnswerError` if there is none."""
    titles = tuple(named(answer)[:most])
    if not titles:
        raise UnreadableAnswerError('the line "Item: ..." is missing')
    return titles
