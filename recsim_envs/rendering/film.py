"""`Film`: what a face puts between itself and its simulator to be able to draw sessions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsim_envs.families.base import Shown, Simulator, Step
from recsim_envs.rendering.lives import Life, Moment


class Film:
    """Stands where a face calls `begin` and `step` of its simulator, and keeps the life of every lane.

    Faces have one only in render mode "rgb_array", so that nobody else pays for it.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._lives = [Life() for _ in range(simulator.num_lanes)]

    def begin(self, lanes: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """Start sessions, and their lives anew."""
        self._simulator.begin(lanes, seeds)
        fatigue = self._simulator.fatigue()
        for lane in lanes.tolist():
            self._lives[lane] = Life(float(fatigue[lane]))

    def step(self, actions: NDArray[Any]) -> Step:
        """Step, and write down what happened in the lanes that were running."""
        lanes = np.flatnonzero(~self._simulator.over).tolist()
        shown = self._shown(lanes, actions)  # asked before the step, which may draw new candidates
        result = self._simulator.step(actions)
        fatigue, causes = self._simulator.fatigue(), self._simulator.causes()
        for lane, items in zip(lanes, shown, strict=True):
            life = self._lives[lane]
            life.cause, life.left = str(causes[lane]), bool(result.terminated[lane])
            # Sessions that are over count as gone; a user who stayed to the horizon is drawn as they were before it.
            tired = life.tired if life.cause and not life.left else float(fatigue[lane])
            life.moments.append(Moment(items, float(result.rewards[lane]), tired))
        return result

    def _shown(self, lanes: list[int], actions: NDArray[Any]) -> list[tuple[Shown, ...]]:
        """The items of each lane's action. Of a wrong action nothing: the step itself says what is wrong with it."""
        space = self._simulator.task.action_space
        try:
            return [
                tuple(self._simulator.shown(lane, actions[lane])) if space.contains(actions[lane]) else ()
                for lane in lanes
            ]
        except (IndexError, TypeError, ValueError):
            return [()] * len(lanes)

    def life(self, lane: int) -> Life:
        """What has happened in a lane since its session began."""
        return self._lives[lane]

    def picture(self, lane: int, title: str) -> NDArray[np.uint8]:
        """The session in a lane as it stands, uint8 (672, 1200, 3)."""
        from recsim_envs.rendering.lifeline import draw

        return draw(self._lives[lane], title, self._simulator.task.horizon, self._simulator.group_names())
