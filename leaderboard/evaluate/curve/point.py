"""One point of a learning curve under one training seed: train a fresh agent, play test users, perhaps train users."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leaderboard import seeds
from leaderboard.agents import build_agent
from leaderboard.evaluate.build import simulator_for
from leaderboard.evaluate.cell import Report
from leaderboard.evaluate.curve.plan import CurvePlan
from leaderboard.evaluate.learn import train_agent
from leaderboard.evaluate.player import recent
from leaderboard.evaluate.simulate import Progress, guarded, simulate
from leaderboard.evaluate.witness import agent_facts
from leaderboard.files import write_json
from leaderboard.schema import Cell, SpentBudget
from leaderboard.traces import Trace, write_trace
from recsim_envs import make_simulator
from recsim_envs.errors import AgentError, LongrecError
from recsim_envs.families.base import Simulator
from recsim_envs.spec import Agent
from recsim_envs.worlds.storage import atomic_folder

NAME: Final = "learning curve"
"""Test seeds derive from it. A suite cannot be named so: its test users are others."""

LANES: Final = 256


def test_seeds(plan: CurvePlan) -> NDArray[np.uint64]:
    """Episode seeds of the test sessions: uint64 (sessions,), the same at all points and under all seeds."""
    return seeds.episode_seeds(NAME, plan.task.env_id, plan.task.episodes)


def train_seeds(plan: CurvePlan) -> NDArray[np.uint64]:
    """Episode seeds of the sessions of train users, none of which any training meets: uint64 (train_sessions,)."""
    return seeds.episode_seeds(f"{NAME}, train users", plan.task.env_id, plan.train_sessions)


def train_simulator(plan: CurvePlan, lanes: int) -> Simulator:
    """The simulator of the task on its train users."""
    return make_simulator(plan.task.env_id, lanes, split="train", **plan.task.options)


@dataclass(frozen=True)
class PointSpec:
    """What a worker needs to run one point; it can be sent to another process."""

    plan: CurvePlan
    agent: str
    training_seed: int
    budget: int
    out: Path

    @property
    def path(self) -> Path:
        """The file of the test sessions; it is written last."""
        return self.out / "points" / f"{self.training_seed}-{self.budget}.parquet"

    @property
    def train_path(self) -> Path:
        """The file of the train users' sessions."""
        return self.path.with_suffix(".train.parquet")

    @property
    def label(self) -> str:
        """For messages: agent, environment, training seed and budget."""
        plan = self.plan
        return f"{plan.agent.name}, {plan.task.env_id}, training seed {self.training_seed}, {plan.words(self.budget)}"

    @property
    def peers(self) -> tuple[str, ...]:
        """Points that should take about as long: those of one budget."""
        return self.plan.agent.name, self.plan.task.env_id, str(self.budget)

    def run(self, report: Report) -> None:
        """Train, play and write the point's files."""
        plan, seed = self.plan, self.training_seed
        agent, start = build_agent(self.agent, plan.agent.parameters), time.perf_counter()
        spent = self._train(agent, report) if self.budget else SpentBudget(episodes=0, steps=0)
        trained = time.perf_counter()
        total = plan.task.episodes
        simulator = simulator_for(plan.task, min(LANES, total))
        test = self._play(agent, simulator, test_seeds(plan), lambda done: report("test", done, total))
        facts = agent_facts(agent)
        if plan.train_sessions:
            many = plan.train_sessions
            simulator = train_simulator(plan, min(LANES, many))
            train = self._play(
                agent, simulator, train_seeds(plan), lambda done: report("test on train users", done, many)
            )
            write_trace(self.train_path, train, {})
        cell = Cell(
            task=0,
            training_seed=seed,
            spent=spent,
            train_seconds=round(trained - start, 3),
            test_seconds=round(time.perf_counter() - trained, 3),
            facts=facts,
        )
        write_trace(self.path, test, {"cell": cell.model_dump_json()})
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _folder(self) -> Path:
        return self.path.with_suffix(".training")

    def _train(self, agent: Agent, report: Report) -> SpentBudget:
        plan, amount = self.plan, self.budget
        training = train_agent(
            agent, plan.agent, plan.task, plan.budget(amount), self.training_seed,
            lambda done, earned, length: report(
                f"train, {recent(earned, length)}", done, amount if plan.unit == "episodes" else 0
            ),
            folder=self._folder, sessions=amount if plan.unit == "sessions" else None,
            updates=lambda done, total: report("train, updates", done, total),
        )  # fmt: skip
        if self.training_seed == plan.training_seeds[0] and amount == plan.at[-1]:
            with atomic_folder(self.out / "agent") as scratch:
                guarded(agent, "save", lambda: agent.save(scratch))
            write_json(self.out / "training.json", training)
        return training.spent

    def _play(self, agent: Agent, simulator: Simulator, episodes: NDArray[np.uint64], report: Progress) -> Trace:
        env_id, seed = self.plan.task.env_id, self.training_seed
        self._reset(agent, simulator)
        return simulate(
            agent,
            simulator,
            episodes,
            seeds.session_keys(NAME, env_id, seed, len(episodes)),
            training_seed=seed,
            privileged=self.plan.agent.privileged,
            progress=report,
        )

    def _reset(self, agent: Agent, simulator: Simulator) -> None:
        seed = seeds.agent_seed(NAME, self.plan.task.env_id, self.training_seed)
        try:
            guarded(agent, "reset", lambda: agent.reset(simulator.task, simulator.num_lanes, seed))
        except LongrecError as error:
            if self.budget:
                raise
            raise AgentError(
                f"it does not act untrained ({error}); leave the budget 0 out: --curve-at 10,25,..."
            ) from error
