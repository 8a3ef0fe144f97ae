"""Agents that learn a little at a time, or refuse to act untrained, for tests of learning curves."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from recsim_envs.errors import AgentError
from recsim_envs.spec import Agent


class Planted(Agent):
    """Knows, for a share of sessions that grows with training, not to show the same item again and again."""

    trains = True

    def __init__(self, *, full: int = 20, kill_at: int = -1) -> None:
        self.full, self.kill_at, self.skill = full, kill_at, 0.0

    def train(self, envs, seed):
        env = envs.make(1)
        env.reset()
        while not envs.spent():
            env.step(np.zeros(1, np.int64))
        self.skill = envs.used_episodes / self.full
        if envs.used_episodes == self.kill_at and os.environ.get("DIE"):
            os._exit(9)

    def act(self, observations, infos, sessions):
        skilled = (sessions.keys % np.uint64(1000)).astype(np.float64) / 1000 < self.skill
        return np.where(skilled, sessions.steps, 0).astype(np.int64)

    def describe(self):
        actor = {"answers": 3, "repaired": 1.0, "fallback": 0.0}
        critic = {"answers": 1, "repaired": 0.0, "fallback": 1.0}
        return {
            "skill": self.skill,
            "calls_per_decision": 2.0,
            "answers": {"actor": actor, "critic": critic},
            "training": {"curve": [0.0] * 100, "skill": self.skill},
        }

    def save(self, path: Path) -> None:
        (path / "skill.json").write_text(json.dumps(self.skill))


class NeedsTraining(Planted):
    """Does not act before it has learned something."""

    def reset(self, task, num_lanes, seed):
        if not self.skill:
            raise AgentError("train it first")


class Overfits(Planted):
    """Does well by users that it met in training, whom it knows by their history, and badly by all others."""

    def train(self, envs, seed):
        self.known = set()
        env = envs.make(1)
        seen = env.reset()[0]
        while not envs.spent():
            self.known.add(seen["history_items"][0].tobytes())
            seen = env.step(np.zeros(1, np.int64))[0]
        self.skill = 1.0

    def act(self, observations, infos, sessions):
        known = [items.tobytes() in self.known for items in observations["history_items"]]
        return np.where(known, sessions.steps, 0).astype(np.int64)
