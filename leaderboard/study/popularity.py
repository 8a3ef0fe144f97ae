"""What an agent showed from the head of a catalogue and from its long tail, and what that earned: from its trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leaderboard.board.groups import Member
from leaderboard.board.summary import stream_of
from leaderboard.evaluate.build import simulator_for
from leaderboard.metrics.outcomes import summed
from leaderboard.stats import Sums
from leaderboard.traces import read_trace

HEAD: Final = 0.2
"""The share of a catalogue's items, the most popular ones, that is its head: the usual cut of a long tail (Pareto)."""


@dataclass(frozen=True, eq=False)
class Shown:
    """Per-user sums: the share of recommendations from the long tail, and the mean reward of one from head and tail."""

    share: Sums
    head: Sums
    tail: Sums


def has_popularity(member: Member) -> bool:
    """Whether one lasting item is shown a step, and how popular items are is public."""
    task = simulator_for(member.summary.submission.suite.tasks[member.task], 1).task
    return not task.candidates and task.slate_size is None and bool(task.catalogue.popularity.any())


def long_tail(popularity: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which items are not in the head: bool (items,). Of equally popular items the first ones are."""
    order = np.argsort(-popularity, kind="stable")
    tail = np.ones(len(popularity), np.bool_)
    tail[order[: round(HEAD * len(popularity))]] = False
    return tail


def shown(member: Member) -> Shown:
    """Of a submission that was replayed before: its trace is what its simulator does."""
    submission = member.summary.submission
    suite, task = submission.suite, submission.suite.tasks[member.task]
    seeds = len(suite.training_seeds)
    trace = read_trace(member.summary.path / "traces.parquet", suite.episodes)[0]
    start = seeds * sum(t.episodes for t in suite.tasks[: member.task])
    trace = trace.of(slice(start, start + seeds * task.episodes))
    simulator = simulator_for(task, task.episodes)
    simulator.begin(np.arange(task.episodes), trace.episode_seed[: task.episodes])
    tail = long_tail(simulator.task.catalogue.popularity)[trace.actions]

    def sums(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> Sums:
        above, below = (summed(v, trace.offsets).reshape(seeds, -1) for v in (numerator, denominator))
        return Sums.of(above, below, simulator.user_ids(), stream_of(submission))

    rewards, inside = trace.rewards.astype(np.float64), tail.astype(np.float64)
    return Shown(
        share=sums(inside, np.ones_like(inside)),
        head=sums(rewards * (1 - inside), 1 - inside),
        tail=sums(rewards * inside, inside),
    )
