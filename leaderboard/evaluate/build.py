"""From names to things: the plan of a run, and the simulators and training environments of its tasks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from leaderboard import seeds
from leaderboard.agents import agent_record, kind_of
from leaderboard.evaluate.logs import find_log, record_of
from leaderboard.evaluate.simulate import guarded
from leaderboard.evaluate.training import MeteredEnvs, TrainingProgress
from leaderboard.hosting.start import isolation_for, started
from leaderboard.schema import (
    TRACKS,
    AgentRecord,
    Isolation,
    Learned,
    LogRecord,
    Sha256,
    SpentBudget,
    Stored,
    Suite,
    Task,
    World,
)
from recsim_envs import make_simulator
from recsim_envs.errors import AgentError, PlatformError, WorldError
from recsim_envs.families.base import Simulator
from recsim_envs.fingerprint import check_fingerprint, fingerprint
from recsim_envs.spec import Budget, TaskSpec


class Plan(Stored):
    """Everything that determines a run's results. Two runs with the same plan give the same traces."""

    agent: AgentRecord
    suite: Suite
    worlds: tuple[World, ...]
    fingerprints: tuple[Sha256, ...]
    logs: tuple[LogRecord, ...] = ()
    learned: Learned | None = None
    isolation: Isolation | None = Field(default=None, description="None: the agent runs inside the harness")
    tuning: bool = Field(default=False, description="judged on held-out train users; no submission comes of it")

    @property
    def splits(self) -> tuple[str, str]:
        """Whose users agents train on, and whose sessions judge them."""
        return ("fit", "held-out") if self.tuning else ("train", "test")

    @property
    def seed_name(self) -> str:
        """What all seeds derive from. No suite can be named as a tuning is, so they share no seed."""
        return f"tuning {self.suite.seed_name}" if self.tuning else self.suite.seed_name


def make_plan(
    agent: str,
    parameters: Mapping[str, Any],
    suite: Suite,
    *,
    isolation: Isolation | None = None,
    tuning: bool = False,
) -> Plan:
    """Resolve names once, before anything is run; logs of track offline are made here.

    Without `isolation`, a Python agent runs inside the harness. With `tuning` it is a plan to choose parameters by: its
    users, those of named logs among them, are train users.
    Raises `AgentError`, `ConfigurationError`, `LogError` or `WorldError` for what does not exist or does not fit
    together, and `PlatformError` where a built-in environment computes otherwise than it should.
    """
    if kind_of(agent) in ("command", "server"):
        isolation = isolation or isolation_for(agent)
    record = agent_record(agent, parameters, isolation)
    check_track(record, suite.track)
    if suite.track == "zero-shot" and record.trains:
        for task in suite.tasks:
            check_untrained(agent, parameters, isolation, task)
    return plan_for(record, suite, isolation=isolation, tuning=tuning)


def plan_for(record: AgentRecord, suite: Suite, *, isolation: Isolation | None = None, tuning: bool = False) -> Plan:
    """The plan of an agent that is known to run. Raises what `make_plan` does of worlds, logs and platforms."""
    plan = Plan(
        agent=record,
        suite=suite,
        worlds=suite_worlds(suite),
        fingerprints=tuple(map(checked_fingerprint, suite.tasks)),
        isolation=isolation,
        tuning=tuning,
    )
    logs = tuple(record_of(find_log(task, plan.splits[0])) for task in suite.tasks if task.log is not None)
    return plan.model_copy(update={"logs": logs})


def with_learned(plan: Plan, folder: Path) -> Plan:
    """The plan of a run that loads what `longrec train` saved instead of training.

    Raises `AgentError` for what does not fit the plan, see `leaderboard.evaluate.learned`.
    """
    from leaderboard.evaluate.learned import learned_of  # it reads what training wrote, and training needs this module

    learned = learned_of(folder, plan.agent, plan.suite, plan.worlds, plan.logs, plan.isolation)
    return plan.model_copy(update={"learned": learned})


def tracks_of(agent: AgentRecord) -> tuple[str, ...]:
    """The tracks that an agent can be on; on zero-shot only if it acts untrained, see `check_untrained`."""
    if not agent.trains:
        return tuple(TRACKS)
    return ("zero-shot", "offline") if agent.learns_from_log else ("zero-shot", "scarce", "online")


def check_track(agent: AgentRecord, track: str) -> None:
    """Raise `AgentError` for an agent that would interact where only a log is given, or the other way round."""
    if track in (allowed := tracks_of(agent)):
        return
    how = "learns from logs and never interacts" if agent.learns_from_log else "learns by interaction, not from logs"
    raise AgentError(f"agent {agent.name!r} {how}, so it cannot be on track {track}; it can be on {', '.join(allowed)}")


def check_untrained(agent: str, parameters: Mapping[str, Any], isolation: Isolation | None, task: Task) -> None:
    """Raise `AgentError` for an agent that refuses `reset` before it has learned something."""
    spec = simulator_for(task, 1).task
    try:
        with started(agent, parameters, isolation) as fresh:
            guarded(fresh, "reset", lambda: fresh.reset(spec, 1, 0))
    except AgentError as error:
        raise AgentError(
            f"agent {agent!r} does not act untrained on {task.env_id} ({error}), and track zero-shot allows no "
            "training; use another track"
        ) from error


def suite_worlds(suite: Suite) -> tuple[World, ...]:
    """Names and hashes of the worlds that the suite's tasks run on here.

    Raises `WorldError` for one that is not what its task fixes.
    """
    worlds = tuple(world_of(simulator_for(task, 1)) for task in suite.tasks)
    for task, world in zip(suite.tasks, worlds, strict=True):
        if task.world not in (None, world.sha256):
            raise WorldError(
                f"suite {suite.name} fixes the world of {task.env_id} by its hash {task.world}, and here it is "
                f"{world.name} with {world.sha256}; install the version of longrec that the suite came with"
            )
    return worlds


def checked_fingerprint(task: Task) -> str:
    """The fingerprint of a task with its options, once that of its id is as it should be.

    Raises `PlatformError` where it is not, or is another than the task fixes.
    """
    check_fingerprint(task.env_id)
    found = fingerprint(task.env_id, task.options)
    if task.fingerprint not in (None, found):
        raise PlatformError(
            f"the suite fixes {task.env_id} by the fingerprint {task.fingerprint}, and here it has {found}; install "
            "the version of longrec that the suite came with"
        )
    return found


def simulator_for(task: Task, num_lanes: int, split: str = "test") -> Simulator:
    """The simulator of a task, by default on its test users."""
    return make_simulator(task.env_id, num_lanes, split=split, **task.options)


def world_of(simulator: Simulator) -> World:
    """Name and content hash of the data behind a simulator."""
    name, sha256 = simulator.provenance()
    return World(name=name, sha256=sha256)


def training_envs(
    plan: Plan,
    task: int,
    training_seed: int,
    spec: TaskSpec,
    progress: TrainingProgress | None,
    folder: Path | None = None,
) -> MeteredEnvs:
    """The metered training environments of one cell, which may keep what it needs to go on in `folder`."""
    suite, chosen = plan.suite, plan.suite.tasks[task]
    return MeteredEnvs(
        chosen.env_id,
        chosen.options,
        spec,
        budget_of(suite.budget),
        lambda env, reset: seeds.training_env_seed(plan.seed_name, chosen.env_id, training_seed, env, reset),
        privileged=plan.agent.privileged,
        progress=progress,
        folder=folder,
        split=plan.splits[0],
    )


def budget_of(limit: SpentBudget) -> Budget:
    """The agent's view of a budget."""
    return Budget(episodes=limit.episodes, steps=limit.steps)
