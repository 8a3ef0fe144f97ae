"""`learning_curve`: train with each budget, play the same unseen users after each, write down what was found.

curve.json                    the plan
points/0-25.parquet           test sessions after 25 episodes under training seed 0; written atomically
agent/, training.json         as of `longrec train`: the first seed's agent after the largest budget
learning_curve.json, .svg     written last; without times and durations: the same plan gives the same bytes

Each budget is trained for from the start, as a run with that budget would be: an agent may plan ahead for what it has.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from leaderboard import seeds
from leaderboard.agents import build_agent
from leaderboard.evaluate.build import simulator_for
from leaderboard.evaluate.cell import agent_facts
from leaderboard.evaluate.curve.picture import picture
from leaderboard.evaluate.curve.plan import CurvePlan, LearningCurve
from leaderboard.evaluate.curve.results import found
from leaderboard.evaluate.executor import one_thread
from leaderboard.evaluate.learn import train_agent
from leaderboard.evaluate.simulate import guarded, simulate
from leaderboard.files import atomic_path, read_model, write_json
from leaderboard.schema import Cell, SpentBudget
from leaderboard.traces import Trace, read_trace, write_trace
from recsim_envs.errors import AgentError, ConfigurationError, LongrecError, SubmissionError
from recsim_envs.spec import Agent, TaskSpec
from recsim_envs.worlds.storage import atomic_folder

NAME: Final = "learning curve"
"""Test seeds derive from it. A suite cannot be named so: its test users are others."""

LANES: Final = 256

Progress = Callable[[str, int, int], None]
"""(which training seed, sessions done, sessions to do)."""


def learning_curve(agent: str, plan: CurvePlan, out: Path, progress: Progress | None = None) -> LearningCurve:
    """Make the curve of `plan` in the folder `out`; given again, go on where it stopped.

    `agent` is the name that the plan was made with. Raises `AgentError` naming training seed and budget if the
    agent fails, `ConfigurationError` if `out` holds something else.
    """
    _open_folder(out, plan)
    one_thread()
    for seed in plan.training_seeds:
        report = _Report(f"training seed {seed}", plan, progress)
        for episodes in plan.at:
            if not _point(out, seed, episodes).exists():
                _run_point(agent, plan, out, seed, episodes, report)
            report.finish(episodes)
    points = [[_load(plan, out, seed, episodes) for seed in plan.training_seeds] for episodes in plan.at]
    curve = found(plan, points, seeds.episode_seeds(NAME, plan.task.env_id, plan.task.episodes))
    write_json(out / "learning_curve.json", curve)
    with atomic_path(out / "learning_curve.svg") as scratch:
        scratch.write_text(picture(curve), "utf-8")
    return curve


class _Report:
    """Counts the sessions of one training seed over all its points."""

    def __init__(self, label: str, plan: CurvePlan, progress: Progress | None) -> None:
        self._label, self._send = label, progress
        self._total = sum(plan.at) + len(plan.at) * plan.task.episodes
        self._per_point, self._before = plan.task.episodes, 0

    def __call__(self, done: int) -> None:
        if self._send is not None:
            self._send(self._label, min(self._before + done, self._total), self._total)

    def finish(self, episodes: int) -> None:
        """A point is complete."""
        self._before += episodes + self._per_point
        self(0)


def _open_folder(out: Path, plan: CurvePlan) -> None:
    file = out / "curve.json"
    if not file.exists():
        if out.exists() and (not out.is_dir() or any(not p.name.startswith(".curve.json-") for p in out.iterdir())):
            raise ConfigurationError(f"{out} exists and holds no learning curve; choose a new folder")
        write_json(file, plan)
        return
    known = read_model(file, CurvePlan, ConfigurationError)
    if known != plan:
        other = next(name for name in CurvePlan.model_fields if getattr(known, name) != getattr(plan, name))
        raise ConfigurationError(
            f"{out} holds a learning curve of another plan (field {other} of curve.json; of the agent, its source code "
            "counts too); choose a new folder"
        )


def _point(out: Path, seed: int, episodes: int) -> Path:
    return out / "points" / f"{seed}-{episodes}.parquet"


def _run_point(name: str, plan: CurvePlan, out: Path, seed: int, episodes: int, report: Callable[[int], None]) -> None:
    """Train a fresh agent, play the test sessions and write the point's file."""
    try:
        agent, start = build_agent(name, plan.agent.parameters), time.perf_counter()
        spent = _train(agent, plan, out, seed, episodes, report) if episodes else SpentBudget(episodes=0, steps=0)
        trained = time.perf_counter()
        trace = _play(agent, plan, seed, episodes, lambda done: report(episodes + done))
    except LongrecError as error:
        where = f"{plan.agent.name}, {plan.task.env_id}, training seed {seed}, {episodes} training episodes"
        raise AgentError(f"{where}: {error}") from error
    cell = Cell(
        task=0,
        training_seed=seed,
        spent=spent,
        train_seconds=round(trained - start, 3),
        test_seconds=round(time.perf_counter() - trained, 3),
        facts=agent_facts(agent),
    )
    write_trace(_point(out, seed, episodes), trace, {"cell": cell.model_dump_json()})


def _train(
    agent: Agent, plan: CurvePlan, out: Path, seed: int, episodes: int, report: Callable[[int], None]
) -> SpentBudget:
    budget = SpentBudget(episodes=episodes)
    training = train_agent(agent, plan.agent, plan.task, budget, seed, lambda done, _, __: report(done))
    if seed == plan.training_seeds[0] and episodes == plan.at[-1]:
        with atomic_folder(out / "agent") as scratch:
            guarded(agent, "save", lambda: agent.save(scratch))
        write_json(out / "training.json", training)
    return training.spent


def _play(agent: Agent, plan: CurvePlan, seed: int, episodes: int, report: Callable[[int], None]) -> Trace:
    """The test sessions of one point: the same users in the same order at all points and under all seeds."""
    task = plan.task
    simulator = simulator_for(task, min(LANES, task.episodes))
    _reset(agent, simulator.task, simulator.num_lanes, seeds.agent_seed(NAME, task.env_id, seed), episodes)
    return simulate(
        agent,
        simulator,
        seeds.episode_seeds(NAME, task.env_id, task.episodes),
        seeds.session_keys(NAME, task.env_id, seed, task.episodes),
        training_seed=seed,
        privileged=plan.agent.privileged,
        progress=report,
    )


def _reset(agent: Agent, task: TaskSpec, lanes: int, seed: int, episodes: int) -> None:
    try:
        guarded(agent, "reset", lambda: agent.reset(task, lanes, seed))
    except AgentError as error:
        if episodes:
            raise
        raise AgentError(
            f"it does not act untrained ({error}); leave the budget 0 out: --curve-at 10,25,..."
        ) from error


def _load(plan: CurvePlan, out: Path, seed: int, episodes: int) -> tuple[Trace, Cell]:
    path, quota = _point(out, seed, episodes), plan.task.episodes
    trace, footer = read_trace(path, quota)
    try:
        cell = Cell.model_validate_json(footer.get("cell", ""))
    except ValidationError as error:
        raise SubmissionError(f"{path} holds no record of its point; delete it and give the command again") from error
    if len(trace) != quota or cell.training_seed != seed:
        raise SubmissionError(f"{path} holds another point; delete it and give the command again")
    return trace, cell
