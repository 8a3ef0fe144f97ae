"""What the bandits know of an item at a moment, as numbers; and what an item that was shown has earned."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from baselines.bandits import kernels
from baselines.greedy import TasteEstimate
from baselines.items import category_shares, item_features
from baselines.recent import Recent
from baselines.selection import category_sets
from baselines.told import Told
from recsim_envs.spec import Agent, Batch, Sessions, TaskSpec
from recsim_envs.wrappers.observed import FEEDBACK, feature_keys, features, slot_clicks

STEPS: Final = 5  # back to which likeness looks
PRIORS: Final = (5.0, 3.0)  # of the estimate of a user's taste, as the defaults of greedy


class View(NamedTuple):
    """Features of all items at a moment: `static` float64 (p, n), and `moving` float32 (b, q, n) after them."""

    static: NDArray[np.float64]
    moving: NDArray[np.float32]

    def means(self, thetas: NDArray[np.float64]) -> NDArray[np.float64]:
        """What items should earn by a model for each row (b, d): (b, n)."""
        out = np.empty((len(self.moving), self.moving.shape[2]))
        kernels.means(*self, thetas, out)
        return out

    def spreads(self, covariance: NDArray[np.float64]) -> NDArray[np.float64]:
        """The standard deviation of the same, by the covariance of a model (d, d): (b, n)."""
        out = np.empty((len(self.moving), self.moving.shape[2]))
        kernels.spreads(*self, covariance, out)
        return out

    def of(self, slates: NDArray[np.int64]) -> NDArray[np.float64]:
        """Features of what is shown, (b, k, d)."""
        out = np.empty((*slates.shape, len(self.static) + self.moving.shape[1]))
        kernels.gather(*self, slates, out)
        return out


class CatalogueContexts:
    """Items of a catalogue.

    The same for everybody: a constant, the rating, the popularity and the categories in `dim` random directions. Of the
    moment: what greedy thinks that this user will give beyond the rating; mean and greatest likeness to what the last
    steps showed, and whether it was among it; and what observations with a number for each category say of its own.
    """

    def __init__(self, agent: Agent, task: TaskSpec, num_lanes: int, dim: int) -> None:
        catalogue, boxes = task.catalogue, _boxes(task)
        self._told, self._slate = Told(agent, task, num_lanes), task.slate_size
        self._taste = TasteEstimate(catalogue, *PRIORS)
        self._ratings = catalogue.mean_reward.astype(np.float64)
        self._recent = Recent(num_lanes, STEPS * (task.slate_size or 1))
        self._sets = category_sets(catalogue)
        self._shares = category_shares(catalogue)
        self._matched = _numbers_for_each(boxes, len(catalogue.category_names))
        self._static = np.ones((dim + 3, catalogue.num_items))
        self._static[1:] = item_features(catalogue, dim + 2).T
        self.names = (
            "one", "rating", "popularity", *(f"direction {n}" for n in range(dim)), "taste", "alike", "most alike",
            "repeat", *(f"own {key}" for key in self._matched),
        )  # fmt: skip

    def memory(self) -> list[NDArray[Any]]:
        """What is remembered of the lanes; to be kept and written back."""
        return [self._recent.memory, *self._told.memory]

    def read(self, observations: Batch, sessions: Sessions) -> View:
        """The features of a step; once before each."""
        taste = self._taste.predict(*self._told.read(observations, sessions)) - self._ratings
        moving = np.empty((len(taste), 4 + len(self._matched), taste.shape[1]), np.float32)
        moving[:, 0] = taste / self._told.most
        kernels.alike(*self._sets, self._recent.items(sessions), moving[:, 1:4])
        for place, key in enumerate(self._matched):
            for row, values in enumerate(np.asarray(observations[key], np.float64)):
                moving[row, 4 + place] = np.einsum("nc,c->n", self._shares, values)
        return View(self._static, moving)

    def add(self, sessions: Sessions, slates: NDArray[np.int64]) -> None:
        """Note what is shown, (b, k)."""
        self._recent.add(sessions, slates)

    def targets(
        self, slates: NDArray[np.int64], rewards: NDArray[np.float64], after: Batch
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """What each item shown has earned, of the most that one can, (b, k); and whether it is known."""
        if self._slate is None:
            return rewards[:, None] / self._told.most, np.ones(slates.shape, np.bool_)
        items, earned = self._told.latest(after)
        size = slates.shape[1]
        return earned[:, -size:] / self._told.most, items[:, -size:] == slates


class CandidateContexts:
    """Candidates that are drawn anew for each step.

    A constant; each feature of a candidate, and the square of those that are numbers; and what observations with a
    number for each value of a feature (an interest for each topic) say of the candidate's own.
    """

    def __init__(self, agent: Agent, task: TaskSpec, num_lanes: int, dim: int) -> None:
        self._boxes, count = _boxes(task), task.catalogue.num_items
        self._keys = feature_keys(self._boxes, count)
        self._static = np.ones((1, count))
        self._most = float(task.reward_range[1]) if np.isfinite(task.reward_range[1]) else 1.0
        self._clicks = slot_clicks(self._boxes, task.slate_size)
        self._matched = {key: _numbers_for_each(self._boxes, self._width(key)) for key in self._keys}
        self.names: tuple[str, ...] = ("one",)
        for key in self._keys:
            columns = [key] if self._width(key) == 1 else [f"{key} {n}" for n in range(self._width(key))]
            squares = [f"{column} squared" for column in columns if not self._coded(key)]
            self.names += (*columns, *squares, *(f"own {part}" for part in self._matched[key]))

    def _coded(self, key: str) -> bool:
        return np.issubdtype(self._boxes[key].dtype, np.integer)

    def _width(self, key: str) -> int:
        box = self._boxes[key]
        return features(box, np.zeros((1, *box.shape), box.dtype)).shape[2]

    def memory(self) -> list[NDArray[Any]]:
        """Nothing is remembered."""
        return []

    def read(self, observations: Batch, sessions: Sessions) -> View:
        """The features of a step."""
        parts: list[NDArray[Any]] = []
        for key in self._keys:
            told = features(self._boxes[key], np.asarray(observations[key]))
            if not self._coded(key):
                told = told / np.float32(np.abs(self._boxes[key].high).max() or 1.0)
            parts += [told] if self._coded(key) else [told, told**2]
            for part in self._matched[key]:
                values = np.asarray(observations[part], np.float32)[:, None, :]
                parts.append((told * values).sum(axis=2, keepdims=True))
        whole = np.concatenate(parts, axis=2, dtype=np.float32)
        return View(self._static, np.ascontiguousarray(whole.transpose(0, 2, 1)))

    def add(self, sessions: Sessions, slates: NDArray[np.int64]) -> None:
        """Nothing is remembered: what was shown does not come again."""

    def targets(
        self, slates: NDArray[np.int64], rewards: NDArray[np.float64], after: Batch
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The step's reward, of the most that it can be, shared among the slots that were clicked, or else all."""
        share = np.full(slates.shape, 1.0 / slates.shape[1])
        if self._clicks is not None:
            clicks = np.asarray(after[self._clicks], np.float64)
            share = clicks / np.maximum(clicks.sum(axis=1, keepdims=True), 1.0)
        return rewards[:, None] * share / self._most, np.ones(slates.shape, np.bool_)


Contexts = CatalogueContexts | CandidateContexts


def make_contexts(agent: Agent, task: TaskSpec, num_lanes: int, dim: int) -> Contexts:
    """The features of a task. Raises `AgentError` where nothing is told of what a catalogue's items earned."""
    return (CandidateContexts if task.candidates else CatalogueContexts)(agent, task, num_lanes, dim)


def _boxes(task: TaskSpec) -> dict[str, spaces.Box]:
    return {key: box for key, box in task.observation_space.spaces.items() if isinstance(box, spaces.Box)}


def _numbers_for_each(boxes: dict[str, spaces.Box], count: int) -> list[str]:
    """Observations with one real number for each of `count` categories, or values of a feature; no feedback."""
    return [
        key
        for key, box in boxes.items()
        if count > 1 and box.shape == (count,) and np.issubdtype(box.dtype, np.floating)
        and not key.endswith(FEEDBACK) and not key.startswith("candidate")
    ]  # fmt: skip
