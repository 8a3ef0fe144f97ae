"""What the RecSim families share: slates from candidates that are drawn anew, for users that are drawn anew."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.families import choice
from recsim_envs.families.actions import check_range, checked_split, drawn_users, integers, split_seeds
from recsim_envs.families.base import ALL, Shown, Simulator
from recsim_envs.families.options import choice as one_of
from recsim_envs.families.options import flag, integer
from recsim_envs.spec import Catalogue, TaskSpec

MAX_CANDIDATES: Final = 100_000
MAX_SLATE: Final = 100

STEPS: Final = 0
CAUSE: Final = 1

# Why a lane is as it is. Above RUNNING the session is over.
RUNNING: Final = 0
LEFT: Final = 1  # the user's time is up: terminated
HORIZON: Final = 2  # the step cap: truncated
IDLE: Final = 3  # no session was ever begun

_CAUSES = np.array(("", "out-of-time", "horizon", ""), dtype=object)


class DrawnSlateSimulator(Simulator):
    """The part of a RecSim family that is no dynamics: options, lanes, actions, flags, the task.

    Sub-classes keep `_state` (int32, (2, B): STEPS and CAUSE) and `_seeds` (uint64, B: the sessions' seeds) up to
    date in their kernels.
    """

    def __init__(
        self,
        num_lanes: int,
        *,
        num_candidates: int,
        slate_size: int,
        resample_documents: bool,
        choice_model: str,
        split: str,
        reference: bool,
        horizon: int,
        longest: int,
    ) -> None:
        self.num_lanes = integer("number of lanes", num_lanes, 1, 2**31 - 1)
        self.num_candidates = integer("num_candidates", num_candidates, 1, MAX_CANDIDATES)
        self.slate_size = integer("slate_size", slate_size, 1, min(self.num_candidates, MAX_SLATE))
        self.resample_documents = flag("resample_documents", resample_documents)
        self.choice_model = one_of("choice_model", choice_model, choice.MODELS)
        self.split, self.reference = checked_split(split), flag("reference", reference)
        self.horizon = integer("horizon", horizon, 1, longest)
        self._state = np.zeros((2, self.num_lanes), np.int32)
        self._state[CAUSE] = IDLE
        self._seeds = np.zeros(self.num_lanes, np.uint64)
        self._users = np.full(self.num_lanes, -1, np.int64)

    def _task_spec(
        self, env_id: str, space: dict[str, spaces.Space[Any]], rewards: tuple[float, float], domain: str
    ) -> TaskSpec:
        return TaskSpec(
            env_id=env_id,
            observation_space=spaces.Dict(space),
            action_space=spaces.MultiDiscrete([self.num_candidates] * self.slate_size),
            catalogue=Catalogue.of_slots(self.num_candidates),
            horizon=self.horizon,
            protocol="FB",
            reward_range=rewards,
            domain=domain,
            candidates=True,
        )

    def _open(self, lanes: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """The part of `begin` that all share: who visits, and that a session runs."""
        self._users[lanes] = drawn_users(seeds)
        self._seeds[lanes] = split_seeds(seeds, self.split)
        self._state[STEPS, lanes], self._state[CAUSE, lanes] = 0, RUNNING

    def _checked(self, actions: Any) -> NDArray[np.int64]:
        shape = (self.num_lanes, self.slate_size)
        slates = integers(actions, shape, f"slates of candidates 0..{self.num_candidates - 1}")
        check_range(slates, ~self.over, self.num_candidates, "slate")
        return slates

    def _results(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Blank rewards (B,) and flags (2, B) for a kernel to fill."""
        return np.zeros(self.num_lanes), np.zeros((2, self.num_lanes), np.bool_)

    def observe(self) -> dict[str, NDArray[Any]]:
        """Fresh arrays (B, ...) under the keys of the observation space."""
        return self._view(slice(None))

    def observe_lane(self, lane: int) -> dict[str, NDArray[Any]]:
        """The same of one lane, without its axis."""
        return self._view(lane)

    @abstractmethod
    def _view(self, lanes: int | slice) -> dict[str, NDArray[Any]]:
        """Copies of what is observed, of one lane or of all."""

    @property
    def over(self) -> NDArray[np.bool_]:
        """Lanes without a running session (B,)."""
        return self._state[CAUSE] != RUNNING

    def causes(self, lanes: NDArray[np.int64] | slice = ALL) -> NDArray[np.object_]:
        """Why each session ended: "out-of-time", "horizon"; "" while it runs."""
        return _CAUSES[self._state[CAUSE, lanes]]

    def user_ids(self) -> NDArray[np.int64]:
        """The user in each lane (B,): the episode seed shifted right by one, for every session draws its own."""
        return self._users.copy()

    def constants(self) -> dict[str, int | float | str | bool]:
        """The options that all families share."""
        return {
            "num_candidates": self.num_candidates,
            "slate_size": self.slate_size,
            "resample_documents": self.resample_documents,
            "choice_model": self.choice_model,
            "reference": self.reference,
            "horizon": self.horizon,
        }

    def shown(self, lane: int, action: NDArray[Any]) -> list[Shown]:
        """What the candidates of a slate are, in a word each."""
        return [self._portrait(lane, candidate) for candidate in np.ravel(action).tolist()]

    @abstractmethod
    def _portrait(self, lane: int, candidate: int) -> Shown:
        """One candidate, for pictures."""

    def _headline(self, lane: int, fallback: str) -> str:
        cause = str(_CAUSES[self._state[CAUSE, lane]])
        step, name = self._state[STEPS, lane], self.task.env_id or fallback
        return f"{name}  step {step} of at most {self.horizon}, {f'ended: {cause}' if cause else 'running'}"
