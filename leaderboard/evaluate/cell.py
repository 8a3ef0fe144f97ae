"""One cell of a run: one task under one training seed, from a fresh agent to a file with its episodes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from leaderboard import seeds
from leaderboard.evaluate.build import Plan
from leaderboard.evaluate.played import Played
from leaderboard.evaluate.player import Player
from leaderboard.evaluate.simulate import simulate
from leaderboard.evaluate.witness import Onlooker, room_for
from leaderboard.schema import Cell, TrainingCurve
from leaderboard.traces import Trace, write_trace
from leaderboard.transcripts import to_text
from recsim_envs.errors import AgentError, BudgetExceededError, EpisodeError, InvalidActionError

Report = Callable[[str, int, int], None]
"""(phase "test", or "train" and how it goes; done: episodes, steps where these are the budget, or updates; of how many,
or 0)."""


@dataclass(frozen=True)
class Answers:
    """A cassette that language models' answers are recorded into, or, with `replay`, that all of them come from."""

    path: Path
    replay: bool = False


@dataclass(frozen=True)
class CellSpec:
    """What a worker needs to run one cell; it can be sent to another process."""

    plan: Plan
    agent: str
    task: int
    training_seed: int
    num_lanes: int
    path: Path
    answers: Answers | None = None

    @property
    def folder(self) -> Path:
        """What training keeps to go on after a kill; gone once the cell is finished."""
        return self.path.with_suffix(".training")

    @property
    def played(self) -> Path:
        """The sessions that have ended, to go on after a kill; gone once the cell is finished."""
        return self.path.with_suffix(".played")

    @property
    def label(self) -> str:
        """For messages: agent, environment and training seed."""
        return f"{self.plan.agent.name}, {self.plan.suite.tasks[self.task].env_id}, training seed {self.training_seed}"

    @property
    def peers(self) -> tuple[str, ...]:
        """Cells with the same answer should take about as long: those of one agent, environment and track."""
        suite = self.plan.suite
        return self.plan.agent.name, suite.tasks[self.task].env_id, suite.track

    def run(self, report: Report) -> None:
        """Train, test and write the cell's file atomically."""
        _run(self, report)


class Work(Protocol):
    """What a worker can do: a cell of a run, a point of a learning curve."""

    @property
    def path(self) -> Path:
        """Its file. Work in one folder belongs together: what fails there ends the rest."""
        ...

    @property
    def label(self) -> str:
        """For messages."""
        ...

    @property
    def peers(self) -> tuple[str, ...]:
        """Work with the same answer should take about as long."""
        ...

    def run(self, report: Report) -> None:
        """Do it, and write its file atomically."""
        ...


def run_cell(spec: Work, report: Report) -> None:
    """Do a piece of work. Raises `AgentError` naming it if the agent fails.

    One that overspends, or does what its training environment forbids, and lets the error through has failed too.
    """
    try:
        spec.run(report)
    except AgentError as error:
        raise AgentError(f"{spec.label}: {error}") from error.__cause__
    except (BudgetExceededError, EpisodeError, InvalidActionError) as error:
        raise AgentError(f"{spec.label}: {error}") from error


def _run(spec: CellSpec, report: Report) -> None:
    plan, task = spec.plan, spec.plan.suite.tasks[spec.task]
    name, env_id, seed = plan.seed_name, task.env_id, spec.training_seed
    num_lanes = min(spec.num_lanes, task.episodes)
    onlooker = Onlooker(spec.task, seed, _room(spec))
    with Player(spec, report, num_lanes) as player:
        start = time.perf_counter()
        player.learn()
        trained = time.perf_counter()
        played = Played(spec, player, onlooker)
        player.reset()
        trace = simulate(
            player.agent,
            player.simulator(num_lanes),
            seeds.episode_seeds(name, env_id, task.episodes),
            seeds.session_keys(name, env_id, seed, task.episodes),
            task=spec.task,
            training_seed=seed,
            privileged=plan.agent.privileged,
            progress=lambda done: report("test", done, task.episodes),
            witness=onlooker,
            rescue=None if plan.isolation is None else player,
            keeper=played,
        )
        footer = _footer(spec, player, played, onlooker, trace, trained - start)
    write_trace(spec.path, trace, footer)
    spec.played.unlink(missing_ok=True)
    shutil.rmtree(spec.folder, ignore_errors=True)


def _footer(
    spec: CellSpec, player: Player, played: Played, onlooker: Onlooker, trace: Trace, train_seconds: float
) -> dict[str, str]:
    """What goes with the episodes of a cell: its record, what was told of them, how training went."""
    task, seed, facts = spec.task, spec.training_seed, played.facts()
    cell = Cell(
        task=task,
        training_seed=seed,
        spent=player.spent,
        train_seconds=round(train_seconds, 3),
        test_seconds=round(played.seconds(), 3),
        facts=facts,
        usage=player.usage(facts),
        latency=onlooker.latency(),
        lost=player.lost(trace),
    )
    footer = {"cell": cell.model_dump_json(), "transcript": to_text(onlooker.transcript(player.agent))}
    if player.curve:
        curve = TrainingCurve(task=task, training_seed=seed, points=player.curve)
        footer["curve"] = curve.model_dump_json()
    return footer


def _room(spec: CellSpec) -> int:
    """Bytes of transcript that a cell may have: only those of the first training seed are told of."""
    suite = spec.plan.suite
    chosen = spec.training_seed == suite.training_seeds[0] and not spec.plan.tuning
    return room_for(len(suite.tasks)) if chosen else 0
