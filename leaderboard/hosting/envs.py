"""What a Python agent in a process of its own trains with: `TrainingEnvs` and `TrainingLog` at the end of a pipe.

The environments run in the harness, where they are metered; here are their spaces, and calls. Every array is the one
that the harness's environment returned, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from leaderboard.hosting.tasks import task_of
from leaderboard.hosting.wire import Message
from recsim_envs import errors
from recsim_envs.spec import Batch, Budget

if TYPE_CHECKING:
    from recsim_envs.offline import Transitions

Ask = Callable[[Message], Message]
"""Sends a message to the harness and returns its answer."""


def call(ask: Ask, method: str, **arguments: Any) -> Message:
    """Call the harness. Raises there what the call would have raised here: the error of that name."""
    reply = ask({"type": "call", "method": method, **arguments})
    if reply["type"] == "refused":
        raise getattr(errors, reply["error"], errors.AgentError)(reply["message"])
    return reply


class RemoteEnvs:
    """Implements `recsim_envs.spec.TrainingEnvs`."""

    def __init__(self, ask: Ask, told: Message) -> None:
        self.task, self.budget = task_of(told["task"]), Budget(**told["budget"])
        self.folder = None if told["folder"] is None else Path(told["folder"])
        self._ask, self._remaining = ask, Budget(**told["remaining"])

    def call(self, method: str, **arguments: Any) -> Message:
        """Call the harness, and keep what it says is left of the budget."""
        return call(self._noting, method, **arguments)

    def _noting(self, message: Message) -> Message:
        reply = self._ask(message)
        self._remaining = Budget(**reply["remaining"])
        return reply

    def make(self, num_envs: int) -> VectorEnv[Any, Any, Any]:
        """See `TrainingEnvs.make`."""
        return _RemoteVectorEnv(self, self.call("make", num_envs=num_envs))

    def remaining(self) -> Budget:
        """See `TrainingEnvs.remaining`."""
        return self._remaining

    def spent(self) -> bool:
        """See `TrainingEnvs.spent`."""
        return self._remaining.episodes == 0 or self._remaining.steps == 0

    def mark(self) -> int:
        """See `TrainingEnvs.mark`."""
        return int(self.call("mark")["mark"])

    def restore(self, mark: int) -> list[tuple[VectorEnv[Any, Any, Any], Batch, dict[str, Any]]]:
        """See `TrainingEnvs.restore`."""
        told = self.call("restore", mark=mark)["envs"]
        return [(_RemoteVectorEnv(self, env), env["observations"], env["infos"]) for env in told]


class _RemoteVectorEnv(VectorEnv[Any, Any, Any]):
    def __init__(self, envs: RemoteEnvs, told: Message) -> None:
        self.num_envs, self.spec, self.task = told["num_envs"], EnvSpec(envs.task.env_id), envs.task
        self.metadata, self.render_mode = {"autoreset_mode": AutoresetMode.SAME_STEP}, None
        self.single_observation_space, self.single_action_space = self.task.observation_space, self.task.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._envs, self._number = envs, told["env"]

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        told = self._call("reset", options={key: np.asarray(value) for key, value in (options or {}).items()})
        return told["observations"], told["infos"]

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        told = self._call("step", actions=np.asarray(actions))
        return tuple(told[key] for key in ("observations", "rewards", "terminated", "truncated", "infos"))  # type: ignore[return-value]

    def close(self, **kwargs: Any) -> None:
        if not self.closed:
            self._call("close")
            super().close()

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are allowed now: bool (B, n), or (B, k * n) for slates."""
        masks: NDArray[np.bool_] = self._call("action_masks")["masks"]
        return masks

    def _call(self, method: str, **arguments: Any) -> Message:
        return self._envs.call(method, env=self._number, **arguments)


class RemoteLog:
    """Implements `recsim_envs.spec.TrainingLog`."""

    def __init__(self, ask: Ask, told: Message) -> None:
        self.task, log = task_of(told["task"]), told["log"]
        self.name, self.num_sessions, self.num_steps = log["name"], log["num_sessions"], log["num_steps"]
        self.folder = None if told["folder"] is None else Path(told["folder"])
        self._ask = ask

    def transitions(self, sessions: int = 1024) -> Iterator[Transitions]:
        """See `TrainingLog.transitions`."""
        from recsim_envs.offline import Transitions  # compiles; agents that read no log do without

        reading = call(self._ask, "transitions", sessions=sessions)["reading"]
        while (batch := call(self._ask, "next", reading=reading)["batch"]) is not None:
            yield Transitions(**batch)

    def progress(self, done: int, total: int) -> None:
        """See `TrainingLog.progress`."""
        call(self._ask, "progress", done=done, total=total)
