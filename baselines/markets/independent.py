"""Independent learners: each agent of a market improves a policy of its own, as if the others were its environment."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from baselines.files import read_json
from baselines.markets.agents import MarketAgents
from recsim_envs import rng
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.files import write_json
from recsim_envs.markets.base import Market, MarketSpec

Floats = NDArray[np.float64]
_DECAY, _DECAY_SQUARES, _EPSILON = 0.9, 0.999, 1e-8  # Adam's defaults (Kingma & Ba, ICLR 2015)


class Trajectory(NamedTuple):
    """What happened in the worlds of one update, round by round: the first axis is the round."""

    features: Floats  # (T, B, N, d + 1)
    chances: Floats  # (T, B, N, A), of the policy when it acted
    actions: NDArray[np.int64]  # (T, B, N)
    rewards: Floats  # (T, B, N)
    played: NDArray[np.bool_]  # (T, B, N)


class IndependentAgents(MarketAgents):
    """One softmax policy an agent, linear in what it sees, trained by REINFORCE (Williams, Machine Learning 8, 1992).

    An action is credited with the discounted rewards of its own agent from its round on, less the mean of the same
    round over the worlds played at once, over the standard deviation; steps are Adam's. Agents share nothing, which
    is the independent learning of Tan (ICML 1993).

    discount: of later rewards, a round; 0 makes the agents myopic. learning_rate: of Adam. entropy: weight of the
        policy's entropy, which keeps agents exploring.
    """

    trains = True

    def __init__(self, *, discount: float = 0.9, learning_rate: float = 0.02, entropy: float = 0.01) -> None:
        if not 0 <= discount <= 1 or learning_rate <= 0 or entropy < 0:
            raise ConfigurationError(
                f"discount {discount}, learning_rate {learning_rate}, entropy {entropy}: the discount must be in 0..1, "
                "the learning rate above 0 and the entropy at least 0"
            )
        self.discount, self.learning_rate, self.entropy = discount, learning_rate, entropy
        self._weights: Floats | None = None

    def train(self, market: Market, episodes: int, seed: int) -> None:
        """One update for every `market.num_lanes` worlds; the remainder of `episodes` is not used."""
        spec, lanes = market.spec, np.arange(market.num_lanes)
        if episodes < len(lanes):
            raise ConfigurationError(f"{episodes} episodes are less than one update of {len(lanes)} lanes; give more")
        shape = (spec.num_agents, spec.num_actions, len(spec.fields) + 1)
        self._weights, moments = np.zeros(shape), (np.zeros(shape), np.zeros(shape))
        for update in range(episodes // len(lanes)):
            market.begin(lanes, rng.bits_array(seed, update, rng.EPISODE, lanes) >> np.uint64(1))
            self.reset(spec, rng.bits_array(seed, update, rng.AGENT, lanes))
            self._step(self._gradient(self._play(market)), moments, update + 1)

    def _play(self, market: Market) -> Trajectory:
        rows: list[tuple[NDArray[np.generic], ...]] = []
        while not market.over.all():
            features, played = _features(market.observe()), market.active
            chances = self._chances(features)
            actions = self._draw(chances, len(rows))
            rows.append((features, chances, actions, market.step(actions).rewards, played))
        return Trajectory(*(np.stack(column) for column in zip(*rows, strict=True)))  # type: ignore[arg-type]

    def _gradient(self, seen: Trajectory) -> Floats:
        """Of each agent's mean credit and entropy, by its weights: (N, A, d + 1)."""
        credits = self._advantages(seen)
        return np.stack(
            [
                self._gradient_of(
                    seen.features[:, :, i], seen.chances[:, :, i], seen.actions[:, :, i], credits[:, :, i],
                    seen.played[:, :, i],
                )
                for i in range(seen.actions.shape[2])
            ]
        )  # fmt: skip

    def _gradient_of(
        self, features: Floats, chances: Floats, actions: NDArray[np.int64], credits: Floats, played: NDArray[np.bool_]
    ) -> Floats:
        scores = -chances * credits[..., None]
        scores[(*np.indices(actions.shape), actions)] += credits
        logs = np.log(np.maximum(chances, 1e-12))
        scores -= self.entropy * chances * (logs - (chances * logs).sum(axis=2, keepdims=True)) * played[..., None]
        return np.tensordot(scores, features, axes=([0, 1], [0, 1])) / played.sum()

    def _advantages(self, seen: Trajectory) -> Floats:
        """Returns to go, compared with those of the same agent and round in the other worlds: (T, B, N)."""
        to_go, later = np.zeros_like(seen.rewards), np.zeros(seen.rewards.shape[1:])
        for t in range(len(to_go) - 1, -1, -1):
            to_go[t] = later = seen.rewards[t] + self.discount * later
        count = np.maximum(seen.played.sum(axis=1, keepdims=True), 1)
        differences = np.where(seen.played, to_go - (to_go * seen.played).sum(axis=1, keepdims=True) / count, 0.0)
        variance = (differences**2).sum(axis=(0, 1)) / seen.played.sum(axis=(0, 1))
        return differences / np.sqrt(variance + _EPSILON)

    def _step(self, gradient: Floats, moments: tuple[Floats, Floats], number: int) -> None:
        assert self._weights is not None
        mean, squares = moments
        mean += (1 - _DECAY) * (gradient - mean)
        squares += (1 - _DECAY_SQUARES) * (gradient**2 - squares)
        scale = np.sqrt(squares / (1 - _DECAY_SQUARES**number)) + _EPSILON
        self._weights += self.learning_rate * mean / (1 - _DECAY**number) / scale

    def reset(self, spec: MarketSpec, keys: NDArray[np.uint64]) -> None:
        """Check that the policies fit the market, and keep the keys."""
        shape = (spec.num_agents, spec.num_actions, len(spec.fields) + 1)
        if self._weights is None:
            raise AgentError("independent has learned nothing yet; train it or load what was saved")
        if self._weights.shape != shape:
            raise AgentError(f"policies of shape {self._weights.shape} do not fit {spec.name}, which needs {shape}")
        self._keys = keys

    def act(self, observations: NDArray[np.float32], number: int) -> NDArray[np.int64]:
        """A draw from each agent's policy."""
        return self._draw(self._chances(_features(observations)), number)

    def _chances(self, features: Floats) -> Floats:
        out = np.empty((*features.shape[:2], self._weights.shape[1]))  # type: ignore[union-attr]
        _softmax(features, self._weights, out)
        return out

    def _draw(self, chances: Floats, number: int) -> NDArray[np.int64]:
        draws = rng.uniform_array(self._keys[:, None], number, rng.POLICY, np.arange(chances.shape[1]))
        passed = np.cumsum(chances, axis=2) <= draws[:, :, None]
        return np.minimum(passed.sum(axis=2), chances.shape[2] - 1)

    def save(self, path: Path) -> None:
        """Write `policies.json`."""
        if self._weights is None:
            raise AgentError("independent has learned nothing yet; there is nothing to save")
        write_json(path / "policies.json", {"weights": self._weights.tolist()})

    def load(self, path: Path) -> None:
        """Read `policies.json`."""
        file = path / "policies.json"
        try:
            weights = np.array(read_json(file, "weights")["weights"], np.float64)
        except (TypeError, ValueError) as error:
            raise AgentError(f"{file}: weights are no array of numbers; train the agents again") from error
        if weights.ndim != 3 or not np.isfinite(weights).all():
            raise AgentError(f"{file}: weights must be finite and have three axes; train the agents again")
        self._weights = weights


@njit(cache=True)
def _softmax(features, weights, out):  # type: ignore[no-untyped-def]
    """Chances of the actions, each summed over the features in one order: the number of worlds does not matter."""
    for b in range(out.shape[0]):
        for n in range(out.shape[1]):
            highest, total = -math.inf, 0.0
            for a in range(out.shape[2]):
                logit = 0.0
                for d in range(features.shape[2]):
                    logit += features[b, n, d] * weights[n, a, d]
                out[b, n, a] = logit
                highest = max(highest, logit)
            for a in range(out.shape[2]):
                out[b, n, a] = math.exp(out[b, n, a] - highest)
                total += out[b, n, a]
            for a in range(out.shape[2]):
                out[b, n, a] /= total


def _features(observations: NDArray[np.float32]) -> Floats:
    """What is seen, and a 1: (B, N, d + 1)."""
    return np.concatenate([observations, np.ones((*observations.shape[:2], 1))], axis=2, dtype=np.float64)
