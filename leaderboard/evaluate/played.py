"""`Played`: the sessions of a cell that have ended, in a file beside the cell's, so that a kill costs none of them.

Sessions do not depend on one another, and training gives the same agent again. So one that is trained anew, or goes on
from what its training kept, plays the rest as it would have, and only that. The file is replaced atomically, every few
seconds: it holds the episodes as a trace, and in its footer what was counted of them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from leaderboard import seeds
from leaderboard.ends import LOST
from leaderboard.evaluate.lanes import Log
from leaderboard.evaluate.player import Player
from leaderboard.evaluate.witness import Onlooker, Seen, agent_facts
from leaderboard.schema import Json, Seconds, Sha256, Stored, json_hash
from leaderboard.traces import Trace, read_trace, write_trace
from leaderboard.usage import counted, joined
from recsim_envs.errors import SubmissionError

if TYPE_CHECKING:
    from leaderboard.evaluate.cell import CellSpec

EVERY: Final = 2.0
"""Seconds between two writes, at least. What ended since the last one is what a kill costs."""

_SHARE: Final = 30  # a write may take one in so many seconds: a trace grows, and is written whole


class Account(Stored):
    """What goes with the kept sessions: the cell that they are of, and what was counted when they were kept.

    counts: of language models in test, see `leaderboard.usage.counted`; failure: as in `Player`; seconds: of testing.
    """

    cell: Sha256
    counts: Json
    failure: str
    seconds: Seconds
    seen: Seen


class Played:
    """Implements `leaderboard.evaluate.simulate.Keeper` for a cell whose agent is trained.

    What an earlier process kept of the same cell (plan, task, seeds, way of answering) is taken up: `player` and
    `onlooker` know of it, too. What is of another, or damaged, is as if it were not there.
    """

    def __init__(self, spec: CellSpec, player: Player, onlooker: Onlooker) -> None:
        self._spec, self._player, self._onlooker = spec, player, onlooker
        answers = None if spec.answers is None else spec.answers.replay
        self._cell = json_hash([spec.plan.model_dump(mode="json"), spec.task, spec.training_seed, answers])
        self._start = time.perf_counter()
        self._due = self._start + EVERY
        self.trace: Trace | None
        self._before: Account | None
        self.trace, self._before = self._read()
        self._kept = 0 if self.trace is None else len(self.trace)
        if self._before is not None:
            player.failure, onlooker.seen = self._before.failure, self._before.seen

    def keep(self, log: Log) -> None:
        """As in `Keeper`. Lost sessions are left out: where the run is taken up again, the agent may do better."""
        now = time.perf_counter()
        if now < self._due or log.finished == self._kept:
            return
        account = Account(
            cell=self._cell,
            counts=counted(self.facts()),
            failure=self._player.failure,
            seconds=self.seconds(),
            seen=self._onlooker.seen,
        )
        trace = log.trace(np.flatnonzero((log.ends != "") & ~np.isin(log.ends, LOST)))
        write_trace(self._spec.played, trace, {"account": account.model_dump_json()})
        self._kept, end = log.finished, time.perf_counter()
        self._due = end + max(EVERY, _SHARE * (end - now))

    def facts(self) -> dict[str, Any]:
        """What the agent tells, with what earlier processes had counted; raises `AgentError` as `agent_facts` does."""
        facts = agent_facts(self._player.agent)
        return facts if self._before is None else joined(facts, self._before.counts)

    def seconds(self) -> float:
        """Seconds of testing so far, those of earlier processes until their last write among them."""
        before = 0.0 if self._before is None else self._before.seconds
        return before + time.perf_counter() - self._start

    def _read(self) -> tuple[Trace, Account] | tuple[None, None]:
        plan, task = self._spec.plan, self._spec.plan.suite.tasks[self._spec.task]
        wanted = seeds.episode_seeds(plan.seed_name, task.env_id, task.episodes)
        try:
            trace, footer = read_trace(self._spec.played, task.episodes)
            account = Account.model_validate_json(footer.get("account", ""))
            whole = np.array_equal(trace.episode_seed, wanted[trace.episode])
            whole = whole and np.array_equal(trace.tags, trace.expected_tags())
        except (SubmissionError, ValueError, IndexError):
            return None, None
        return (trace, account) if whole and account.cell == self._cell else (None, None)
