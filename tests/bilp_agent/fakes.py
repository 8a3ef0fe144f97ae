"""A small task, sessions on it, and language models that say what a test wants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv

import recsim_envs  # registers the environments
from bilp_agent.context import Context
from bilp_agent.llm.base import Completion, Request, Usage
from bilp_agent.session import Session, Shown
from bilp_agent.views import Answered
from recsim_envs.rng import derive_seed
from recsim_envs.spec import Budget, Catalogue, TaskSpec
from recsim_envs.worlds.world import World
from tests.worlds import tiny_world

TITLES = ("Alpha", "Beta Two", "Gamma: The Return", "Delta", "Epsilon", "Zeta", "Eta", "Theta")
CATEGORIES = ((0,), (0, 1), (1,), (1, 2), (2,), (2, 0), (0,), (1,))
GAMES = "longrec/Games-v0"
RATINGS = (4.5, 4.0, 3.5, 4.8, 2.0, 3.0, 4.9, 4.1)


def catalogue(titles: Sequence[str] = TITLES) -> Catalogue:
    """Eight items in the categories Action, Puzzle and Mystery, Thriller & Suspense."""
    return Catalogue(
        titles=titles,
        category_names=("Action", "Puzzle", "Mystery, Thriller & Suspense"),
        category_indptr=np.cumsum([0, *map(len, CATEGORIES)]).astype(np.int64),
        category_ids=np.array([c for row in CATEGORIES for c in row], np.int32),
        popularity=np.arange(8, dtype=np.int64),
        mean_reward=np.array(RATINGS, np.float32),
    )


def task(titles: Sequence[str] = TITLES, domain: str = "games") -> TaskSpec:
    """A single-item task on that catalogue, horizon 20."""
    item, reward = spaces.Box(-1, 7, (10,), np.int32), spaces.Box(0, 5, (10,), np.float32)
    names = {"history_items": item, "history_rewards": reward, "session_items": item, "session_rewards": reward}
    seen = spaces.Dict({**names, "length": spaces.Box(0, 20, (1,), np.int32)})
    return TaskSpec("test/Eight-v0", seen, spaces.Discrete(8), catalogue(titles), 20, "FB", (1.0, 5.0), domain)


def context(titles: Sequence[str] = TITLES, domain: str = "games", *, coarse: bool = False) -> Context:
    """What the roles share about that task."""
    return Context.of(task(titles, domain), 10, coarse=coarse)


def session(shown: Sequence[tuple[int, float]] = (), history: Sequence[tuple[int, float]] = ()) -> Session:
    """A session with these (item, reward) before and in it."""
    before = tuple(Shown(0, i, float(r)) for i, r in history)
    made = Session(catalogue(), before)
    made.catch_up([[Answered(i, float(r))] for i, r in shown], len(shown))
    return made


class Says:
    """A language model that answers by a function of the request, and keeps the requests."""

    name = "says"

    def __init__(self, answer: str | Callable[[Request], str]) -> None:
        self._answer = answer
        self.requests: list[Request] = []
        self.batches: list[int] = []

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        self.requests += requests
        self.batches.append(len(requests))
        texts = [self._answer if isinstance(self._answer, str) else self._answer(r) for r in requests]
        return [Completion(t, Usage(10, 4, 2)) for t in texts]


class Door:
    """`TrainingEnvs` for tests: counts episodes only. world: None for families that have none."""

    def __init__(self, world: World | None, episodes: int, env_id: str = GAMES, **options: Any) -> None:
        options = options if world is None else {"world": world, **options}
        self._env_id, self._options = env_id, {"split": "train", **options}
        self.budget = Budget(episodes=episodes)
        self._used = 0
        self.task: TaskSpec = recsim_envs.make_simulator(env_id, 1, **options).task

    def make(self, num_envs: int) -> VectorEnv[Any, Any, Any]:
        vector = gym.make_vec(self._env_id, num_envs=num_envs, autoreset_mode=AutoresetMode.SAME_STEP, **self._options)
        step = vector.step

        def counted(actions: Any) -> Any:
            out = step(actions)
            self._used += int((out[2] | out[3]).sum())
            return out

        vector.step = counted
        return vector

    def remaining(self) -> Budget:
        assert self.budget.episodes is not None
        return Budget(episodes=max(self.budget.episodes - self._used, 0))

    def spent(self) -> bool:
        return self.remaining().episodes == 0


def kind_world(**departure: float) -> World:
    """A world in which only repeats and low rewards make users leave: no two items are near."""
    return tiny_world(users=40, items=60, seed=3, **({"threshold": 1e-6, "horizon": 20} | departure))


def play(
    agent: Any, world: World | None, order: Sequence[int], lanes: int, env_id: str = GAMES, **options: Any
) -> dict[int, list[Any]]:
    """What an agent shows in the test sessions named by `order`, `lanes` at a time: items, or slates as lists."""
    shown: dict[int, list[Any]] = {}
    options = options if world is None else {"world": world, **options}
    for start in range(0, len(order), lanes):
        batch = np.array(order[start : start + lanes])
        simulator = recsim_envs.make_simulator(env_id, len(batch), split="test", **options)
        agent.reset(simulator.task, len(batch), 0)
        simulator.begin(np.arange(len(batch)), np.array([derive_seed("user", int(i)) for i in batch], np.uint64))
        keys = np.array([derive_seed("key", int(i)) for i in batch], np.uint64)
        steps = np.zeros(len(batch), np.int64)
        while not simulator.over.all():
            rows = np.flatnonzero(~simulator.over)
            observations = {k: v[rows] for k, v in simulator.observe().items()}
            infos = {k: v[rows] for k, v in simulator.infos().items()}
            chosen = agent.act(observations, infos, recsim_envs.Sessions(rows, keys[rows], steps[rows]))
            actions = np.zeros((len(batch), *chosen.shape[1:]), np.int64)
            actions[rows] = chosen
            simulator.step(actions)
            for row, item in zip(rows, chosen.tolist(), strict=True):
                shown.setdefault(int(batch[row]), []).append(item)
            steps[rows] += 1
    return shown


def mean_length(agent: Any, world: World, sessions: int = 12) -> float:
    """Steps of a test session on average."""
    return float(np.mean([len(items) for items in play(agent, world, list(range(sessions)), sessions).values()]))
