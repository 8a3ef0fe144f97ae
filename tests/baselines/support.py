"""A small metered door, and a plain evaluation loop, for agents under test."""

from __future__ import annotations

from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorWrapper

from recsim_envs import rng
from recsim_envs.errors import BudgetExceededError
from recsim_envs.faces.vector import SimulatorVectorEnv
from recsim_envs.families import make_family
from recsim_envs.families.base import Simulator
from recsim_envs.spec import Agent, Budget, Feedback, Sessions
from recsim_envs.worlds.world import World


class FakeDoor:
    """`TrainingEnvs` over the train split of a world, counting steps and ended sessions; or of another `family`."""

    folder = None

    def __init__(self, world: World | str | None, budget: Budget, *, family: str = "departure", **options: Any) -> None:
        known = {} if world is None else {"world": world}
        self.budget, self._arguments = budget, {"family": family, "split": "train"} | known | options
        self.episodes = self.steps = 0
        self.task = self.make(1).unwrapped.task

    def make(self, num_envs: int) -> gym.vector.VectorEnv:
        return _Counting(SimulatorVectorEnv(num_envs, autoreset_mode="SameStep", **self._arguments), self)

    def remaining(self) -> Budget:
        b = self.budget
        return Budget(
            None if b.episodes is None else max(0, b.episodes - self.episodes),
            None if b.steps is None else max(0, b.steps - self.steps),
        )

    def spent(self) -> bool:
        left = self.remaining()
        return left.episodes == 0 or left.steps == 0


class _Counting(VectorWrapper):
    def __init__(self, env: gym.vector.VectorEnv, door: FakeDoor) -> None:
        super().__init__(env)
        self._door = door

    def step(self, actions: Any) -> Any:
        if self._door.spent():
            raise BudgetExceededError("the budget is spent")
        out = self.env.step(actions)
        self._door.steps += self.num_envs
        self._door.episodes += int((out[2] | out[3]).sum())
        return out


class Run(NamedTuple):
    actions: list[list[int]]  # of each session, in the order of its number
    returns: np.ndarray
    lengths: np.ndarray  # steps that did not end in leaving
    causes: list[str]
    simulator: Simulator


def simulator(world: World, lanes: int, **options: Any) -> Simulator:
    return make_family("departure", lanes, world=world, **({"split": "test"} | options))


def evaluate(agent: Agent, world: World, sessions: int = 8, order: np.ndarray | None = None, **options: Any) -> Run:
    """Play sessions 0..sessions-1, session `order[i]` in lane i; results are by session."""
    order = np.arange(sessions) if order is None else order
    sim, lanes = simulator(world, len(order), **options), np.arange(len(order))
    sim.begin(lanes, rng.bits_array(1, order, 99))
    agent.reset(sim.task, len(order), seed=0)
    keys = rng.bits_array(2, order, 99)
    actions: list[list[int]] = [[] for _ in order]
    returns, lengths = np.zeros(len(order)), np.zeros(len(order), np.int64)
    step = 0
    while not sim.over.all():
        rows = np.flatnonzero(~sim.over)
        at = Sessions(rows, keys[rows], np.full(len(rows), step))
        chosen = agent.act(_rows(sim.observe(), rows), _infos(agent, sim, rows), at)
        assert chosen.shape == (len(rows),)
        assert chosen.dtype == np.int64
        full = np.zeros(len(order), np.int64)
        full[rows] = chosen
        out = sim.step(full)
        agent.observe(
            at,
            Feedback(
                chosen, out.rewards[rows], out.terminated[rows], out.truncated[rows],
                _rows(sim.observe(), rows), _infos(agent, sim, rows),
            ),
        )  # fmt: skip
        for row, action in zip(rows, chosen, strict=True):
            actions[row].append(int(action))
        returns += np.where(np.isin(lanes, rows), out.rewards, 0.0)
        lengths[rows] += ~out.terminated[rows]
        step += 1
    back = np.argsort(order)
    causes = sim.causes()
    return Run([actions[i] for i in back], returns[back], lengths[back], [causes[i] for i in back], sim)


def _rows(batch: dict[str, Any], rows: np.ndarray) -> dict[str, Any]:
    return {key: value[rows] for key, value in batch.items()}


def _infos(agent: Agent, sim: Simulator, rows: np.ndarray) -> dict[str, Any]:
    infos = _rows(sim.infos(), rows)
    if agent.privileged:
        infos["privileged"] = sim.privileged()
    return infos
