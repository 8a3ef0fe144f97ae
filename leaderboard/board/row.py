"""One line of the board from a summary: what follows from the submission alone, before it is held against others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from leaderboard.board.summary import Summary
from leaderboard.prices import cost, load_prices
from leaderboard.reruns import badge_of
from leaderboard.schema import Cell, Latency, Lost, Phase, Row, SpentBudget, Usage
from leaderboard.usage import total, usage_of

_PHASES: Final[tuple[Phase, Phase]] = ("train", "test")


def row_of(summary: Summary, task: int) -> Row:
    """The row of one task, without score, tier and rank."""
    s, figures = summary.submission, summary.tasks[task]
    chosen, table = s.suite.tasks[task], s.suite.table
    cells = [cell for cell in s.cells if cell.task == task]
    training, test = (total([usage_of(cell, phase) for cell in cells]) for phase in _PHASES)
    return Row(
        agent=s.agent.name,
        parameters=s.agent.parameters,
        version=summary.path.name,
        traces_sha256=s.traces_sha256,
        suite=table.name,
        suite_hash=table.hash,
        season=s.suite.season.name if s.suite.season else None,
        track=s.suite.track,
        task=s.suite.numbers[task],
        env_id=chosen.env_id,
        options=chosen.options,
        world=s.worlds[task],
        log=s.logs[task] if s.logs else None,
        from_log=bool(s.logs) and s.agent.learns_from_log,
        badge=badge_of(s),
        privileged=s.agent.privileged,
        training_seeds=len(s.suite.training_seeds),
        episodes=figures.episodes,
        users=figures.users,
        steps=figures.steps,
        declared=s.declared,
        spent=_most(cells),
        metrics=figures.metrics,
        metric_versions=figures.versions,
        departures=figures.departures,
        stays=figures.stays,
        curve=figures.curve,
        reward_curve=figures.reward_curve,
        lost=_lost(cells),
        usage_train=training,
        usage_test=test,
        cost_usd=_cost([usage for usage in (training, test) if usage is not None]),
        latency=_slowest(cells),
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


def _lost(cells: Sequence[Cell]) -> Lost:
    return Lost(
        crashed=sum(c.lost.crashed for c in cells),
        timed_out=sum(c.lost.timed_out for c in cells),
        out_of_memory=sum(c.lost.out_of_memory for c in cells),
        told=next((c.lost.told for c in cells if c.lost.told), ""),
    )


def _cost(usages: Sequence[Usage]) -> float | None:
    """Of both phases together; None where one is not known, or nothing is told."""
    costs = [cost(usage, load_prices()) for usage in usages]
    return None if not costs or None in costs else sum(c for c in costs if c is not None)


def _slowest(cells: Sequence[Cell]) -> Latency | None:
    known = [c.latency for c in cells if c.latency is not None]
    return max(known, key=lambda latency: latency.p95) if len(known) == len(cells) else None
