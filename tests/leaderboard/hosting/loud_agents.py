"""Agents that behave oddly in a process of their own. Worker processes import them from here."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.leaderboard.agents import Learner, Watcher


class Loud(Watcher):
    """Prints what it does, also past Python, and reads stdin."""

    def act(self, observations, infos, sessions):
        print('{"type": "actions", "actions": []}')
        os.write(1, b"loud\n")
        assert not sys.stdin.read()
        return super().act(observations, infos, sessions)


class Forgetful(Learner):
    """Dies once in a test session, where a file named by ONCE is not there yet; it saves nothing."""

    def act(self, observations, infos, sessions):
        once = Path(os.environ["ONCE"])
        if (sessions.steps == 2).any() and not once.exists():
            once.touch()
            os._exit(9)
        return super().act(observations, infos, sessions)

    def describe(self):
        return super().describe() | {"language_model": "parrot", "usage": {"calls": 3}}


class Keeping(Forgetful):
    """As `Forgetful`, but it is loaded instead of trained anew."""

    def train(self, envs, seed):
        trained = Path(os.environ["ONCE"]).with_name("trained")
        assert not trained.exists()
        trained.touch()
        super().train(envs, seed)

    def load(self, path: Path) -> None:
        self.salt = int((path / "salt.json").read_text())
