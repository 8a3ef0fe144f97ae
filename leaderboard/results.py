"""From replayed submissions to rows of the board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from leaderboard.metrics import METRICS, SCORE, Outcomes, departures, stays, survival
from leaderboard.replay import Replayed
from leaderboard.schema import AgentRecord, Cell, Estimate, Row, SpentBudget, canonical_json
from leaderboard.stats import Sums, difference, mean, score
from recsim_envs.errors import SubmissionError

RANDOM, ORACLE = "random", "oracle"
"""The agents at 0 and 1 of the normalised score."""

# By name only: nothing here imports agents. What is claimed can be forged; `longrec reproduce` tells.
_ANCHORS: Final = {
    RANDOM: ("baselines.simple:RandomAgent", False),
    ORACLE: ("baselines.oracle:OracleAgent", True),
}
"""Entry point of each anchor, and whether it reads hidden state."""


def rows(replayed: Sequence[Replayed]) -> list[Row]:
    """One row for each submission and task, sorted by suite, task, agent, parameters and folder.

    The score appears where the suite's random and oracle agents, with default parameters, are among
    `replayed`. Raises `SubmissionError` if two submissions are the same run, or the same anchor of one suite.
    """
    _refuse_twins(replayed)
    anchors = _anchors(replayed)
    made = [
        _row(r, task, anchors.get((r.submission.suite_hash, RANDOM)), anchors.get((r.submission.suite_hash, ORACLE)))
        for r in replayed
        for task in range(len(r.outcomes))
    ]
    return sorted(made, key=lambda w: (w.suite, w.suite_hash, w.task, w.agent, canonical_json(w.parameters), w.version))


def return_sums(replayed: Replayed, task: int) -> Sums:
    """R_traj of one submission on one task, for paired comparison with `leaderboard.stats.difference`."""
    return _sums(replayed, replayed.outcomes[task], "R_traj")


@dataclass(frozen=True)
class Difference:
    """One metric of two submissions on one task, and the first less the second, paired by user."""

    task: int
    env_id: str
    metric: str
    first: float
    second: float
    difference: Estimate


def differences(first: Replayed, second: Replayed) -> list[Difference]:
    """Every metric that has an interval, on every task. Raises `SubmissionError` if the suites are not the same."""
    if first.submission.suite_hash != second.submission.suite_hash:
        raise SubmissionError(
            f"{first.path} is of suite {first.submission.suite.name}, {second.path} of "
            f"{second.submission.suite.name}, or of another version of it: only runs of one suite can be compared"
        )
    found = []
    for task, chosen in enumerate(first.submission.suite.tasks):
        applying = (m for m in METRICS.values() if m.applies(first.outcomes[task]))
        for name in (m.name for m in applying if m.ratio is not None):
            a, b = (_sums(r, r.outcomes[task], name) for r in (first, second))
            if (estimate := difference(a, b)) is not None:
                found.append(Difference(task, chosen.env_id, name, a.value, b.value, estimate))
    return found


def _is_anchor(agent: AgentRecord) -> bool:
    return _ANCHORS.get(agent.name) == (agent.entry_point, agent.privileged) and not agent.parameters


def _anchors(replayed: Sequence[Replayed]) -> dict[tuple[str, str], Replayed]:
    """The anchors by suite hash and name. Two of a kind would leave the scale to chance, so they are refused."""
    found: dict[tuple[str, str], Replayed] = {}
    for r in replayed:
        key = r.submission.suite_hash, r.submission.agent.name
        if not _is_anchor(r.submission.agent):
            continue
        if key in found:
            first, second = sorted([str(found[key].path), str(r.path)])
            raise SubmissionError(
                f"{first} and {second} are both the agent {key[1]!r} of one suite, an end of its scale; keep the one "
                "that `longrec reproduce` confirms"
            )
        found[key] = r
    return found


def _refuse_twins(replayed: Sequence[Replayed]) -> None:
    seen: dict[str, Replayed] = {}
    for r in replayed:
        s = r.submission
        key = canonical_json([s.agent.name, s.agent.parameters, s.suite_hash, s.traces_sha256])
        if key in seen:
            raise SubmissionError(f"{seen[key].path} and {r.path} are the same run; remove one of them")
        seen[key] = r


def _sums(replayed: Replayed, outcomes: Outcomes, name: str) -> Sums:
    ratio = METRICS[name].ratio
    assert ratio is not None
    agent = replayed.submission.agent
    return Sums.of(*ratio(outcomes), outcomes.users, canonical_json([agent.entry_point, agent.parameters]))


def _metrics(replayed: Replayed, task: int, bottom: Replayed | None, top: Replayed | None) -> dict[str, Estimate]:
    outcomes, found = replayed.outcomes[task], {}
    for name, metric in ((n, m) for n, m in METRICS.items() if m.applies(outcomes)):
        if metric.pooled is not None:
            found[name] = Estimate(value=metric.pooled(outcomes), note="pooled over all sessions: no interval")
        elif (estimate := mean(_sums(replayed, outcomes, name))) is not None:
            found[name] = estimate
    if bottom is not None and top is not None:
        normalised = score(*(return_sums(r, task) for r in (replayed, bottom, top)))
        if normalised is not None:
            anchor = replayed is bottom or replayed is top
            found[SCORE.name] = Estimate(value=normalised.value, note="anchor of the scale") if anchor else normalised
    return found


def _row(replayed: Replayed, task: int, bottom: Replayed | None, top: Replayed | None) -> Row:
    s, outcomes = replayed.submission, replayed.outcomes[task]
    chosen = s.suite.tasks[task]
    cells = [cell for cell in s.cells if cell.task == task]
    return Row(
        agent=s.agent.name,
        parameters=s.agent.parameters,
        version=replayed.path.name,
        suite=s.suite.name,
        suite_hash=s.suite_hash,
        track=s.suite.track,
        task=task,
        env_id=chosen.env_id,
        options=chosen.options,
        world=s.worlds[task],
        log=s.logs[task] if s.logs else None,
        from_log=bool(s.logs) and s.agent.learns_from_log,
        badge="replayed",
        privileged=s.agent.privileged,
        training_seeds=len(s.suite.training_seeds),
        episodes=outcomes.left.size,
        users=len(set(outcomes.users.tolist())),
        steps=len(outcomes.rewards),
        declared=s.declared,
        spent=_most(cells),
        metrics=_metrics(replayed, task, bottom, top),
        departures=departures(outcomes),
        stays=stays(outcomes),
        curve=tuple(survival(outcomes)),
        wall_seconds=sum(c.train_seconds + c.test_seconds for c in cells),
        facts=tuple(c.facts for c in cells),
        command=s.command,
        commit=s.commit,
        dirty=s.dirty,
        created=s.created,
        disclosure=s.disclosure,
    )


def _most(cells: Sequence[Cell]) -> SpentBudget:
    return SpentBudget(episodes=max(c.spent.episodes or 0 for c in cells), steps=max(c.spent.steps or 0 for c in cells))
