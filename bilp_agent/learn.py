"""Training: sessions with training users, judged step by step, reflected on when they end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bilp_agent.memory import ActorExample, CriticExample
from bilp_agent.mind import Mind
from bilp_agent.reflector import Ended
from bilp_agent.session import Session, follow, open_session
from recsim_envs import rng
from recsim_envs.spec import Batch, TrainingEnvs


@dataclass(frozen=True)
class Move:
    """One recommendation whose advantage waits for the value of the next state. valued: what `value` is about."""

    state: str
    valued: str
    item: int
    value: float
    reward: float


@dataclass(frozen=True)
class Finished:
    """One point of the learning curve: steps without the leaving one, sum of rewards, whether the user left."""

    episode: int
    steps: int
    total: float
    left: bool


class Learner:
    """Fills a mind's memories from training sessions; one lane holds one session at a time.

    most: records of a memory beyond which it is compacted; looked at whenever sessions have ended.
    """

    def __init__(self, mind: Mind, seed: int, most: int) -> None:
        self._mind, self._seed, self._most = mind, seed, most
        self.curve: list[Finished] = []
        self._started = 0
        self._sessions: list[Session] = []
        self._keys: NDArray[np.uint64] = np.zeros(0, np.uint64)
        self._waiting: dict[int, Move] = {}

    def run(self, envs: TrainingEnvs, lanes: int) -> None:
        """Train until the budget is spent. Sessions still open then are not reflected on."""
        vector = envs.make(lanes)
        observations, infos = vector.reset(seed=self._seed)
        self._keys = np.zeros(vector.num_envs, np.uint64)
        self._sessions = [self._open(observations, lane) for lane in range(vector.num_envs)]
        while not envs.spent():
            items = self._decide(observations, infos)
            observations, rewards, terminated, truncated, infos = vector.step(np.array(items, np.int64))
            for lane, session in enumerate(self._sessions):
                self._waiting[lane] = Move(
                    session.state, session.valued, items[lane], session.value, float(rewards[lane])
                )
            ended = np.flatnonzero(terminated | truncated).tolist()
            if ended:
                self._finish(ended, terminated, infos["final_obs"])
                for lane in ended:
                    self._sessions[lane] = self._open(observations, lane)
        vector.close()

    def _open(self, observations: Batch, lane: int) -> Session:
        self._keys[lane] = rng.derive_seed("billp", self._seed, self._started)
        session = open_session(self._mind.context.task.catalogue, observations, lane)
        session.number = self._started
        self._started += 1
        self._mind.recall(session)
        return session

    def _decide(self, observations: Batch, infos: Batch) -> list[int]:
        """The next items; on the way, the values of the states reached label what led there."""
        for lane, session in enumerate(self._sessions):
            follow(session, observations, lane)
        masks = infos.get("action_mask")
        rows = [None if masks is None else masks[lane] for lane in range(len(self._sessions))]
        items = self._mind.decide(self._sessions, rows, self._seeds(range(len(self._sessions))))
        for lane, session in enumerate(self._sessions):
            if lane in self._waiting:
                self._label(self._waiting.pop(lane), session.value, left=False)
        return items

    def _seeds(self, lanes: Any) -> list[int]:
        steps = [self._sessions[lane].step for lane in lanes]
        return request_seeds(self._keys[list(lanes)], np.array(steps, np.int64))

    def _label(self, move: Move, next_value: float, *, left: bool) -> None:
        """Store what a recommendation and its state turned out to be worth."""
        returns, memories, settings = self._mind.returns, self._mind.memories, self._mind.settings
        outcome = (move.reward, move.value, next_value, left)
        if settings.use_actor_memory:
            good, size = returns.encouraged(*outcome), returns.advantage(*outcome)
            memories.actor.add(ActorExample(move.state, move.item, good, size))
        if settings.use_critic:
            self._mind.remember(CriticExample(move.valued, returns.target(move.reward, next_value, left)))

    def _finish(self, ended: list[int], terminated: NDArray[np.bool_], final: Batch) -> None:
        """Label the last steps, put the sessions on the curve and reflect on them."""
        sessions = [self._sessions[lane] for lane in ended]
        for lane, session in zip(ended, sessions, strict=True):
            follow(session, final, lane)
            self._mind.describe(session)
        # A session cut by the horizon could have gone on: what it would have been worth is the Critic's estimate.
        cut = [lane for lane in ended if not terminated[lane]]
        self._mind.judge([self._sessions[lane] for lane in cut], self._seeds(cut))
        reports = []
        for lane, session in zip(ended, sessions, strict=True):
            left = bool(terminated[lane])
            self._label(self._waiting.pop(lane), session.value, left=left)
            reports.append(Ended(session, left, len(self.curve)))
            total = sum(entry.reward for entry in session.shown)
            self.curve.append(Finished(len(self.curve), len(session.shown) - left, total, left))
            self._mind.study(reports[-1])
        self._mind.reflect(reports, self._seeds(ended))
        self._mind.tidy(self._most)


def request_seeds(keys: NDArray[np.uint64], steps: NDArray[np.int64]) -> list[int]:
    """A sampling seed (31 bits) for each session's step, whatever else is in the batch."""
    return [int(word >> np.uint64(33)) for word in rng.bits_array(keys, steps, rng.AGENT)]
