"""The oracle: plans on the true model. The 1 of the scale, and no recommender."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from recsim_envs.errors import AgentError
from recsim_envs.spec import Agent, Batch, Sessions, TaskSpec


class OracleAgent(Agent):
    """Shows what the environment's own planner would: it knows the users and plans whole sessions.

    Each family brings that planner (`Simulator.references`), so the oracle plays every environment. A planner serves
    one simulator, all of its lanes at once, and is asked once before each step.
    """

    privileged = True

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Forget the planner of the last run."""
        self._planner: Callable[[], NDArray[Any]] | None = None

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[Any]:
        """The planner's actions of these lanes."""
        if self._planner is None:
            if sessions.steps.any():
                raise AgentError("the oracle must see every session from its first step")
            self._planner = _planner(infos)
        return self._planner()[sessions.lanes]


def _planner(infos: Batch) -> Callable[[], NDArray[Any]]:
    hidden: Any = infos.get("privileged")
    if not isinstance(hidden, Mapping) or "planner" not in hidden.get("references", {}):
        raise AgentError(
            "the oracle needs infos['privileged'] with a planner; run it through the harness or in a "
            "VectorPrivilegedInfo wrapper, on an environment of ours"
        )
    planner: Callable[[], NDArray[Any]] = hidden["references"]["planner"]()
    return planner
