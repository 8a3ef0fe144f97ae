"""An agent elsewhere, as the harness sees it: an `Agent` whose every method is a message and its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from leaderboard.ends import OUT_OF_MEMORY
from leaderboard.files import first_fault
from leaderboard.hosting.channel import START_SECONDS, Channel
from leaderboard.hosting.door import EnvsDoor, LogDoor
from leaderboard.hosting.failures import AgentLostError, ProtocolError
from leaderboard.hosting.tasks import task_message
from leaderboard.hosting.wire import VERSION, Message
from leaderboard.schema import Isolation, Json, Line, Name
from recsim_envs.errors import AgentError
from recsim_envs.spec import Agent, Batch, Feedback, Sessions, TaskSpec, TrainingEnvs, TrainingLog

Connect = Callable[[], Channel]
Method = Literal[
    "train", "learn", "reset", "act", "observe", "describe", "save", "load", "explain", "lessons", "use_cassette"
]


class Hello(BaseModel):
    """What an agent says of itself when it is greeted. `methods`: what it wants to be asked for beside `act`;
    `configuration`: all its parameters, those that it was not given among them.
    """

    type: Literal["hello"]
    protocol: Literal[1]
    name: Name
    methods: tuple[Method, ...] = ("act",)
    encoding: Literal["json", "buffers"] = "json"
    privileged: bool = False
    summary: Line = ""
    configuration: Json = Field(default_factory=dict)


class _Failure(BaseModel):
    """The answer of an agent that could not do what it was asked. `fatal`: trying again would not help."""

    type: Literal["error"]
    message: Annotated[str, Field(max_length=100_000)]
    fatal: bool = False
    memory: bool = False


class RemoteAgent(Agent):
    """Base of the classes that `remote_agent` makes: each overrides what its agent lists, as any `Agent` would."""

    hello: ClassVar[Hello]

    def __init__(self, channel: Channel, isolation: Isolation) -> None:
        self._channel, self._seconds = channel, isolation.step_seconds

    def close(self) -> None:
        """End the conversation, and with it the agent's process."""
        self._channel.close()

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[Any]:
        """As in `Agent`. Raises `AgentLostError` where it fails."""
        message = _told(sessions) | self._seen(observations, infos)
        actions = self._ask("act", message, "actions", self._seconds)["actions"]
        return actions if isinstance(actions, np.ndarray) else _whole(actions)

    def _seen(self, observations: Batch, infos: Batch) -> Message:
        return {"observations": observations, "infos": infos if self._channel.buffers else readable(infos)}

    def _ask(self, method: str, message: Mapping[str, Any], answer: str, seconds: float | None) -> Message:
        """The answer to a message. Raises `AgentLostError` where there is none, or another than there should be."""
        return self._checked(method, self._send(method, {"type": method, **message}, seconds), answer)

    def _send(self, method: str, message: Message, seconds: float | None) -> Message:
        try:
            return self._channel.exchange(message, seconds)
        except AgentLostError as error:
            raise AgentLostError(f"{self.hello.name}.{method} failed: {error}", error.cause) from error

    def _checked(self, method: str, reply: Message, wanted: str) -> Message:
        if reply.get("type") == wanted and (wanted == "done" or wanted in reply or wanted == "hello"):
            return reply
        where = f"{self.hello.name}.{method} failed"
        if reply.get("type") != "error":
            raise ProtocolError(f"{where}: it answered with type {str(reply.get('type'))[:40]!r}, not {wanted!r}")
        try:
            failure = _Failure.model_validate(reply)
        except ValidationError as fault:
            raise ProtocolError(f"{where}: its error is none: {first_fault(fault)}") from None
        if failure.fatal:
            raise AgentError(failure.message)
        cause = {"cause": OUT_OF_MEMORY} if failure.memory else {}
        raise AgentLostError(f"{where}: {failure.message}", **cause)


def _train(self: RemoteAgent, envs: TrainingEnvs, seed: int) -> None:
    told = {"task": task_message(envs.task), "budget": vars(envs.budget), "remaining": vars(envs.remaining())}
    _converse(self, "train", told | {"folder": _text(envs.folder), "seed": seed}, EnvsDoor(envs, self._seen))


def _learn(self: RemoteAgent, log: TrainingLog, seed: int) -> None:
    sizes = {"name": log.name, "num_sessions": log.num_sessions, "num_steps": log.num_steps}
    told = {"task": task_message(log.task), "log": sizes, "folder": _text(log.folder), "seed": seed}
    _converse(self, "learn", told, LogDoor(log))


def _converse(self: RemoteAgent, method: str, message: Message, door: EnvsDoor | LogDoor) -> None:
    """Serve the calls of an agent that trains, until it is done. How long it may take is not limited."""
    reply = self._send(method, {"type": method, **message}, None)
    while reply.get("type") == "call":
        reply = self._send(method, door.serve(reply), None)
    self._checked(method, reply, "done")


def _reset(self: RemoteAgent, task: TaskSpec, num_lanes: int, seed: int) -> None:
    told = {"task": task_message(task), "num_lanes": num_lanes, "seed": seed}
    self._ask("reset", told, "done", START_SECONDS)


def _observe(self: RemoteAgent, sessions: Sessions, feedback: Feedback) -> None:
    happened = {name: getattr(feedback, name) for name in ("actions", "rewards", "terminated", "truncated")}
    seen = self._seen(feedback.observations, feedback.infos)
    self._ask("observe", _told(sessions) | happened | seen, "done", self._seconds)


def _describe(self: RemoteAgent) -> Mapping[str, Any]:
    return self._ask("describe", {}, "facts", START_SECONDS)["facts"]


def _save(self: RemoteAgent, path: Path) -> None:
    self._ask("save", {"folder": str(path.resolve())}, "done", START_SECONDS)


def _load(self: RemoteAgent, path: Path) -> None:
    self._ask("load", {"folder": str(path.resolve())}, "done", START_SECONDS)


def _explain(self: RemoteAgent, sessions: Sessions) -> Sequence[Mapping[str, Any]]:
    return self._ask("explain", _told(sessions), "told", self._seconds)["told"]


def _lessons(self: RemoteAgent) -> Sequence[Mapping[str, Any]]:
    return self._ask("lessons", {}, "told", START_SECONDS)["told"]


def _use_cassette(self: RemoteAgent, path: Path, *, replay: bool) -> None:
    self._ask("use_cassette", {"path": str(path.resolve()), "replay": replay}, "done", START_SECONDS)


_OPTIONAL: Final[dict[str, Any]] = {
    "train": _train, "learn": _learn, "reset": _reset, "observe": _observe, "describe": _describe, "save": _save,
    "load": _load, "explain": _explain, "lessons": _lessons, "use_cassette": _use_cassette,
}  # fmt: skip


def remote_agent(connect: Connect, parameters: Mapping[str, Any], isolation: Isolation) -> RemoteAgent:
    """Connect to an agent and greet it.

    Its class overrides exactly the methods that it lists, so that what is asked of a class is asked of it, too. Raises
    `AgentError` for one that cannot be reached, does not accept its parameters or speaks another protocol.
    """
    channel = connect()
    try:
        hello = _greeted(channel, parameters)
    except BaseException:
        channel.close()
        raise
    channel.buffers = hello.encoding == "buffers"
    return _class_of(hello)(channel, isolation)


def _greeted(channel: Channel, parameters: Mapping[str, Any]) -> Hello:
    greeting = {"type": "hello", "protocol": VERSION, "encodings": ["json", "buffers"], "parameters": dict(parameters)}
    try:
        reply = channel.exchange(greeting, START_SECONDS)
    except AgentLostError as error:
        raise AgentLostError(f"the agent did not answer hello: {error}", error.cause) from error
    if reply.get("type") == "error":
        raise AgentError(str(reply.get("message"))[:2000])
    try:
        return Hello.model_validate(reply)
    except ValidationError as fault:
        raise ProtocolError(
            f"the agent's answer to hello is none: {first_fault(fault)}; see docs/protocol.md"
        ) from None


def _class_of(hello: Hello) -> type[RemoteAgent]:
    flags = {
        "privileged": hello.privileged,
        "trains": not {"train", "learn"}.isdisjoint(hello.methods),
        "learns_from_log": "learn" in hello.methods and "train" not in hello.methods,
    }
    overrides: dict[str, Any] = {name: _OPTIONAL[name] for name in hello.methods if name in _OPTIONAL}
    return type(hello.name, (RemoteAgent,), {"hello": hello, **flags, **overrides})


def _told(sessions: Sessions) -> Message:
    return {"lanes": sessions.lanes, "keys": sessions.keys, "steps": sessions.steps}


def _text(folder: Path | None) -> str | None:
    return None if folder is None else str(folder.resolve())


def _whole(actions: Any) -> NDArray[Any]:
    """Actions that came as lists. Raises `ProtocolError` for what is no array of whole numbers."""
    try:
        array = np.asarray(actions)
    except ValueError:
        raise ProtocolError(
            "actions are rows of different lengths; give one action a row, all slates of one size"
        ) from None
    return array.astype(np.int64) if array.size == 0 else array


def readable(infos: Mapping[str, Any]) -> Message:
    """Infos for readers of JSON: a mask over the catalogue becomes the items that are forbidden, a few a row."""
    out: Message = {}
    for key, value in infos.items():
        if key == "action_mask":
            out["forbidden"] = [np.flatnonzero(row == 0) for row in np.atleast_2d(value)]
        else:
            out[key] = readable(value) if isinstance(value, Mapping) else value
    return out
