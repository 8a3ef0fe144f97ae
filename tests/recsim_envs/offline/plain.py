"""Behaviour policies in plain Python, one session at a time: what the compiled ones are held against."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from gymnasium import spaces

from recsim_envs import rng
from recsim_envs.spec import Catalogue, TaskSpec


def task(items=6, slate=None, candidates=False, seed=0):
    """A task with a small catalogue: some items unpopular, one popular, mean rewards that differ."""
    generator = np.random.default_rng(seed)
    catalogue = Catalogue(
        titles=[f"item {i}" for i in range(items)],
        category_names=("all",),
        category_indptr=np.arange(items + 1),
        category_ids=np.zeros(items, np.int32),
        popularity=np.r_[0, 9, generator.integers(0, 5, items - 2)].astype(np.int64),
        mean_reward=generator.permutation(items).astype(np.float32),
    )
    action = spaces.Discrete(items) if slate is None else spaces.MultiDiscrete([items] * slate)
    return TaskSpec(
        env_id="tests/Plain-v0",
        observation_space=spaces.Dict({}),
        action_space=action,
        catalogue=Catalogue.of_slots(items) if candidates else catalogue,
        horizon=20,
        protocol="FB",
        reward_range=(0.0, 1.0),
        domain="things",
        candidates=candidates,
    )


def stage(masks=None, observations=None):
    """What a policy asks of a simulator."""
    return SimpleNamespace(
        infos=lambda: {} if masks is None else {"action_mask": masks}, observe=lambda: observations or {}
    )


class PlainPolicy:
    """One session of a mixture of (weights, epsilon) components."""

    def __init__(self, parts, order, key, width, memory):
        self.parts, self.order, self.key, self.width, self.memory = parts, order, int(key), width, memory
        self.posterior, self.recent, self.step = [1 / len(parts)] * len(parts), [], 0
        self.component = int(rng.below_array(len(parts), self.key, 0, rng.AGENT, 1))

    def greedy(self, mask):
        allowed = [i for i in self.order if mask[i]]
        fresh = [i for i in allowed if i not in self.recent]
        return (fresh + [i for i in allowed if i in self.recent])[: self.width]

    def act(self, mask):
        weights, epsilon = self.parts[self.component]
        if float(rng.uniform_array(self.key, self.step, rng.AGENT, 0)) >= epsilon:
            return self.greedy(mask)
        action = []
        for slot in range(self.width):
            left = [0 if i in action or not mask[i] else int(w) for i, w in enumerate(weights)]
            rank = int(rng.below_array(sum(left), self.key, self.step, rng.POLICY, slot))
            units = [i for i, w in enumerate(left) for _ in range(w)]
            action.append(units[rank])
        return action

    def judge(self, action, mask):
        """The probability of the action given what the session has shown, which it joins."""
        each = [self.chance(c, action, mask) for c in range(len(self.parts))]
        joint = [w * p for w, p in zip(self.posterior, each, strict=True)]
        total = sum(joint)
        if total:
            self.posterior = [j / total for j in joint]
        self.step += 1
        self.recent = (self.recent + list(action[:1]))[-self.memory :] if self.memory else []
        return total

    def chance(self, c, action, mask):
        weights, epsilon = self.parts[c]
        probability, left = epsilon, sum(int(w) for i, w in enumerate(weights) if mask[i])
        for slot, item in enumerate(action):
            if item in action[:slot] or not mask[item]:
                return 0.0
            probability *= int(weights[item]) / left
            left -= int(weights[item])
        return probability + (1 - epsilon) * (list(action) == self.greedy(mask))
