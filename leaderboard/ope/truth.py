"""The true value of a named policy: what it earns when it plays."""

from __future__ import annotations

from typing import Final

import numpy as np

from leaderboard.schema import Estimate
from leaderboard.stats import Sums, mean
from recsim_envs import rng
from recsim_envs.errors import ConfigurationError
from recsim_envs.offline.generate import returns as play
from recsim_envs.offline.spec import DatasetSpec

SESSIONS: Final = 20_000


def true_value(spec: DatasetSpec, target: str, *, sessions: int = SESSIONS, steps: int | None = None) -> Estimate:
    """The mean return of the policy over train users of the environment of `spec`, or of its first `steps`.

    Its sessions are those of no log: their seeds are derived for this purpose. The interval is a bootstrap over
    sessions.
    """
    if sessions < 2:
        raise ConfigurationError(f"a true value needs at least 2 sessions, got {sessions}")
    root = rng.derive_seed("off-policy truth", spec.env_id, spec.seed)
    seeds = rng.bits_array(root, np.arange(sessions), rng.EPISODE)
    keys = rng.bits_array(root, np.arange(sessions), rng.AGENT)
    returns = play(spec, target, seeds, keys, steps)[None]
    found = mean(Sums.of(returns, np.ones_like(returns), np.arange(sessions)))
    assert found is not None  # every session counts
    return found.model_copy(update={"note": ""})  # nothing was trained, so no training seed is missing from it
