"""`LogPolicy`: the named behaviour policies, over any environment, with exact propensities.

A policy reads public things only: the catalogue, action masks, observations and what it has shown itself.

random           every allowed item with the same probability
popular          in proportion to the public popularity plus one, so that no item is impossible
epsilon-greedy   with probability epsilon as `random`, else the item of the highest public mean reward that the session
                 has not been shown in the last ten steps; where candidates are drawn anew, the one of the best
                 observed value
mixed            each session follows one of the others, drawn once
greedy           epsilon-greedy with epsilon 0; a policy to be judged, never one that makes logs

Slates hold different items: drawn ones one by one, the greedy one is the best k items. The propensity of a slate is
that of the whole slate in its order. Where candidates are drawn anew there is no popularity: `popular` is refused there
and `mixed` is made of the other two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError
from recsim_envs.families.base import Simulator
from recsim_envs.offline import kernel
from recsim_envs.offline.spec import EPSILON, POLICIES, check_policy
from recsim_envs.spec import TaskSpec

MEMORY: Final = 10
"""Items that the greedy part does not show again."""
TARGETS: Final = ("greedy",)
"""Policies that can be judged but make no logs."""

_DIGITS: Final = 300  # zeros that the probability of a slate may have behind the point
_LARGEST: Final = 2**31  # weights together stay below what one draw can tell apart


class LogPolicy:
    """A named policy over B lanes. Its draws depend on session key and step only, never on lanes or their number.

    components: the names that sessions can follow. reads_observations: whether they are needed to act.
    Raises `ConfigurationError` for a name that is none, or that the environment gives nothing public to go by.
    """

    def __init__(self, name: str, task: TaskSpec, num_lanes: int, epsilon: float = EPSILON) -> None:
        check_policy(name, TARGETS)
        self.name, self.task, self.num_lanes = name, task, num_lanes
        self.components = _components(name, task)
        self.reads_observations = task.candidates and bool({"greedy", "epsilon-greedy"} & set(self.components))
        items, self.width = task.catalogue.num_items, task.slate_size or 1
        if self.width > items:
            raise ConfigurationError(
                f"{task.env_id}: slates of {self.width} different items need as many; there are {items}"
            )
        flat = np.arange(items + 1, dtype=np.int64)
        self.cumulative = np.stack([popularity(task) if c == "popular" else flat for c in self.components])
        _check_probable(task, self.cumulative[:, -1])
        shares = {"greedy": 0.0, "epsilon-greedy": epsilon}
        self.epsilons = np.array([shares.get(c, 1.0) for c in self.components])
        self._order = np.argsort(-task.catalogue.mean_reward.astype(np.float64), kind="stable")[None]
        self._no_masks = np.zeros((num_lanes, 0), np.int8)
        self.greedy = np.zeros((num_lanes, self.width), np.int64)
        """What the greedy part of the last step was (B, k); zeros where no component is greedy."""
        self.chosen = np.zeros(num_lanes, np.int64)
        """Which component the session of each lane follows (B,)."""
        self.posterior = np.ones((num_lanes, len(self.components)))
        """The probability of each component given what the session has shown (B, C)."""
        self._keys, self._steps = np.zeros(num_lanes, np.uint64), np.zeros(num_lanes, np.int64)
        memory = MEMORY if task.slate_size is None and not task.candidates else 0
        self._recent = np.full((num_lanes, memory), -1, np.int32)

    def begin(self, lanes: NDArray[np.int64], keys: NDArray[np.uint64]) -> None:
        """Start sessions with session keys `keys` in these lanes."""
        kernel.begin(lanes, keys, self._keys, self._steps, self.chosen, self.posterior, self._recent)

    def act(
        self, running: NDArray[np.bool_], simulator: Simulator | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Actions (B,) or (B, k) of the running lanes and their propensities (B,); zeros elsewhere.

        `simulator` shows masks and observations; None where the environment has no masks and no drawn candidates.
        """
        actions = np.zeros((self.num_lanes, self.width), np.int64)
        propensities = self._play(running, actions, simulator, given=False)
        return (actions[:, 0] if self.task.slate_size is None else actions), propensities

    def judge(
        self, running: NDArray[np.bool_], actions: NDArray[np.int64], simulator: Simulator | None
    ) -> NDArray[np.float64]:
        """The probability of these actions, (B,) or (B, k), given what each session has shown before: float64 (B,)."""
        return self._play(running, actions.reshape(self.num_lanes, self.width), simulator, given=True)

    def masks(self, simulator: Simulator | None) -> NDArray[np.int8]:
        """Which items may be shown now: int8 (B, n), or (B, 0) where all may."""
        found = None if simulator is None else simulator.infos().get("action_mask")
        return self._no_masks if found is None else found

    def _play(
        self, running: NDArray[np.bool_], actions: NDArray[np.int64], simulator: Simulator | None, *, given: bool
    ) -> NDArray[np.float64]:
        order, propensities = self._order, np.zeros(self.num_lanes)
        if self.reads_observations:
            assert simulator is not None
            order = np.argsort(-observed_values(simulator.observe()), axis=1, kind="stable")
        kernel.play(
            running, given, actions, propensities, self.greedy, self.cumulative, self.epsilons, order,
            self.masks(simulator), self._keys, self._steps, self.chosen, self.posterior, self._recent,
        )  # fmt: skip
        return propensities


def _check_probable(task: TaskSpec, totals: NDArray[np.int64]) -> None:
    """Raise `ConfigurationError` where a float64 cannot hold the probability of a slate: weights are at least 1."""
    width = task.slate_size or 1
    if width * np.log10(totals).min() > _DIGITS:
        raise ConfigurationError(
            f"{task.env_id}: slates of {width} of {task.catalogue.num_items} items are too improbable to write down; "
            "show fewer items"
        )


def policies_of(task: TaskSpec) -> tuple[str, ...]:
    """The names of `POLICIES` that this task gives something public to go by."""
    return tuple(name for name in POLICIES if not (name == "popular" and task.candidates))


def popularity(task: TaskSpec) -> NDArray[np.int64]:
    """The cumulative weights of `popular`: int64 (n + 1,) of popularity + 1, halved until their sum is below 2**31."""
    counts = task.catalogue.popularity.astype(np.int64)
    while int(counts.sum()) + len(counts) >= _LARGEST:
        counts = counts >> 1
    return np.concatenate([[0], np.cumsum(counts + 1)])


def observed_values(observations: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """What is seen of drawn candidates that speaks for showing them: float64 (B, n).

    Their quality, how much clickbait they are, or the user's interest in their topic. Raises `ConfigurationError` where
    nothing of this is observed.
    """
    for key in ("candidate_qualities", "candidate_clickbait"):
        if key in observations:
            return observations[key].astype(np.float64)
    if {"candidate_topics", "user_interests"} <= observations.keys():
        interests = observations["user_interests"].astype(np.float64)
        return np.take_along_axis(interests, observations["candidate_topics"].astype(np.int64), axis=1)
    raise ConfigurationError(
        f"observations {sorted(observations)} say nothing of what candidates are worth; use policy 'random'"
    )


def _components(name: str, task: TaskSpec) -> tuple[str, ...]:
    if name in POLICIES and name not in policies_of(task):
        raise ConfigurationError(
            f"{task.env_id} draws its candidates anew, so none is popular; use random, epsilon-greedy or mixed"
        )
    if name != "mixed":
        return (name,)
    return tuple(part for part in policies_of(task) if part != "mixed")
