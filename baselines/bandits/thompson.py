"""Linear Thompson sampling: every decision by a model drawn from what is still possible."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baselines.bandits.contexts import View
from baselines.bandits.linear import LinearBandit
from recsim_envs import rng
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import Sessions


@dataclass(kw_only=True, eq=False)
class LinearThompsonAgent(LinearBandit):
    """Linear Thompson sampling: train users are shown what is best by a model drawn from the posterior.

    Draws are from N(theta, scale^2 A^-1) (Agrawal and Goyal, ICML 2013, section 2.2).

    scale: the paper's v, which its theorem wants to grow with the dimension and practice smaller. Others: see
    `LinearBandit`. After training it acts by the mean.
    """

    scale: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale < 0:
            raise ConfigurationError(f"scale must be at least 0, got {self.scale}")

    def _explore(self, view: View, sessions: Sessions, decision: int) -> NDArray[np.float64]:
        return view.means(self._draws(sessions.lanes, decision))

    def _draws(self, lanes: NDArray[np.int64], decision: int) -> NDArray[np.float64]:
        """A model for each lane, (b, d): theta + scale L z with L L' = A^-1 and z standard normal."""
        root = np.linalg.cholesky(self._covariance())
        normals = rng.normal_array(self._seed, decision, rng.POLICY, lanes[:, None] * len(root) + np.arange(len(root)))
        return self._model() + self.scale * normals @ root.T
