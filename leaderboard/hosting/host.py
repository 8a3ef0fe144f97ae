"""`Host`: a Python agent behind the protocol. It reads messages, calls the agent's methods, and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from leaderboard.agents import resolved
from leaderboard.hosting.envs import RemoteEnvs, RemoteLog
from leaderboard.hosting.tasks import task_of
from leaderboard.hosting.wire import VERSION, Message, body_size, encode, fill, read_line
from recsim_envs.errors import LongrecError
from recsim_envs.spec import Agent, Feedback, Sessions

Build = Callable[[Mapping[str, Any]], Agent]
"""Makes the agent from its parameters."""

_ALWAYS: Final = ("act", "reset")
_OVERRIDABLE: Final = ("observe", "describe", "save", "load", "explain", "lessons", "use_cassette")
_MAX_BODY: Final = 2**32  # bytes that the harness, which is trusted, may send behind a line


class Host:
    """One conversation with the harness over a pair of pipes."""

    def __init__(self, read: IO[bytes], write: IO[bytes]) -> None:
        self._read, self._write = read, write
        self._agent = Agent()

    def serve(self, build: Build) -> None:
        """Answer messages until there are no more."""
        while (message := self.receive()) is not None:
            try:
                reply = self._greet(message, build) if message["type"] == "hello" else self._do(message)
            except (Exception, SystemExit) as error:
                reply = _failure(error)
            self.send(reply)

    def receive(self) -> Message | None:
        """The next message, None at the end of them."""
        if not (line := self._read.readline()):
            return None
        message = read_line(line)
        body = bytearray(body_size(message, _MAX_BODY))
        view = memoryview(body)
        while view:
            if not (count := self._read.readinto(view)):  # type: ignore[attr-defined]
                return None
            view = view[count:]
        return fill(message, body)

    def send(self, message: Message) -> None:
        """Send a message, its arrays as raw bytes."""
        self._write.write(encode(message, buffers=True))
        self._write.flush()

    def ask(self, message: Message) -> Message:
        """Call the harness while an agent trains. Ends this process where it has gone."""
        self.send(message)
        if (reply := self.receive()) is None:
            raise SystemExit("the harness has gone")
        return reply

    def _greet(self, message: Message, build: Build) -> Message:
        self._agent = build(message["parameters"])
        cls = type(self._agent)
        methods = [*_ALWAYS, *(name for name in _OVERRIDABLE if getattr(cls, name) is not getattr(Agent, name))]
        if cls.trains:
            methods.append("learn" if cls.learns_from_log else "train")
        facts = {"name": cls.__name__.lstrip("_") or "Agent", "privileged": cls.privileged, "encoding": "buffers"}
        configuration = resolved(self._agent, message["parameters"])
        return {"type": "hello", "protocol": VERSION, "methods": methods, "configuration": configuration, **facts}

    def _do(self, message: Message) -> Message:
        """Do what a message asks for; the answer."""
        agent, kind = self._agent, message["type"]
        if kind == "act":
            actions = agent.act(message["observations"], message["infos"], _sessions(message))
            return {"type": "actions", "actions": np.asarray(actions)}
        if kind in ("describe", "explain", "lessons"):
            answer = "facts" if kind == "describe" else "told"
            told = agent.explain(_sessions(message)) if kind == "explain" else getattr(agent, kind)()
            return {"type": answer, answer: {} if told is None else told}
        if kind == "observe":
            names = ("actions", "rewards", "terminated", "truncated", "observations", "infos")
            agent.observe(_sessions(message), Feedback(**{name: message[name] for name in names}))
        elif kind == "reset":
            agent.reset(task_of(message["task"]), message["num_lanes"], message["seed"])
        elif kind == "train":
            agent.train(RemoteEnvs(self.ask, message), message["seed"])
        elif kind == "learn":
            agent.learn(RemoteLog(self.ask, message), message["seed"])
        elif kind == "use_cassette":
            agent.use_cassette(Path(message["path"]), replay=message["replay"])
        else:
            getattr(agent, kind)(Path(message["folder"]))  # save, load
        return {"type": "done"}


def _sessions(message: Message) -> Sessions:
    return Sessions(lanes=message["lanes"], keys=message["keys"], steps=message["steps"])


def _failure(error: BaseException) -> Message:
    """What is said of an error. Ours are said on purpose: trying again would not help."""
    ours = isinstance(error, LongrecError)
    told = str(error) if ours else repr(error)
    return {"type": "error", "message": told, "fatal": ours, "memory": isinstance(error, MemoryError)}
