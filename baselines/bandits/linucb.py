"""LinUCB: optimism in the face of what a linear model does not know."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines.bandits.contexts import View
from baselines.bandits.linear import LinearBandit
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import Sessions


class LinUCBAgent(LinearBandit):
    """LinUCB: train users are shown what could earn most.

    The score is theta . x + alpha sqrt(x' A^-1 x) (Li et al., WWW 2010, equation 5).

    alpha: how many standard deviations of optimism. Others: see `LinearBandit`.
    """

    def __init__(self, *, alpha: float = 0.5, dim: int = 8, ridge: float = 1.0, session_prior: float = 10.0,
                 num_envs: int = 8, default_episodes: int = 1000) -> None:  # fmt: skip
        super().__init__(
            dim=dim, ridge=ridge, session_prior=session_prior, num_envs=num_envs, default_episodes=default_episodes
        )
        if alpha < 0:
            raise ConfigurationError(f"alpha must be at least 0, got {alpha}")
        self.alpha = alpha

    def _explore(self, view: View, sessions: Sessions, decision: int) -> NDArray[np.float64]:
        thetas = np.repeat(self._model(), len(sessions.lanes), axis=0)
        bonus: NDArray[Any] = self.alpha * view.spreads(self._covariance())
        return view.means(thetas) + bonus
