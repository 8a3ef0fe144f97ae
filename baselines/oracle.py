"""The oracle: plans on the true model. The 1 of the scale, and no recommender."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines.planning import best_cycle, best_walk
from baselines.selection import allowed_items, replace_forbidden
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.spec import Agent, Batch, Sessions, TaskSpec


class OracleAgent(Agent):
    """Sees the user's true rewards and all constants, and plans the whole session at its start.

    Departure family only. Free browsing: the best cycle of window + 1 items (`baselines.planning`). NX_0: a
    greedy walk over items that stay far enough apart. NX_k: the k best items, which is optimal. No policy can
    earn more than the user's W + 1 highest rewards round and round, under NX the sum of the horizon highest.

    pool: how many of the user's best items the search looks at first. It is widened fourfold until a full plan
        is found, the catalogue ends or `max_pool` is passed. node_limit: branch-and-bound nodes of one search.
    """

    privileged = True

    def __init__(self, *, pool: int = 96, max_pool: int = 1536, node_limit: int = 2000) -> None:
        if min(pool, max_pool, node_limit) < 1:
            raise ConfigurationError(
                f"pool, max_pool and node_limit must be at least 1, got {pool}, {max_pool} and {node_limit}"
            )
        self.pool, self.max_pool, self.node_limit = pool, max_pool, node_limit

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Forget all plans."""
        self._plans: dict[int, NDArray[np.int64]] = {}

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """The next item of each session's plan."""
        fresh = np.flatnonzero(sessions.steps == 0)
        if len(fresh):
            plans = self._plan(_hidden(infos), fresh)
            self._plans.update(zip(sessions.lanes[fresh].tolist(), plans, strict=True))
        try:
            plans = [self._plans[lane] for lane in sessions.lanes.tolist()]
        except KeyError as error:
            raise AgentError(f"lane {error} has no plan: the oracle must see a session from its first step") from None
        wanted = np.array([p[s % len(p)] for p, s in zip(plans, sessions.steps.tolist(), strict=True)], np.int64)
        allowed = allowed_items(infos)
        return wanted if allowed is None else replace_forbidden(wanted, np.zeros(allowed.shape[1]), allowed)

    def _plan(self, hidden: Mapping[str, Any], rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        rewards = hidden["world"].user_rewards(hidden["user"][rows])
        orders = np.argsort(-rewards, axis=1, kind="stable")
        return [self._plan_user(hidden, r, o) for r, o in zip(rewards, orders, strict=True)]

    def _plan_user(
        self, hidden: Mapping[str, Any], rewards: NDArray[np.float32], order: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Items of one session in order, at least one; to be shown round and round where it is shorter."""
        horizon, window, protocol = hidden["horizon"], hidden["window"], hidden["protocol"]
        if protocol not in ("FB", "NX_0"):
            return order[:horizon]
        usable = order[: max(1, int((rewards >= hidden["r_min"]).sum()))]
        size = horizon
        if protocol == "FB":  # where the distance rule is off, the best item may be shown for ever
            size = min(window + 1, horizon) if hidden["threshold"] > 0 else 1
        pool = max(self.pool, 2 * size)
        while True:
            items = usable[:pool]
            vectors = np.asarray(hidden["world"].arrays["vectors"])[items]
            if protocol == "FB":
                found = best_cycle(rewards[items], vectors, size, hidden["threshold"], self.node_limit)
            else:
                found = best_walk(rewards[items], vectors, window, hidden["threshold"], horizon)
            if len(found) >= size or pool >= min(len(usable), self.max_pool):
                return items[found]
            pool *= 4


def _hidden(infos: Batch) -> Mapping[str, Any]:
    hidden: Any = infos.get("privileged")
    needed = ("user", "world", "window", "threshold", "r_min", "horizon", "protocol")
    if not isinstance(hidden, Mapping) or any(key not in hidden for key in needed):
        raise AgentError(
            "the oracle needs infos['privileged'] of the departure family; run it through the harness or in a "
            "VectorPrivilegedInfo wrapper, on an environment of that family"
        )
    return hidden
