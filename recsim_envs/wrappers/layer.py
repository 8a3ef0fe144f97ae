"""What our wrappers are made of: a `Layer` says what changes for B sessions, two shells put it on the faces.

A wrapper is written once, over rows, and is then a `gymnasium.Wrapper` over a scalar environment and a
`gymnasium.vector.VectorWrapper` over a vector environment: the same sessions come out of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError
from recsim_envs.faces.masks import num_choices
from recsim_envs.spec import TaskSpec

Mask = NDArray[np.int8] | None
"""`info["action_mask"]` of all lanes: int8 (B, n), 1 where an item may be shown; None where everything may."""


@dataclass(frozen=True, eq=False)
class Inner:
    """What is beneath a layer.

    face: the longrec environment under all wrappers. The spaces are those of a single session, as the wrappers
    in between have left them.
    """

    face: Any
    observation_space: spaces.Space[Any]
    action_space: spaces.Space[Any]
    num_lanes: int

    @property
    def task(self) -> TaskSpec:
        """The task of the environment under all wrappers."""
        return self.face.task

    @property
    def slate_size(self) -> int | None:
        """Items in one action; None where an action is a single item."""
        return len(self.action_space.nvec) if isinstance(self.action_space, spaces.MultiDiscrete) else None

    @property
    def action_shape(self) -> tuple[int, ...]:
        """The shape of a batch of actions: (B,) or (B, k)."""
        return (self.num_lanes,) if self.slate_size is None else (self.num_lanes, self.slate_size)

    def num_items(self, wrapper: str) -> int:
        """Items to choose from, if actions are item ids here; raises `ConfigurationError` naming `wrapper` if not."""
        count = num_choices(self.action_space)
        if count != self.task.catalogue.num_items:
            raise ConfigurationError(
                f"{wrapper} needs actions that are ids of the {self.task.catalogue.num_items} items, found "
                f"{self.action_space}; put it nearer to the environment than wrappers that change actions"
            )
        return count

    def lasting_items(self, wrapper: str) -> int:
        """The same for a wrapper that must know an item again at a later step."""
        if self.task.candidates:
            raise ConfigurationError(
                f"{wrapper} has no meaning for {self.task.env_id or 'this environment'}: its items are drawn anew "
                "for each step, and an action is the number of a slot"
            )
        return self.num_items(wrapper)

    def observed(self, wrapper: str) -> dict[str, spaces.Box]:
        """The parts of the observation; raises `ConfigurationError` naming `wrapper` if it has none."""
        if not isinstance(self.observation_space, spaces.Dict):
            raise ConfigurationError(
                f"{wrapper} needs a Dict observation, found {self.observation_space}; put it nearer to the "
                "environment than wrappers that change observations"
            )
        return dict(self.observation_space.spaces)  # type: ignore[arg-type]


class Layer:
    """What a wrapper changes. Rows are lanes, as in a vector environment; state has one row a lane.

    The shells call `begin` for the lanes whose sessions start and then `show` for what they observe; and for
    each step `act`, `took` and `show` in this order.
    """

    def __init__(self, inner: Inner) -> None:
        self.inner = inner
        self.observation_space = inner.observation_space
        self.action_space = inner.action_space

    def begin(self, lanes: NDArray[np.bool_], seeds: NDArray[np.uint64]) -> None:
        """Sessions start in `lanes` (B,); `seeds` (B,) are the episode seeds of all lanes."""

    def act(self, actions: Any, running: NDArray[np.bool_]) -> Any:
        """Actions of the environment beneath. Those of lanes that are not running are ignored there.

        Raises `InvalidActionError` naming the lane. Changes nothing: the environment beneath may yet refuse.
        """
        return actions

    def took(
        self, inner_actions: Any, running: NDArray[np.bool_], rewards: NDArray[np.float64], ended: NDArray[np.bool_]
    ) -> None:
        """The environment beneath has taken these actions in the lanes that were running; some of them have ended."""

    def show(self, observations: Any, mask: Mask) -> tuple[Any, Mask]:
        """Observations and action mask as they are seen from above."""
        return observations, mask

    def summary(self, ended: NDArray[np.bool_]) -> Mapping[str, Mapping[str, NDArray[Any]]]:
        """Infos about the sessions that have just ended, arrays (B,) valid where `ended`."""
        return {}
