"""`FeedbackSimulator`: any family, of which the agent sees less, later or less surely what it earned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError
from recsim_envs.families import make_family
from recsim_envs.families.base import ALL, Reference, Shown, Simulator, Step
from recsim_envs.families.feedback import kernel
from recsim_envs.families.feedback.roles import Roles, roles_of
from recsim_envs.families.options import choice, integer, number
from recsim_envs.spec import TaskSpec

MAX_DELAY: Final = 1000
MAX_NOISE: Final = 1e6  # float32 holds reports of all rewards beside it
VIEWS: Final = ("full", "history", "clicks")


class FeedbackSimulator(Simulator):
    """A simulator around another family's: what is reported to the agent changes, what users do does not.

    Arguments beside `num_lanes` and `env_id` are options, see the page of this family; all others are those of the
    family `of`. Raises `ConfigurationError` for an option without meaning.
    """

    def __init__(
        self,
        num_lanes: int,
        *,
        of: str,
        delay: int = 0,
        noise: float = 0.0,
        observe: str = "full",
        click_at: float = 1.0,
        profile: Any = None,
        feedback: Any = None,
        env_id: str = "",
        **options: Any,
    ) -> None:
        if of == "feedback":
            raise ConfigurationError("of='feedback' would wrap itself; name the family whose feedback changes")
        self.inner = make_family(of, num_lanes, env_id=env_id, **options)
        self.num_lanes = self.inner.num_lanes
        self.leaving_earns, self.shared = self.inner.leaving_earns, self.inner.shared
        self.delay = integer("delay", delay, 0, MAX_DELAY)
        self.noise = number("noise", noise, 0.0, MAX_NOISE)
        self.view = choice("observe", observe, VIEWS)
        self.click_at = number("click_at", click_at)
        found = roles_of(of, self.inner.task.observation_space, profile, feedback)
        self.roles = self._checked(found, of)
        self._allocate()
        self.task = self._task_spec()

    def _checked(self, roles: Roles | None, family: str) -> Roles:
        keys = list(self.inner.task.observation_space)
        if roles is None and (self.delay or self.noise or self.view != "full"):
            raise ConfigurationError(
                f"it is not known what observations of family {family!r} tell; pass feedback=[...], those of {keys} "
                "that tell how the last step went, and profile=[...], those about the user"
            )
        if self.view == "clicks" and (roles is None or roles.log is None):
            raise ConfigurationError(f"family {family!r} shows no log of items and rewards; use observe='history'")
        return roles or Roles()

    def _allocate(self) -> None:
        lanes, log = self.num_lanes, self.roles.log
        width = self.inner.task.observation_space[log[1]].shape[0] if log else 1  # type: ignore[index]
        self._seeds, self._steps = np.zeros(lanes, np.uint64), np.zeros(lanes, np.int64)
        self._pending, self._reported = np.zeros((lanes, self.delay)), np.zeros((lanes, width), np.float32)
        # What the feedback keys have said, the oldest first: none of it is needed where all of it is told at once.
        self._late = {key: self._repeated(key) for key in self.roles.feedback if self.delay and not self.noise}

    def _repeated(self, key: str) -> NDArray[Any]:
        return np.repeat(self.inner.observe()[key][None], self.delay + 1, axis=0)

    def _task_spec(self) -> TaskSpec:
        task, room = self.inner.task, self.noise * kernel.LARGEST_NORMAL
        low, high = (bound + sign * room for bound, sign in zip(task.reward_range, (-1, 1), strict=True))
        late = self.delay + 1  # so many rewards may be paid at once
        boxes = dict(task.observation_space.spaces)
        if self.roles.log:
            key = self.roles.log[1]
            boxes[key] = self._log_box(boxes[key], room)
        return replace(
            task,
            observation_space=spaces.Dict(boxes),
            reward_range=(min(low, low * late), max(high, high * late)),
        )

    def _log_box(self, box: Any, room: float) -> spaces.Box:
        if self.view == "clicks":
            return spaces.Box(0.0, 1.0, box.shape, np.float32)
        return spaces.Box(box.low - np.float32(room), box.high + np.float32(room), box.shape, np.float32)

    def begin(self, lanes: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """Start a session with episode seed `seeds[i]` in lane `lanes[i]`: nothing is reported yet."""
        self.inner.begin(lanes, seeds)
        self._seeds[lanes], self._steps[lanes] = seeds, 0
        self._pending[lanes], self._reported[lanes] = 0.0, 0.0
        if self._late:
            now = self.inner.observe()
            for key, past in self._late.items():
                past[:, lanes] = now[key][lanes]

    def step(self, actions: NDArray[Any]) -> Step:
        """Advance by the family's step; its rewards are reported later, or with noise."""
        before = self.inner.over
        rewards, terminated, truncated = self.inner.step(actions)
        kernel.report(
            rewards, before, terminated | truncated, self._seeds, self._steps, self.noise, self._pending, self._reported
        )
        if self._late:
            now = self.inner.observe()
            for key, past in self._late.items():
                past[:-1], past[-1] = past[1:].copy(), now[key]
        return Step(rewards, terminated, truncated)

    def observe(self) -> dict[str, NDArray[Any]]:
        """The family's observations, without what is not told, or not told yet."""
        seen, boxes = self.inner.observe(), self.inner.task.observation_space
        if self.view != "full":
            seen |= {key: _blank(boxes[key], seen[key]) for key in self.roles.profile}
        if self.noise:
            seen |= {key: _blank(boxes[key], seen[key]) for key in self.roles.feedback}
        over = self.over
        for key, past in self._late.items():
            shape = (-1, *[1] * (past.ndim - 2))
            seen[key] = np.where(over.reshape(shape), past[-1], past[0])
        if self.roles.log:
            self._tell_log(seen, self.roles.log, over)
        return seen

    def _tell_log(self, seen: dict[str, NDArray[Any]], log: tuple[str, str], over: NDArray[np.bool_]) -> None:
        items, earned = log
        reported = self._reported.copy()
        told = np.ones(reported.shape, np.bool_)
        if self.delay:
            told[:, -self.delay :] = over[:, None]
        told &= seen[items] >= 0
        if self.view == "clicks":
            told &= reported >= self.click_at
            seen[items] = np.where(told, seen[items], np.int32(-1))
            reported[:] = 1.0
        seen[earned] = np.where(told, reported, np.float32(0.0))

    def infos(self) -> dict[str, NDArray[Any]]:
        """Those of the family."""
        return self.inner.infos()

    @property
    def over(self) -> NDArray[np.bool_]:
        """Which lanes hold no running session (B,)."""
        return self.inner.over

    def causes(self, lanes: NDArray[np.int64] | slice = ALL) -> NDArray[np.object_]:
        """Those of the family: users leave for what they felt, not for what was reported."""
        return self.inner.causes(lanes)

    def hidden(self) -> dict[str, Any]:
        """The family's hidden state, and the rewards that are still to be paid (B,)."""
        return self.inner.hidden() | {"pending": self._pending.sum(axis=1)}

    def user_ids(self) -> NDArray[np.int64]:
        """The user in each lane (B,)."""
        return self.inner.user_ids()

    def constants(self) -> dict[str, int | float | str | bool]:
        """The family's constants, and what changes on the way to the agent."""
        changes: dict[str, int | float | str | bool] = {"delay": self.delay, "noise": self.noise, "observe": self.view}
        if self.view == "clicks":
            changes["click_at"] = self.click_at
        return {**self.inner.constants(), **changes}

    def provenance(self) -> tuple[str, str]:
        """Those of the family."""
        return self.inner.provenance()

    def references(self) -> dict[str, Callable[[], Reference]]:
        """Those of the family: they know the true rewards, so that late or noisy reports do not concern them."""
        return self.inner.references()

    def bound(self) -> NDArray[np.float64] | None:
        """That of the family: all is paid in the end, and noise has a mean of 0."""
        return self.inner.bound()

    def cycle_pool(self) -> NDArray[np.int64]:
        """That of the family."""
        return self.inner.cycle_pool()

    def fatigue(self) -> NDArray[np.float64]:
        """That of the family."""
        return self.inner.fatigue()

    def shown(self, lane: int, action: NDArray[Any]) -> list[Shown]:
        """That of the family."""
        return self.inner.shown(lane, action)

    def group_names(self) -> tuple[str, ...]:
        """Those of the family."""
        return self.inner.group_names()

    def render_ansi(self, lane: int) -> str:
        """The family's text, with what users truly gave, and what was reported last."""
        latest = ", ".join(f"{value:.2f}" for value in self._reported[lane].tolist())
        return f"{self.inner.render_ansi(lane)}\nReported (paid {self.delay} steps later): {latest}"


def _blank(box: Any, values: NDArray[Any]) -> NDArray[Any]:
    """An observation that tells nothing: the lowest integer (-1 for no item), or 0, or what is nearest to it."""
    nothing = box.low if box.dtype.kind in "iu" else np.clip(0.0, box.low, box.high)
    return np.broadcast_to(nothing, values.shape).astype(values.dtype)
