"""A small metered door, and a plain evaluation loop, for agents under test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorWrapper

from recsim_envs import rng
from recsim_envs.errors import BudgetExceededError
from recsim_envs.faces.vector import SimulatorVectorEnv
from recsim_envs.families import make_family
from recsim_envs.families.base import Simulator
from recsim_envs.offline import Transitions
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


class FakeLog:
    """`TrainingLog` of a policy that shows allowed items at random, to train users of a world or of another `family`.

    With `propensities` false it does not tell them. Kept whole: for tests, small.
    """

    name = "tests/tiny/random-v0"

    def __init__(
        self, world: World | str | None, sessions: int = 60, *, family: str = "departure", propensities: bool = True,
        folder: Path | None = None, **options: Any,
    ) -> None:  # fmt: skip
        known = {} if world is None else {"world": world}
        sim = make_family(family, sessions, **({"split": "train"} | known | options))
        sim.begin(np.arange(sessions), rng.bits_array(3, np.arange(sessions), 99))
        self.task, self.num_sessions, self.folder = sim.task, sessions, folder
        parts = [_logged_step(sim, step) for step in range(sim.task.horizon)]
        parts = [part for part in parts if part is not None]
        order = np.lexsort([np.concatenate([p[k] for p in parts]) for k in ("steps", "sessions")])
        told = {key: _stacked([part[key] for part in parts], order) for key in parts[0]}
        self._told = Transitions(**(told if propensities else told | {"propensities": None}))
        self.num_steps = len(order)

    def transitions(self, sessions: int = 1024) -> Iterator[Transitions]:
        yield self._told

    def progress(self, done: int, total: int) -> None:
        self.told = done, total


def _logged_step(sim: Simulator, step: int) -> dict[str, Any] | None:
    """One step of all sessions that are not over: the fields of `Transitions`."""
    rows = np.flatnonzero(~sim.over)
    if not len(rows):
        return None
    before, mask, count = _rows(sim.observe(), rows), _mask(sim, rows), sim.task.catalogue.num_items
    size = sim.task.slate_size or 1
    lottery = np.where(True if mask is None else mask, np.random.default_rng(step).random((len(rows), count)), -1)
    slates = np.argsort(-lottery, axis=1)[:, :size]
    allowed = np.full(len(rows), count) if mask is None else mask.sum(axis=1)
    chances = np.prod([1 / np.maximum(allowed - slot, 1) for slot in range(size)], axis=0)
    actions = slates if sim.task.slate_size else slates[:, 0]
    full = np.zeros((sim.num_lanes, *actions.shape[1:]), np.int64)
    full[rows] = actions
    out = sim.step(full)
    return {
        "observations": before, "actions": actions.astype(np.int32), "rewards": out.rewards[rows].astype(np.float32),
        "next_observations": _rows(sim.observe(), rows), "terminated": out.terminated[rows],
        "truncated": out.truncated[rows], "propensities": chances, "sessions": rows, "steps": np.full(len(rows), step),
        "masks": mask, "next_masks": _mask(sim, rows),
    }  # fmt: skip


def _mask(sim: Simulator, rows: np.ndarray) -> np.ndarray | None:
    infos = sim.infos()
    return infos["action_mask"][rows].astype(bool) if "action_mask" in infos else None


def _stacked(parts: list[Any], order: np.ndarray) -> Any:
    if parts[0] is None:
        return None
    if isinstance(parts[0], dict):
        return {key: np.concatenate([part[key] for part in parts])[order] for key in parts[0]}
    return np.concatenate(parts)[order]


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
