"""`train_and_save`: training alone, for looking at what an agent learned or for loading it elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from leaderboard import seeds
from leaderboard.agents import agent_record, build_agent
from leaderboard.evaluate.build import budget_of, world_of
from leaderboard.evaluate.cell import agent_facts
from leaderboard.evaluate.simulate import guarded
from leaderboard.evaluate.training import MeteredEnvs
from leaderboard.files import write_json
from leaderboard.schema import AgentRecord, EnvId, Json, Seconds, SpentBudget, Stored, TrainingSeed, World
from recsim_envs import make_simulator
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.spec import Agent
from recsim_envs.worlds.storage import atomic_folder


class TrainingRecord(Stored):
    """`training.json`, beside the folder `agent` with what `Agent.save` wrote."""

    agent: AgentRecord
    env_id: EnvId
    options: Json
    world: World
    training_seed: TrainingSeed
    budget: SpentBudget
    spent: SpentBudget
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
    progress: Callable[[int], None] | None = None,
) -> TrainingRecord:
    """Train within a budget on the train users and write the folder `out` atomically.

    Raises `AgentError` if the agent does not learn or fails, `ConfigurationError` if `out` exists.
    """
    record = agent_record(agent, parameters)
    if not record.trains:
        raise AgentError(f"agent {agent!r} has nothing to learn; evaluate it as it is")
    if out.exists():
        raise ConfigurationError(f"{out} exists; choose a new folder")
    budget, built = SpentBudget(episodes=episodes, steps=steps), build_agent(agent, parameters)
    training = train_agent(built, record, env_id, options, budget, seed, progress)
    with atomic_folder(out) as scratch:
        (scratch / "agent").mkdir()
        guarded(built, "save", lambda: built.save(scratch / "agent"))
        write_json(scratch / "training.json", training)
    return training


def train_agent(
    agent: Agent,
    record: AgentRecord,
    env_id: str,
    options: Mapping[str, Any],
    budget: SpentBudget,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> TrainingRecord:
    """Train a fresh agent within a budget on the train users, metered; the same seed meets the same users."""
    simulator = make_simulator(env_id, 1, split="train", **options)
    envs = MeteredEnvs(
        env_id,
        options,
        simulator.task,
        budget_of(budget),
        lambda env, reset: seeds.training_env_seed("train", env_id, seed, env, reset),
        privileged=record.privileged,
        progress=progress,
    )
    start = time.perf_counter()
    guarded(agent, "train", lambda: agent.train(envs, seeds.agent_seed("train", env_id, seed)))
    return TrainingRecord(
        agent=record,
        env_id=env_id,
        options=dict(options),
        world=world_of(simulator),
        training_seed=seed,
        budget=budget,
        spent=SpentBudget(episodes=envs.used_episodes, steps=envs.used_steps),
        seconds=round(time.perf_counter() - start, 3),
        facts=agent_facts(agent),
    )
