"""Epsilon-greedy: mostly what is best by what is known, sometimes anything."""

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
class EpsilonGreedyAgent(LinearBandit):
    """Epsilon-greedy: train users are shown the best by the model, or sometimes, ever less often, anything.

    Random has probability min(1, explore / decisions), the decaying epsilon of Auer, Cesa-Bianchi and Fischer (Machine
    Learning 47, 2002, figure 3) with the constants in one number; every shown slate is a decision, and a random slate
    is random throughout.

    explore: about how many decisions are random at first. Others: see `LinearBandit`.
    """

    explore: float = 100.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.explore < 0:
            raise ConfigurationError(f"explore must be at least 0, got {self.explore}")

    def _explore(self, view: View, sessions: Sessions, decision: int) -> NDArray[np.float64]:
        lanes = sessions.lanes
        scores = view.means(np.repeat(self._model(), len(lanes), axis=0))
        chance = self.explore / (decision * len(lanes) + 1)
        random = rng.uniform_array(self._seed, decision, rng.POLICY, lanes) < chance
        places = lanes[random, None] * scores.shape[1] + np.arange(scores.shape[1])
        scores[random] = rng.uniform_array(self._seed, decision, rng.AGENT, places)
        return scores
