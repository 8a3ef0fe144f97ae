"""Agents that behave and misbehave, for tests. Worker processes import them from here."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

from recsim_envs import rng
from recsim_envs.spec import Agent


class Watcher(Agent):
    """Remembers, lane by lane, what it saw, and acts on it: any mix-up of lanes changes its actions."""

    def __init__(self, *, salt: int = 0) -> None:
        self.salt = salt

    def reset(self, task, num_lanes, seed):
        self.items = task.catalogue.num_items
        self.memory = np.zeros(num_lanes, np.uint64)

    def act(self, observations, infos, sessions):
        self.memory[sessions.lanes[sessions.steps == 0]] = 0
        state = self.memory[sessions.lanes] ^ sessions.keys ^ np.uint64(self.salt)
        drawn = rng.below_array(self.items, state, sessions.steps, rng.AGENT)
        # Stay with what the history holds half of the time, so that sessions differ in length.
        known = observations["history_items"][:, -1]
        return np.where((known >= 0) & (drawn % 2 == 0), known, drawn)

    def observe(self, sessions, feedback):
        bits = feedback.rewards.astype(np.float32).view(np.uint32) + feedback.observations["length"][:, 0]
        self.memory[sessions.lanes] = rng.bits_array(self.memory[sessions.lanes], sessions.steps, bits)

    def describe(self):
        return {"salt": self.salt}


class Learner(Watcher):
    """Plays until its budget is spent and derives its salt from what it earned."""

    trains = True

    def train(self, envs, seed):
        env = envs.make(7)
        env.reset(seed=seed % 1000)
        total = 0.0
        for step in range(100_000):
            if envs.spent():
                break
            actions = rng.below_array(envs.task.catalogue.num_items, seed, step, rng.POLICY, np.arange(env.num_envs))
            total += float(env.step(actions)[1].sum())
        self.salt = int(total) + seed % 1000

    def save(self, path: Path) -> None:
        (path / "salt.json").write_text(str(self.salt))


class Crash(Watcher):
    """Works on the first training seed's key range and fails in the third step of every later run."""

    def act(self, observations, infos, sessions):
        if (sessions.steps == 2).any():
            raise ZeroDivisionError("out of ideas")
        return super().act(observations, infos, sessions)


class CrashOnSecondSeed(Learner):
    """Finishes training seed 0, fails in every other one; heals when the file named by HEALED exists."""

    def train(self, envs, seed):
        from leaderboard.seeds import agent_seed

        first = agent_seed("tiny-suite", envs.task.env_id, 0)
        if seed != first and not Path(os.environ.get("HEALED", "/nowhere/at/all")).exists():
            raise RuntimeError("second seed")
        super().train(envs, seed)


class Shapeless(Agent):
    """Answers with floats."""

    def act(self, observations, infos, sessions):
        return np.zeros(len(sessions.lanes))


class OutOfRange(Agent):
    """Chooses an item that does not exist."""

    def act(self, observations, infos, sessions):
        return np.full(len(sessions.lanes), 10**6)


class Ragged(Agent):
    """Answers with rows of different lengths."""

    def act(self, observations, infos, sessions):
        return [[1], [1, 2]]


class Exits(Agent):
    """Ends the process as if all were done."""

    def act(self, observations, infos, sessions):
        sys.exit(0)


class Overspends(Learner):
    """Steps on without asking what is left."""

    def train(self, envs, seed):
        env = envs.make(7)
        env.reset()
        while True:
            env.step(np.zeros(env.num_envs, np.int64))


class Describes(Watcher):
    """Describes itself by what cannot be stored."""

    def __init__(self, *, how: str = "array") -> None:
        super().__init__()
        self.how = how

    def describe(self):
        return {
            "array": {"array": np.zeros(3)},
            "long": {"text": "x" * 2**16},
            "surrogate": {"text": "\ud800"},
            "list": [1, 2],
        }[self.how]


class _Hidden(Watcher):
    """Has a name that is no name on a board."""


class Dies(Watcher):
    """Kills its process in mid-cell unless the file named by SURVIVES exists."""

    def act(self, observations, infos, sessions):
        marker = os.environ.get("SURVIVES", "")
        if not (marker and Path(marker).exists()) and (sessions.steps == 3).any() and os.environ.get("DIE"):
            os._exit(9)
        return super().act(observations, infos, sessions)


class Slow(Watcher):
    """Writes down its process and takes its time."""

    def act(self, observations, infos, sessions):
        Path(os.environ["PID_FOLDER"], f"{os.getpid()}.pid").touch()
        time.sleep(120)
        return super().act(observations, infos, sessions)


class Lingers(Learner):
    """Writes down its process and waits until the file "go" is there, in the folder that LINGER names."""

    def train(self, envs, seed):
        super().train(envs, seed)
        if folder := os.environ.get("LINGER"):
            Path(folder, f"{os.getpid()}.pid").touch()
            deadline = time.monotonic() + 60
            while not Path(folder, "go").exists() and time.monotonic() < deadline:
                time.sleep(0.05)


class FailsOnSecondKey(Learner):
    """Fails under training seed 3 of the suite "study" unless the file named by HEALED exists."""

    def train(self, envs, seed):
        from leaderboard.seeds import agent_seed

        second = agent_seed("study", envs.task.env_id, 3)
        if seed == second and not Path(os.environ.get("HEALED", "/nowhere/at/all")).exists():
            raise RuntimeError("not with this seed")
        super().train(envs, seed)


class Knobs(Learner):
    """Has parameters to search; keeps to the item that it is told where `steps` is 3."""

    def __init__(self, *, rate: float = 0.1, steps: int = 2, gamma: float = 0.9) -> None:
        super().__init__()
        self.rate, self.steps, self.gamma = rate, steps, gamma

    def act(self, observations, infos, sessions):
        if self.steps == 4:
            raise RuntimeError("four steps are too many")
        chosen = super().act(observations, infos, sessions)
        return (chosen + sessions.steps) % self.items if self.steps == 3 else chosen


class NotAnAgent:
    """Has nothing to do with agents."""


class Talker(Learner):
    """Asks a model of its own once a decision, and notes which sessions it begins, in a file that `notes` names."""

    calls = 0

    def __init__(self, *, notes: str = "") -> None:
        super().__init__()
        self.notes = notes

    def act(self, observations, infos, sessions):
        self.calls += len(sessions.keys)
        with Path(self.notes).open("a") as file:
            file.writelines(f"{key}\n" for key in sessions.keys[sessions.steps == 0].tolist())
        return super().act(observations, infos, sessions)

    def explain(self, sessions):
        return [{"thought": f"step {step}"} for step in sessions.steps.tolist()]

    def describe(self):
        usage = {"calls": self.calls, "roles": {"actor": {"calls": self.calls}}}
        return {"language_model": "parrot", "usage": usage, "waited_seconds": {"test": self.calls / 8}}
