"""The harness's side of training elsewhere: calls of an agent, served from the metered environments or the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from leaderboard.hosting.failures import ProtocolError
from leaderboard.hosting.wire import Message
from recsim_envs.errors import LongrecError
from recsim_envs.offline import Transitions
from recsim_envs.spec import Batch, TrainingEnvs, TrainingLog

Seen = Callable[[Batch, Batch], Message]
"""Observations and infos as a message."""


def _served(calls: Mapping[str, Callable[[Message], Message]], call: Message) -> Message:
    """The answer to a call: a result, or what the harness says against it, by the name of its error."""
    method = call.get("method")
    if not isinstance(method, str) or method not in calls:
        raise ProtocolError(f"there is no call {str(method)[:40]!r}; there are {', '.join(calls)}")
    try:
        return {"type": "result", **calls[method](call)}
    except LongrecError as error:
        return {"type": "refused", "error": type(error).__name__, "message": str(error)}
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise ProtocolError(f"the call {method} is not as it should be: {error!r}") from error


class EnvsDoor:
    """Serves `TrainingEnvs`. Environments are named by number, in the order they were made."""

    def __init__(self, envs: TrainingEnvs, seen: Seen) -> None:
        self._envs, self._seen = envs, seen
        self._made: list[Any] = []
        self._calls = {
            "make": self._make, "reset": self._reset, "step": self._step, "close": self._close,
            "action_masks": self._action_masks, "mark": self._mark, "restore": self._restore,
        }  # fmt: skip

    def serve(self, call: Message) -> Message:
        """Answer a call. What is left of the budget comes with every answer. Raises `ProtocolError` for no call."""
        return _served(self._calls, call) | {"remaining": vars(self._envs.remaining())}

    def _make(self, call: Message) -> Message:
        return self._add(self._envs.make(_whole(call["num_envs"])))

    def _add(self, env: Any) -> Message:
        self._made.append(env)
        return {"env": len(self._made) - 1, "num_envs": env.num_envs}

    def _of(self, call: Message) -> Any:
        return self._made[_whole(call["env"])]

    def _reset(self, call: Message) -> Message:
        options = {key: np.asarray(value) for key, value in (call.get("options") or {}).items()}
        return self._seen(*self._of(call).reset(options=options or None))

    def _step(self, call: Message) -> Message:
        observations, rewards, terminated, truncated, infos = self._of(call).step(np.asarray(call["actions"]))
        ends = {"rewards": rewards, "terminated": terminated, "truncated": truncated}
        return self._seen(observations, infos) | ends

    def _close(self, call: Message) -> Message:
        self._of(call).close()
        return {}

    def _action_masks(self, call: Message) -> Message:
        return {"masks": self._of(call).action_masks()}

    def _mark(self, call: Message) -> Message:
        return {"mark": self._envs.mark()}

    def _restore(self, call: Message) -> Message:
        restored = self._envs.restore(_whole(call["mark"]))
        return {"envs": [self._add(env) | self._seen(*seen) for env, *seen in restored]}


class LogDoor:
    """Serves `TrainingLog`. Readings are named by number, in the order they were begun."""

    def __init__(self, log: TrainingLog) -> None:
        self._log = log
        self._readings: list[Iterator[Transitions]] = []
        self._calls = {"transitions": self._transitions, "next": self._next, "progress": self._progress}

    def serve(self, call: Message) -> Message:
        """Answer a call. Raises `ProtocolError` for what is none."""
        return _served(self._calls, call)

    def _transitions(self, call: Message) -> Message:
        self._readings.append(self._log.transitions(_whole(call["sessions"])))
        return {"reading": len(self._readings) - 1}

    def _next(self, call: Message) -> Message:
        batch = next(self._readings[_whole(call["reading"])], None)
        return {"batch": None if batch is None else vars(batch)}

    def _progress(self, call: Message) -> Message:
        self._log.progress(_whole(call["done"]), _whole(call["total"]))
        return {}


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no whole number of at least 0")
    return value
