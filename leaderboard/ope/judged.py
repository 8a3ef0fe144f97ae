"""The steps of a log under a target policy: how probable it finds each action, and what it would show instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.families.base import Simulator
from recsim_envs.offline.generate import LANES, fitting_lanes
from recsim_envs.offline.log import OfflineLog
from recsim_envs.offline.observations import simulator_of
from recsim_envs.offline.policies import LogPolicy, observed_values
from recsim_envs.offline.spec import EPSILON
from recsim_envs.spec import TaskSpec

DRAWS: Final = 65_536
"""Slates that stand for all that `popular` can show: their mean has no closed form."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Judged:
    """The rows of a log under a target policy.

    ratios: float64 (rows,), target / behaviour probability of the action given all that was shown before.
    shown: float64 (rows, d), public features of the action, the mean over a slate. expected: float64 (rows, d), their
    expectation under the target's own action.
    """

    ratios: Floats
    shown: Floats
    expected: Floats


def judge(log: OfflineLog, target: str, epsilon: float = EPSILON) -> Judged:
    """The log under the named policy. Masks and drawn candidates are seen again by replaying the sessions.

    Raises `ConfigurationError` for a policy that the environment does not have, and `LogError` where the environment is
    not what the log was made on.
    """
    probe = simulator_of(log, 1)
    lanes, seen = fitting_lanes(probe, len(log)), probe.task.candidates or "action_mask" in probe.infos()
    simulator = simulator_of(log, lanes) if seen else None
    policy, features = LogPolicy(target, probe.task, lanes, epsilon), _Features(probe.task)
    rows, width = len(log.rewards), features.width
    found = Judged(np.empty(rows), np.empty((rows, width)), np.empty((rows, width)))
    for start in range(0, len(log), lanes):
        _judge(log, np.arange(start, min(start + lanes, len(log))), policy, features, simulator, found)
    return found


def _judge(
    log: OfflineLog,
    sessions: NDArray[np.int64],
    policy: LogPolicy,
    features: _Features,
    simulator: Simulator | None,
    found: Judged,
) -> None:
    """Fill in the rows of some sessions, a lane each."""
    lanes, lengths = np.arange(len(sessions)), log.lengths[sessions]
    policy.begin(lanes, np.zeros(len(lanes), np.uint64))  # nothing is drawn
    if simulator is not None:
        simulator.begin(lanes, log.seeds[sessions])
    actions = np.zeros((policy.num_lanes, *log.actions.shape[1:]), np.int64)
    for t in range(int(lengths.max())):
        playing = lanes[t < lengths]
        rows = log.offsets[sessions[playing]] + t
        actions[playing] = log.actions[rows]
        running = np.zeros(policy.num_lanes, np.bool_)
        running[playing] = True
        features.see(policy, simulator)
        before = policy.posterior.copy()
        with np.errstate(over="ignore"):  # an estimator says so
            found.ratios[rows] = policy.judge(running, actions, simulator)[playing] / log.propensities[rows]
        found.shown[rows] = features.of(actions, playing)
        found.expected[rows] = features.expected(policy, before, playing)
        if simulator is not None:
            simulator.step(actions)


class _Features:
    """What is public about the items of an environment, in few numbers.

    Mean reward and the logarithm of popularity, each with mean 0 and variance 1 over the catalogue; of candidates that
    are drawn anew the observed value alone.
    """

    def __init__(self, task: TaskSpec) -> None:
        self._task = task
        self._constant: dict[int, Floats] = {}  # by component, where it is the same at every step
        catalogue = task.catalogue
        columns = [catalogue.mean_reward.astype(np.float64), np.log1p(catalogue.popularity.astype(np.float64))]
        self._items = np.stack([_standard(column) for column in columns[: 1 if task.candidates else 2]], axis=1)
        self.width = self._items.shape[1]
        self._masks = np.zeros((0, 0), np.int8)

    def see(self, policy: LogPolicy, simulator: Simulator | None) -> None:
        """Look at what can be shown now."""
        self._masks = policy.masks(simulator)
        if self._task.candidates:
            assert simulator is not None
            self._items = observed_values(simulator.observe())[:, :, None]

    def of(self, actions: NDArray[np.int64], lanes: NDArray[np.int64]) -> Floats:
        """Features of the actions (B,) or (B, k) in some lanes: (len(lanes), d)."""
        wide = actions.reshape(len(actions), -1)[lanes]
        if self._task.candidates:
            return np.take_along_axis(self._items[lanes], wide[:, :, None], axis=1).mean(axis=1)
        return self._items[wide].mean(axis=1)

    def expected(self, policy: LogPolicy, posterior: Floats, lanes: NDArray[np.int64]) -> Floats:
        """The same of the policy's own action, in expectation: its components are weighed by `posterior` (B, C)."""
        greedy = self.of(policy.greedy, lanes) if (policy.epsilons < 1).any() else np.zeros(self.width)
        parts = [
            posterior[lanes, c, None] * (epsilon * self._drawn(policy, c, lanes) + (1 - epsilon) * greedy)
            for c, epsilon in enumerate(policy.epsilons.tolist())
        ]
        return np.sum(parts, axis=0)

    def _drawn(self, policy: LogPolicy, c: int, lanes: NDArray[np.int64]) -> Floats:
        """The expectation where items are drawn by the weights of component `c`: (d,) or (len(lanes), d)."""
        weights = np.diff(policy.cumulative[c]).astype(np.float64)
        if self._task.candidates:
            return self._items[lanes].mean(axis=1)  # candidates have equal weights
        if self._masks.shape[1]:
            allowed = self._masks[lanes] * weights
            return (allowed @ self._items) / np.maximum(allowed.sum(axis=1, keepdims=True), 1.0)
        if c not in self._constant:
            uneven = self._task.slate_size is not None and weights.min() < weights.max()
            self._constant[c] = self._sampled() if uneven else weights @ self._items / weights.sum()
        return self._constant[c]

    def _sampled(self) -> Floats:
        policy, lanes = LogPolicy("popular", self._task, LANES), np.arange(LANES)
        means = []
        for first in range(0, DRAWS, LANES):
            policy.begin(lanes, (first + lanes).astype(np.uint64))
            means.append(self.of(policy.act(np.ones(LANES, np.bool_), None)[0], lanes).mean(axis=0))
        return np.mean(means, axis=0)


def _standard(values: Floats) -> Floats:
    spread = values.std()
    return (values - values.mean()) / (spread if spread > 0 else 1.0)


def state_features(log: OfflineLog) -> Floats:
    """What is known of a session before each step, in few numbers: float64 (rows, d), the first of them 1.

    The share of the horizon behind it, the last reward and the mean of those so far (0 before the first), and the mean
    of the observed history of rewards where there is one; rewards in units of the largest of the log.
    """
    steps, rewards = log.steps(), log.rewards.astype(np.float64)
    scale = max(float(np.abs(rewards).max()), 1e-12)
    scaled = rewards / scale
    sums = np.concatenate([[0.0], np.cumsum(scaled)])
    so_far = sums[:-1] - np.repeat(sums[log.offsets[:-1]], log.lengths)
    last = np.where(steps > 0, np.concatenate([[0.0], scaled[:-1]]), 0.0)
    columns: list[Any] = [np.ones(len(steps)), steps / log.facts["horizon"], last, so_far / np.maximum(steps, 1)]
    if "history_rewards" in log.starts:
        columns.append(np.repeat(log.starts["history_rewards"].mean(axis=1, dtype=np.float64) / scale, log.lengths))
    return np.stack(columns, axis=1)
