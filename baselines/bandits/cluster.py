"""Cluster bandit: users who answer alike share a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines.bandits.contexts import View
from baselines.bandits.linear import Evidence, LinearBandit
from recsim_envs import rng
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import Sessions


@dataclass(kw_only=True, eq=False)
class ClusterBanditAgent(LinearBandit):
    """LinUCB with dynamic clusters: users who answer alike share a model.

    After Nguyen and Lauw, "Dynamic clustering of contextual multi-armed bandits", CIKM 2014.
    Each session belongs to one of `clusters`, at first a random one; after each step it moves to the one whose model
    has erred least on the session's own feedback, and takes its evidence along. Cluster models are ridge regressions
    around the model of all. CLUB (Gentile, Li and Zappella, ICML 2014) instead cuts a graph of users whose own models
    differ; it needs users who come back, and here agents never learn who is there. The paper compares models by their
    distance; errors on what was shown are that distance where there is evidence for it, and sessions have little. Its
    optimism is each cluster's own; here it is that of all evidence, as a cluster has little either.

    After training a session starts with the model of all, and with its first feedback joins the cluster that errs
    least. clusters: how many. alpha: as of linucb. Others: see `LinearBandit`.
    """

    clusters: int = 4
    alpha: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clusters < 1 or self.alpha < 0:
            raise ConfigurationError(
                f"clusters must be at least 1 and alpha at least 0, got {self.clusters} and {self.alpha}"
            )

    def _start(self, width: int) -> None:
        super()._start(width)
        self._evidence = Evidence(self.clusters, width)
        self._member, self._own = np.zeros(self.num_envs, np.int64), Evidence(self.num_envs, width)

    def _memory(self) -> list[NDArray[Any]]:
        return [*super()._memory(), *self._evidence.sums(), self._member, *self._own.sums()]

    def _learned(self) -> NDArray[np.float64]:
        """The model of all, and then that of each cluster: (1 + clusters, d)."""
        return np.concatenate([self._model(), self._cluster_models()])

    def _cluster_models(self) -> NDArray[np.float64]:
        prior = np.repeat(self._model(), self.clusters, axis=0)
        return self._evidence.models(np.arange(self.clusters), prior, self.ridge)

    def _explore(self, view: View, sessions: Sessions, decision: int) -> NDArray[np.float64]:
        lanes, fresh = sessions.lanes, sessions.lanes[sessions.steps == 0]
        self._own.forget(fresh)
        self._member[fresh] = rng.below_array(self.clusters, self._seed, decision, rng.POLICY, fresh)
        bonus: NDArray[Any] = self.alpha * view.spreads(self._covariance())
        return view.means(self._cluster_models()[self._member[lanes]]) + bonus

    def _learn(self, sessions: Sessions, x: NDArray[Any], y: NDArray[Any], known: NDArray[Any]) -> None:
        super()._learn(sessions, x, y, known)
        lanes = sessions.lanes
        self._own.add(lanes, x, y, known)
        self._evidence.add(self._member[lanes], x, y, known)
        nearest = self._own.errors(lanes, self._cluster_models()).argmin(axis=1)
        for lane, cluster in zip(lanes.tolist(), nearest.tolist(), strict=True):
            self._move(lane, cluster)

    def _move(self, lane: int, cluster: int) -> None:
        """Take a session's evidence from its cluster to another."""
        home = self._member[lane]
        for all_sums, own in zip(self._evidence.sums(), self._own.sums(), strict=True):
            all_sums[home] -= own[lane]
            all_sums[cluster] += own[lane]
        self._member[lane] = cluster

    def _starting_models(self, lanes: NDArray[np.int64]) -> NDArray[np.float64]:
        assert self._thetas is not None
        nearest = 1 + self._session.errors(lanes, self._thetas[1:]).argmin(axis=1)
        told = self._session.grams[lanes, 0, 0] > 0  # the first feature is the constant: how many items were judged
        return self._thetas[np.where(told, nearest, 0)]
