"""From names to things: the plan of a run, and the simulators and training environments of its tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from leaderboard import seeds
from leaderboard.agents import agent_record
from leaderboard.evaluate.training import MeteredEnvs
from leaderboard.schema import AgentRecord, Sha256, SpentBudget, Stored, Suite, Task, World
from recsim_envs import make_simulator
from recsim_envs.errors import ConfigurationError
from recsim_envs.families.base import Simulator
from recsim_envs.fingerprint import check_fingerprint, fingerprint
from recsim_envs.spec import Budget, TaskSpec


class Plan(Stored):
    """Everything that determines a run's results. Two runs with the same plan give the same traces."""

    agent: AgentRecord
    suite: Suite
    worlds: tuple[World, ...]
    fingerprints: tuple[Sha256, ...]


def make_plan(agent: str, parameters: Mapping[str, Any], suite: Suite) -> Plan:
    """Resolve names once, before anything is run.

    Raises `AgentError`, `ConfigurationError` or `WorldError` for what does not exist or does not fit together, and
    `PlatformError` where a built-in environment computes otherwise than it should.
    """
    record = agent_record(agent, parameters)
    if record.trains and suite.budget.episodes == 0:
        raise ConfigurationError(
            f"agent {agent!r} must train, and track {suite.track!r} allows no training; use another"
        )
    worlds = suite_worlds(suite)
    return Plan(agent=record, suite=suite, worlds=worlds, fingerprints=tuple(map(checked_fingerprint, suite.tasks)))


def suite_worlds(suite: Suite) -> tuple[World, ...]:
    """Names and hashes of the worlds that the suite's tasks run on here."""
    return tuple(world_of(simulator_for(task, 1)) for task in suite.tasks)


def checked_fingerprint(task: Task) -> str:
    """The fingerprint of a task with its options, once that of its id is as it should be."""
    check_fingerprint(task.env_id)
    return fingerprint(task.env_id, task.options)


def simulator_for(task: Task, num_lanes: int) -> Simulator:
    """The simulator of a task on its test users."""
    return make_simulator(task.env_id, num_lanes, split="test", **task.options)


def world_of(simulator: Simulator) -> World:
    """Name and content hash of the data behind a simulator."""
    name, sha256 = simulator.provenance()
    return World(name=name, sha256=sha256)


def training_envs(
    plan: Plan, task: int, training_seed: int, spec: TaskSpec, progress: Callable[[int], None] | None
) -> MeteredEnvs:
    """The metered training environments of one cell."""
    suite, chosen = plan.suite, plan.suite.tasks[task]
    return MeteredEnvs(
        chosen.env_id,
        chosen.options,
        spec,
        budget_of(suite.budget),
        lambda env, reset: seeds.training_env_seed(suite.name, chosen.env_id, training_seed, env, reset),
        privileged=plan.agent.privileged,
        progress=progress,
    )


def budget_of(limit: SpentBudget) -> Budget:
    """The agent's view of a budget."""
    return Budget(episodes=limit.episodes, steps=limit.steps)
