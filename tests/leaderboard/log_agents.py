"""Agents that learn from logs, or try to do what their track does not allow. Worker processes import them from here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from recsim_envs.errors import AgentError
from recsim_envs.spec import Agent


class LogLearner(Agent):
    """Shows the items that earned most in the log, one after the other."""

    trains = True
    learns_from_log = True

    def __init__(self, *, needs_propensities: bool = False) -> None:
        self.needs_propensities = needs_propensities
        self.best: list[int] = []
        self.log: dict[str, object] = {}

    def learn(self, log, seed):
        earned = np.zeros(log.task.catalogue.num_items)
        for batch in log.transitions(sessions=7):
            if self.needs_propensities and batch.propensities is None:
                raise AgentError(f"LogLearner needs propensities, and log {log.name} does not tell them")
            np.add.at(earned, batch.actions, batch.rewards)
        self.best = np.argsort(-earned, kind="stable")[:15].tolist()
        self.log = {"name": log.name, "sessions": log.num_sessions, "steps": log.num_steps, "seed": seed}
        if log.folder is not None:
            (log.folder / "checkpoint.json").write_text(json.dumps(self.best))

    def reset(self, task, num_lanes, seed):
        if not self.best:
            raise AgentError("it has learned nothing yet")

    def act(self, observations, infos, sessions):
        return np.array(self.best)[sessions.steps % 15]

    def describe(self):
        return self.log

    def save(self, path: Path) -> None:
        (path / "best.json").write_text(json.dumps(self.best))

    def load(self, path: Path) -> None:
        self.best = json.loads((path / "best.json").read_text())


class Cheat(Agent):
    """Learns by interaction and asks for more than it may have, in the way that it is told."""

    trains = True

    def __init__(self, *, how: str = "step") -> None:
        self.how = how

    def train(self, envs, seed):
        for _ in range(10**6):
            env = envs.make(5)
            env.reset()
            while True:
                over = env.step(np.zeros(env.num_envs, np.int64))[2]
                if self.how == "many" and over.any():
                    break  # leaves it open and asks for another one

    def act(self, observations, infos, sessions):
        return np.zeros(len(sessions.lanes), np.int64)


class FolderKeeper(Agent):
    """Writes into the folder that training gives it, and fails while the file named in it is missing."""

    trains = True

    def __init__(self, *, healed: str = "") -> None:
        self.healed, self.found = healed, False

    def train(self, envs, seed):
        kept = envs.folder / "checkpoint.json"
        self.found = kept.exists()
        kept.write_text("1")
        if not Path(self.healed).exists():
            raise RuntimeError("killed")

    def act(self, observations, infos, sessions):
        return sessions.steps % 5

    def describe(self):
        return {"found": self.found}

    def save(self, path: Path) -> None:
        (path / "nothing.json").write_text("0")


class OnDevice(Agent):
    """Says where it would compute."""

    def __init__(self, *, a: int = 0, device: str = "cpu") -> None:
        self.a, self.device = a, device

    def act(self, observations, infos, sessions):
        return np.zeros(len(sessions.lanes), np.int64)


class Counts(Agent):
    """Learns how many episodes it had, and shows items by that."""

    trains = True

    def __init__(self, *, by: int = 1) -> None:
        self.by, self.learned = by, 0

    def train(self, envs, seed):
        env = envs.make(1)
        env.reset()
        while not envs.spent():
            env.step(np.zeros(1, np.int64))
        self.learned = self.by * envs.used_episodes

    def act(self, observations, infos, sessions):
        return (sessions.steps + self.learned) % 20

    def describe(self):
        return {"learned": self.learned}

    def save(self, path: Path) -> None:
        (path / "count.json").write_text(str(self.learned))

    def load(self, path: Path) -> None:
        self.learned = int((path / "count.json").read_text())


class CountsOnDevice(Counts):
    """The same on some device."""

    def __init__(self, *, by: int = 1, device: str = "cpu") -> None:
        super().__init__(by=by)
        self.device = device
