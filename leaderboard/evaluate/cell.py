"""One cell of a run: one task under one training seed, from a fresh agent to a file with its episodes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError

from leaderboard import seeds
from leaderboard.agents import build_agent
from leaderboard.evaluate.build import Plan, simulator_for, training_envs
from leaderboard.evaluate.logs import training_log
from leaderboard.evaluate.simulate import guarded, simulate
from leaderboard.files import first_fault
from leaderboard.schema import MAX_JSON, Cell, Json, SpentBudget
from leaderboard.traces import write_trace
from recsim_envs.errors import AgentError, BudgetExceededError, EpisodeError, InvalidActionError
from recsim_envs.spec import Agent, TaskSpec

Report = Callable[[str, int, int], None]
"""(phase "test", or "train" and how it goes; done: episodes, steps where these are the budget, or updates; of how many,
or 0)."""


@dataclass(frozen=True)
class CellSpec:
    """What a worker needs to run one cell; it can be sent to another process."""

    plan: Plan
    agent: str
    task: int
    training_seed: int
    num_lanes: int
    path: Path

    @property
    def folder(self) -> Path:
        """What training keeps to go on after a kill; gone once the cell is finished."""
        return self.path.with_suffix(".training")

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
    simulator = simulator_for(task, min(spec.num_lanes, task.episodes), plan.splits[1])
    agent = build_agent(spec.agent, spec.plan.agent.parameters)
    start = time.perf_counter()
    spent = _train(spec, agent, simulator.task, report)
    trained = time.perf_counter()
    guarded(
        agent, "reset", lambda: agent.reset(simulator.task, simulator.num_lanes, seeds.agent_seed(name, env_id, seed))
    )
    trace = simulate(
        agent,
        simulator,
        seeds.episode_seeds(name, env_id, task.episodes),
        seeds.session_keys(name, env_id, seed, task.episodes),
        task=spec.task,
        training_seed=seed,
        privileged=spec.plan.agent.privileged,
        progress=lambda done: report("test", done, task.episodes),
    )
    cell = Cell(
        task=spec.task,
        training_seed=seed,
        spent=spent,
        train_seconds=round(trained - start, 3),
        test_seconds=round(time.perf_counter() - trained, 3),
        facts=agent_facts(agent),
    )
    write_trace(spec.path, trace, {"cell": cell.model_dump_json()})
    shutil.rmtree(spec.folder, ignore_errors=True)


def _train(spec: CellSpec, agent: Agent, task: TaskSpec, report: Report) -> SpentBudget:
    """Train within the track: from the log, by metered interaction, or not at all; or load what was learned before."""
    plan, nothing = spec.plan, SpentBudget(episodes=0, steps=0)
    if plan.learned is not None:
        from leaderboard.evaluate.learned import taken

        folder = taken(spec.path.parents[1], plan.learned)
        guarded(agent, "load", lambda: agent.load(folder))
        return plan.learned.spent
    if not plan.agent.trains or plan.suite.track == "zero-shot":
        return nothing
    seed = seeds.agent_seed(plan.seed_name, task.env_id, spec.training_seed)
    spec.folder.mkdir(parents=True, exist_ok=True)
    if plan.agent.learns_from_log:
        log = training_log(
            plan.suite.tasks[spec.task],
            plan.logs[spec.task],
            split=plan.splits[0],
            folder=spec.folder,
            progress=lambda done, total: report("train, updates", done, total),
        )
        report("train, updates", 0, 0)
        guarded(agent, "learn", lambda: agent.learn(log, seed))
        return nothing
    allowed = plan.suite.budget
    report("train", 0, allowed.episodes or allowed.steps or 0)

    def tell(done: int, earned: float, length: float) -> None:
        done, total = (done, allowed.episodes) if allowed.episodes is not None else (envs.used_steps, allowed.steps)
        report(f"train, {recent(earned, length)}", done, total or 0)

    envs = training_envs(plan, spec.task, spec.training_seed, task, tell, spec.folder)
    guarded(agent, "train", lambda: agent.train(envs, seed))
    return SpentBudget(episodes=envs.used_episodes, steps=envs.used_steps)


def recent(mean_return: float, mean_length: float) -> str:
    """How training goes, in words."""
    return f"return {mean_return:.1f}, Len {mean_length:.1f}"


def agent_facts(agent: Agent) -> dict[str, Any]:
    """What `describe` tells; raises `AgentError` if that is no JSON, or too much."""
    described = guarded(agent, "describe", agent.describe)
    try:
        facts: dict[str, Any] = TypeAdapter(Json).validate_python({} if described is None else described)
    except ValidationError as fault:
        raise AgentError(
            f"{type(agent).__name__}.describe returned what is no JSON object of at most {MAX_JSON} bytes: "
            f"{first_fault(fault)}"
        ) from fault
    return facts
