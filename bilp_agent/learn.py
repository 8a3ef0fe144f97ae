"""Training: sessions with training users, judged step by step, reflected on when they end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bilp_agent.asking import request_seeds
from bilp_agent.memory import ActorExample, CriticExample
from bilp_agent.mind import Mind
from bilp_agent.reflector import Ended
from bilp_agent.session import Session, follow, open_session
from bilp_agent.views import masks_of, shaped
from recsim_envs import rng
from recsim_envs.spec import Batch, TrainingEnvs


@dataclass(frozen=True)
class Move:
    """One step whose advantage waits for the value of the next state. valued: what `value` is about."""

    state: str
    valued: tuple[str, ...]
    items: tuple[int, ...]
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
            actions = shaped(items, self._mind.context.task)
            observations, rewards, terminated, truncated, infos = vector.step(actions)
            for lane, session in enumerate(self._sessions):
                session.earned.append(float(rewards[lane]))
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
        context = self._mind.context
        session = open_session(context.view, context.task.catalogue, observations, lane)
        session.number = self._started
        self._started += 1
        self._mind.recall(session)
        return session

    def _decide(self, observations: Batch, infos: Batch) -> list[tuple[int, ...]]:
        """The next items; on the way, the values of the states reached label what led there."""
        for lane, session in enumerate(self._sessions):
            follow(session, self._mind.context.view, observations, lane, len(session.earned))
        count = len(self._sessions)
        items = self._mind.decide(self._sessions, masks_of(infos, count), self._seeds(range(count)))
        for lane, session in enumerate(self._sessions):
            session.chosen = items[lane]
            if lane in self._waiting:
                self._label(self._waiting.pop(lane), session, session.value, left=False)
        return items

    def _seeds(self, lanes: Sequence[int]) -> list[int]:
        steps = [self._sessions[lane].step for lane in lanes]
        return request_seeds(self._keys[list(lanes)], np.array(steps, np.int64))

    def _label(self, move: Move, session: Session, next_value: float, *, left: bool) -> None:
        """Store what a step and its state turned out to be worth; where each item has a state, what each scored."""
        returns, memories, settings = self._mind.returns, self._mind.memories, self._mind.settings
        outcome = (move.reward, move.value, next_value, left)
        if settings.use_actor_memory:
            good, size = returns.encouraged(*outcome), returns.advantage(*outcome)
            for item in taken_up(move.items, session):
                memories.actor.add(ActorExample(move.state, item, good, size))
        if settings.use_critic:
            scores = [entry.reward for entry in session.last_slate()]
            worths = [move.reward] if len(move.valued) == 1 else scores
            for state, worth in zip(move.valued, worths, strict=True):
                self._mind.remember(CriticExample(state, returns.target(worth, next_value, left)))

    def _finish(self, ended: list[int], terminated: NDArray[np.bool_], final: Batch) -> None:
        """Label the last steps, put the sessions on the curve and reflect on them."""
        sessions = [self._sessions[lane] for lane in ended]
        for lane, session in zip(ended, sessions, strict=True):
            follow(session, self._mind.context.view, final, lane, len(session.earned), over=True)
            self._mind.describe(session)
        # A session cut by the horizon could have gone on: what it would have been worth is the Critic's estimate.
        cut = [lane for lane in ended if not terminated[lane]]
        self._mind.judge([self._sessions[lane] for lane in cut], self._seeds(cut))
        reports = []
        for lane, session in zip(ended, sessions, strict=True):
            left = bool(terminated[lane])
            self._label(self._waiting.pop(lane), session, session.value, left=left)
            reports.append(Ended(session, left, len(self.curve)))
            self.curve.append(Finished(len(self.curve), session.step - left, sum(session.earned), left))
            self._mind.study(reports[-1])
        self._mind.reflect(reports, self._seeds(ended))
        self._mind.tidy(self._most)


def taken_up(items: tuple[int, ...], session: Session) -> tuple[int, ...]:
    """What examples are kept of: of a slate what the user took up, else its first item; a single item always."""
    if session.slots == 1:
        return items
    return tuple(entry.item for entry in session.last_slate() if entry.reward > 0) or items[:1]
