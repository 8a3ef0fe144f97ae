"""`train_and_save`: training alone, for looking at what an agent learned or for loading it elsewhere."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from leaderboard import seeds
from leaderboard.agents import agent_record, build_agent
from leaderboard.evaluate.build import budget_of, world_of
from leaderboard.evaluate.logs import find_log, record_of
from leaderboard.evaluate.simulate import guarded
from leaderboard.evaluate.training import MeteredEnvs, TrainingProgress
from leaderboard.evaluate.witness import agent_facts
from leaderboard.files import alone_in, write_json
from leaderboard.schema import (
    AgentRecord,
    EnvId,
    Json,
    LogRecord,
    LogRef,
    Seconds,
    SpentBudget,
    Stored,
    Task,
    TrainingSeed,
    World,
    json_hash,
)
from recsim_envs import make_simulator
from recsim_envs.errors import AgentError, ConfigurationError, LongrecError
from recsim_envs.offline import LogView, UpdateProgress
from recsim_envs.spec import Agent
from recsim_envs.worlds.storage import atomic_folder

NAME = "train"
"""Seeds of training derive from it where no suite is trained for."""


class TrainingRecord(Stored):
    """`training.json`, beside the folder `agent` with what `Agent.save` wrote."""

    agent: AgentRecord
    env_id: EnvId
    options: Json
    world: World
    training_seed: TrainingSeed
    budget: SpentBudget
    spent: SpentBudget
    log: LogRecord | None = None
    log_reference: LogRef | None = None
    seconds: Seconds
    facts: Json


def train_and_save(
    agent: str,
    parameters: Mapping[str, Any],
    env_id: str,
    options: Mapping[str, Any],
    *,
    episodes: int | None,
    steps: int | None,
    seed: int,
    out: Path,
    log: LogRef | None = None,
    progress: TrainingProgress | None = None,
    updates: UpdateProgress | None = None,
) -> TrainingRecord:
    """Train within a budget on the train users, or from `log`, and write the folder `out` atomically.

    Given again after a kill, it goes on from what the agent kept. Event files for TensorBoard end up in
    `out/tensorboard`. Raises `AgentError` if the agent does not learn in this way or fails, `ConfigurationError` if
    `out` exists, or another process is at this training.
    """
    record = agent_record(agent, parameters)
    check_learner(record, log)
    if out.exists():
        raise ConfigurationError(f"{out} exists; choose a new folder")
    allowed = SpentBudget(episodes=episodes, steps=steps) if log is None else SpentBudget(episodes=0, steps=0)
    task, built = Task(env_id=env_id, options=dict(options), episodes=1, log=log), build_agent(agent, parameters)
    plan = json_hash([record.model_dump(mode="json"), task.model_dump(mode="json"), seed, allowed.model_dump()])
    folder = out.parent / f".{out.name}-{plan[:16]}.training"  # of this training and no other
    try:
        with alone_in(folder):
            training = train_agent(built, record, task, allowed, seed, progress, folder=folder, updates=updates)
            _save(built, training, folder, out)
            shutil.rmtree(folder, ignore_errors=True)
    except LongrecError:
        with suppress(OSError):
            folder.rmdir()  # nothing was kept in it
        raise
    return training


def _save(agent: Agent, training: TrainingRecord, folder: Path, out: Path) -> None:
    """Write what was learned, with the event files that training left in `folder`."""
    with atomic_folder(out) as scratch:
        (scratch / "agent").mkdir()
        guarded(agent, "save", lambda: agent.save(scratch / "agent"))
        write_json(scratch / "training.json", training)
        for file in sorted(folder.rglob("events.out.tfevents.*")):
            (scratch / "tensorboard").mkdir(exist_ok=True)
            shutil.move(file, scratch / "tensorboard" / file.name)


def check_learner(agent: AgentRecord, log: LogRef | None) -> None:
    """Raise `AgentError` for an agent that learns nothing, or not in the way that is asked for."""
    if not agent.trains:
        raise AgentError(f"agent {agent.name!r} has nothing to learn; evaluate it as it is")
    if agent.learns_from_log and log is None:
        raise AgentError(f"agent {agent.name!r} learns from logs; give one with --log, such as --log mixed")
    if log is not None and not agent.learns_from_log:
        raise AgentError(f"agent {agent.name!r} learns by interaction, not from logs; leave --log out")


def train_agent(
    agent: Agent,
    record: AgentRecord,
    task: Task,
    budget: SpentBudget,
    seed: int,
    progress: TrainingProgress | None = None,
    *,
    folder: Path | None = None,
    sessions: int | None = None,
    updates: UpdateProgress | None = None,
) -> TrainingRecord:
    """Train a fresh agent within a budget on the train users, metered; the same seed meets the same users.

    Where the task names a log, the agent learns from its first `sessions`, else all, and does not interact. `progress`
    is told how interaction goes, `updates` how learning from a log does.
    """
    env_id, options = task.env_id, task.options
    simulator = make_simulator(env_id, 1, split="train", **options)
    agent_seed, start = seeds.agent_seed(NAME, env_id, seed), time.perf_counter()
    spent, learned_from, reference = SpentBudget(episodes=0, steps=0), None, None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    if task.log is not None:
        log = find_log(task)
        view = LogView(log, sessions, folder=folder, progress=updates)
        guarded(agent, "learn", lambda: agent.learn(view, agent_seed))
        learned_from = record_of(log.first(view.num_sessions))
        reference = task.log if view.num_sessions == len(log) else _beginning(task.log, view.num_sessions)
    else:
        envs = MeteredEnvs(
            env_id,
            options,
            simulator.task,
            budget_of(budget),
            lambda env, reset: seeds.training_env_seed(NAME, env_id, seed, env, reset),
            privileged=record.privileged,
            progress=progress,
            folder=folder,
        )
        guarded(agent, "train", lambda: agent.train(envs, agent_seed))
        spent = SpentBudget(episodes=envs.used_episodes, steps=envs.used_steps)
    return TrainingRecord(
        agent=record,
        env_id=env_id,
        options=dict(options),
        world=world_of(simulator),
        training_seed=seed,
        budget=budget,
        spent=spent,
        log=learned_from,
        log_reference=reference,
        seconds=round(time.perf_counter() - start, 3),
        facts=agent_facts(agent),
    )


def _beginning(log: LogRef, sessions: int) -> LogRef | None:
    """The name of a log's first sessions: a named log begins with the shorter ones, a file's beginning has none."""
    return log.model_copy(update={"sessions": sessions}) if log.sha256 is None else None
