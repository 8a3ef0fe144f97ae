"""Readers who tire of a topic the more they see of it, and leave when they are bored: a whole family in one file."""

import numpy as np
from gymnasium import spaces
from numba import njit

import recsim_envs
from recsim_envs import rng
from recsim_envs.families.actions import check_range, integers, split_seeds
from recsim_envs.families.base import ALL, Simulator, Step
from recsim_envs.spec import Catalogue, TaskSpec

TASTE, RECOVERY, ENOUGH, HORIZON = rng.FAMILY, 0.8, 0.3, 50


@njit(cache=True)
def advance(actions, seeds, steps, tired, over, rewards, left):
    """One step of every lane: the topic pays taste x freshness, tires the reader, and the others recover."""
    for b in range(len(actions)):
        if not over[b]:
            topic, taste = actions[b], rng.uniform(seeds[b], 0, TASTE, actions[b])
            rewards[b] = taste * (1.0 - tired[b, topic])
            tired[b] *= RECOVERY
            tired[b, topic] += 1.0 - RECOVERY
            steps[b] += 1
            left[b] = rewards[b] < ENOUGH * taste or steps[b] >= HORIZON
            over[b] = left[b]


class TiredReader(Simulator):
    def __init__(self, num_lanes, *, topics=6, split="train", env_id=""):
        self.num_lanes, self._split = num_lanes, split
        self._seeds, self._steps = np.zeros(num_lanes, np.uint64), np.zeros(num_lanes, np.int64)
        self._tired, self._over = np.zeros((num_lanes, topics)), np.ones(num_lanes, np.bool_)
        length = spaces.Dict({"length": spaces.Box(0, HORIZON, (1,), np.int32)})
        items = Catalogue.of_slots(topics, "topic")
        self.task = TaskSpec(env_id, length, spaces.Discrete(topics), items, HORIZON, "FB", (0.0, 1.0), "articles")

    def begin(self, lanes, seeds):
        self._seeds[lanes] = split_seeds(seeds, self._split)
        self._steps[lanes], self._tired[lanes], self._over[lanes] = 0, 0.0, False

    def step(self, actions):
        actions = integers(actions, (self.num_lanes,), "topics")
        check_range(actions, ~self._over, self._tired.shape[1], "topic")
        rewards, left = np.zeros(self.num_lanes), self._over.copy()
        advance(actions, self._seeds, self._steps, self._tired, self._over, rewards, left)
        capped = self._steps >= HORIZON
        return Step(rewards, left & ~capped, left & capped)

    def observe(self):
        return {"length": self._steps[:, None].astype(np.int32)}

    @property
    def over(self):
        return self._over.copy()

    def causes(self, lanes=ALL):
        ended = np.where(self._steps >= HORIZON, "horizon", np.where(self._steps > 0, "bored", ""))
        return np.where(self._over, ended, "")[lanes].astype(object)

    def hidden(self):
        return {"tired": self._tired.copy()}

    def render_ansi(self, lane):
        return f"step {self._steps[lane]}, tired {np.round(self._tired[lane], 2)}"


recsim_envs.register("examples/TiredReader-v0", family=f"{__name__}:TiredReader")
