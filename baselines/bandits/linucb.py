"""LinUCB: optimism in the face of what a linear model does not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines.bandits.contexts import View
from baselines.bandits.linear import LinearBandit
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import Sessions


@dataclass(kw_only=True, eq=False)
class LinUCBAgent(LinearBandit):
    """LinUCB: train users are shown what could earn most.

    The score is theta . x + alpha sqrt(x' A^-1 x) (Li et al., WWW 2010, equation 5).

    alpha: how many standard deviations of optimism. Others: see `LinearBandit`.
    """

    alpha: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.alpha < 0:
            raise ConfigurationError(f"alpha must be at least 0, got {self.alpha}")

    def _explore(self, view: View, sessions: Sessions, decision: int) -> NDArray[np.float64]:
        thetas = np.repeat(self._model(), len(sessions.lanes), axis=0)
        bonus: NDArray[Any] = self.alpha * view.spreads(self._covariance())
        return view.means(thetas) + bonus
