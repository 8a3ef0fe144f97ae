"""`tune`: a search over an agent's parameters on train users. No test user is met, so results stay honest.

Each trial trains on the part "fit" of the train users and is judged on sessions of the part "held-out", under seeds
that derive from the tuning's name. The first trial has the agent's own values.

tune.json     the file, all trials with what they earned and cost, the chosen values
trials.csv    one row a cell, as a sweep's results.csv
trials/...    a folder a trial
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from leaderboard.evaluate.batch import DEFAULT_LANES, Job, Watch, open_run, run_all
from leaderboard.evaluate.cell import CellSpec
from leaderboard.evaluate.executor import Executor
from leaderboard.files import alone_in, write_json
from leaderboard.schema import Finite, Json, Line, Seconds, SpentBudget, Stored, as_line
from leaderboard.sweep.cells import CellRow, noting, rows_of, worth_running, write_csv
from leaderboard.sweep.expand import digest
from leaderboard.sweep.schema import TuneFile
from leaderboard.sweep.search import Search
from recsim_envs.errors import LongrecError


class Trial(Stored):
    """One set of values. `returns` and `lengths` are those of its environments, means over training seeds.

    score   mean over environments of the return, scaled so that the worst trial has 0 and the best 1; None where a
            cell failed or was not run
    """

    number: int
    parameters: Json
    score: Finite | None
    returns: tuple[Finite | None, ...]
    lengths: tuple[Finite | None, ...]
    spent: SpentBudget
    seconds: Seconds
    status: Literal["done", "failed", "not run"]
    error: str = ""


class TuneRecord(Stored):
    """`tune.json`. `chosen` are the parameters of the trial with the highest score, the earliest of equals."""

    schema_version: Literal[1] = 1
    tuning: TuneFile
    command: tuple[Line, ...]
    trials: tuple[Trial, ...]
    chosen: Json | None
    chosen_trial: int | None
    spent: SpentBudget
    seconds: Seconds


def tune(
    search: Search,
    out: Path,
    executor: Executor[CellSpec],
    *,
    num_lanes: int = DEFAULT_LANES,
    together: int = 1,
    retry_failed: bool = False,
    command: tuple[str, ...] = (),
    watch: Watch | None = None,
) -> TuneRecord:
    """Run the trials that are missing, choose, and write it down.

    With a budget in seconds, trials are begun so that about `together` cells run at a time, until it is spent. A trial
    that fails stops no other; one that failed by the agent's fault is not run again, unless `retry_failed`. Raises
    `ConfigurationError` for a folder that another process is at work in.
    """
    with alone_in(out):
        runs = [
            open_run(Job(search.tuning.agent, out / "trials" / f"{n:03d}-{digest(plan)}", parameters), plan)
            for n, (parameters, plan) in enumerate(zip(search.trials, search.plans, strict=True))
        ]
        wanted = partial(worth_running, retry_failed=retry_failed)
        limit = search.tuning.budget.seconds
        wave = len(runs) if limit is None else max(1, together // search.cells_a_trial)
        rows: list[CellRow] = []
        try:
            for start in range(0, len(runs), wave):
                if limit is not None and sum(row.seconds or 0.0 for row in rows) >= limit:
                    break
                chosen = runs[start : start + wave]
                run_all(chosen, executor, num_lanes=num_lanes, watch=noting(watch), wanted=wanted, keep_going=True)
                rows += rows_of(chosen, out)
        except LongrecError:
            _record(search, rows, out, command)
            raise
        return _record(search, rows, out, command)


def _record(search: Search, rows: Sequence[CellRow], out: Path, command: tuple[str, ...]) -> TuneRecord:
    """Write `tune.json` and `trials.csv`."""
    size = search.cells_a_trial
    cells = [rows[n * size : (n + 1) * size] for n in range(len(search.trials))]
    width = len(search.tuning.training_seeds)
    returns = [[_mean([r.mean_return for r in part]) for part in _parts(c, width)] for c in cells]
    scores = _scores(returns)
    trials = tuple(
        Trial(
            number=n,
            parameters=parameters,
            score=scores[n],
            returns=tuple(returns[n]),
            lengths=tuple(_mean([r.mean_length for r in part]) for part in _parts(cells[n], width)),
            spent=_spent(cells[n]),
            seconds=round(sum(r.seconds or 0.0 for r in cells[n]), 3),
            status=_status(cells[n]),
            error=next((r.error for r in cells[n] if r.error), ""),
        )
        for n, parameters in enumerate(search.trials)
    )
    known = [t for t in trials if t.score is not None]
    best = max(known, key=lambda t: (t.score, -t.number), default=None)
    told = TuneRecord(
        tuning=search.tuning,
        command=tuple(map(as_line, command)),
        trials=trials,
        chosen=None if best is None else best.parameters,
        chosen_trial=None if best is None else best.number,
        spent=_spent(rows),
        seconds=round(sum(t.seconds for t in trials), 3),
    )
    write_csv(out / "trials.csv", rows)
    write_json(out / "tune.json", told)
    return told


def _parts(cells: Sequence[CellRow], size: int) -> list[Sequence[CellRow]]:
    """Cells by environment: those of its training seeds."""
    return [cells[n : n + size] for n in range(0, len(cells), size)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if values and len(known) == len(values) else None


def _scores(returns: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Scores of trials from their returns by environment; see `Trial`."""
    whole = [n for n, found in enumerate(returns) if found and None not in found]
    scores: list[float | None] = [None] * len(returns)
    if whole:
        table = np.array([returns[n] for n in whole], float)
        low, high = table.min(axis=0), table.max(axis=0)
        scaled = (table - low) / np.where(high > low, high - low, 1.0)
        for n, score in zip(whole, scaled.mean(axis=1).tolist(), strict=True):
            scores[n] = score
    return scores


def _spent(cells: Sequence[CellRow]) -> SpentBudget:
    spent = [row.spent for row in cells if row.spent is not None]
    return SpentBudget(episodes=sum(s.episodes or 0 for s in spent), steps=sum(s.steps or 0 for s in spent))


def _status(cells: Sequence[CellRow]) -> Literal["done", "failed", "not run"]:
    if any(row.status == "failed" for row in cells):
        return "failed"
    return "done" if cells and all(row.status == "done" for row in cells) else "not run"
