"""From replayed submissions to rows, and to the differences between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leaderboard.board.groups import ORACLE, RANDOM, RETURN, groups
from leaderboard.board.judge import table
from leaderboard.board.summary import metric_sums, summarise, without_twins
from leaderboard.replay import Replayed
from leaderboard.schema import Estimate, Row, canonical_json
from leaderboard.stats import Sums, detectable, difference, improvement
from recsim_envs.errors import SubmissionError

__all__ = ["ORACLE", "RANDOM", "Difference", "differences", "return_sums", "rows"]


def rows(replayed: Sequence[Replayed]) -> list[Row]:
    """One row for each submission and task, sorted by suite, task, agent, parameters and folder.

    The score appears where the suite's random and oracle agents, with default parameters, are among
    `replayed`. Raises `SubmissionError` if two submissions are the same run, or the same anchor of one suite.
    """
    kept, twins = without_twins([summarise(r) for r in replayed])
    for error in twins.values():
        raise error
    made = [row for group in groups(kept) for row in table(group).rows]
    return sorted(made, key=lambda w: (w.suite, w.suite_hash, w.task, w.agent, canonical_json(w.parameters), w.version))


def return_sums(replayed: Replayed, task: int) -> Sums:
    """R_traj of one submission on one task, for paired comparison with `leaderboard.stats.difference`."""
    return metric_sums(replayed.outcomes[task], replayed.submission)[RETURN]


@dataclass(frozen=True)
class Difference:
    """One metric of two submissions on one task, and the first less the second, paired by user.

    improvement: the probability that the first gives a user more, ties counting half; detectable: the smallest
    difference that such a comparison finds with a probability of 80 %, None where nothing is known of the variation.
    """

    task: int
    env_id: str
    metric: str
    first: float
    second: float
    difference: Estimate
    improvement: Estimate | None
    detectable: float | None


def differences(first: Replayed, second: Replayed) -> list[Difference]:
    """Every metric that has an interval, on every task that both have run, numbered as in the suite.

    Raises `SubmissionError` where they are not of one suite, or of parts of it that share no task.
    """
    suite, numbers = first.submission.suite.table, [r.submission.suite.numbers for r in (first, second)]
    if suite.hash != second.submission.suite.table.hash:
        raise SubmissionError(
            f"{first.path} is of suite {first.submission.suite.name}, {second.path} of "
            f"{second.submission.suite.name}, or of another version of it: only runs of one suite can be compared"
        )
    if not (shared := sorted(set.intersection(*map(set, numbers)))):
        raise SubmissionError(f"{first.path} and {second.path} are parts of suite {suite.name} that share no task")
    found = []
    for task in shared:
        chosen = suite.tasks[task]
        one, other = (
            metric_sums(r.outcomes[of.index(task)], r.submission)
            for r, of in zip((first, second), numbers, strict=True)
        )
        for name, a in one.items():
            b = other[name]
            if (estimate := difference(a, b)) is not None:
                more, least = improvement(a, b), detectable(a, b).smallest
                found.append(Difference(task, chosen.env_id, name, a.value, b.value, estimate, more, least))
    return found
