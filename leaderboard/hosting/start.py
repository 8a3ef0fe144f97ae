"""From an agent's name to the agent: built in this process, or connected to in one of its own or behind an address."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from pydantic import ValidationError

from leaderboard.agents import COMMAND, build_agent, entry_point_of, kind_of, registered_agents
from leaderboard.files import first_fault
from leaderboard.hosting.process import Process
from leaderboard.hosting.remote import Connect, RemoteAgent, remote_agent
from leaderboard.hosting.server import Server
from leaderboard.schema import Isolation
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.spec import Agent


def isolation_for(
    name: str, wanted: bool | None = None, *, step_seconds: float | None = None, memory_mb: int | None = None
) -> Isolation | None:
    """How an agent is run: None is inside the harness, which by default only registered ones are.

    `wanted` chooses; None is the default. Limits that are not given are those of `Isolation`. Raises
    `ConfigurationError` for limits or a choice that an agent cannot have.
    """
    kind = kind_of(name)
    inside = name in registered_agents() if wanted is None else not wanted
    given: dict[str, Any] = {"step_seconds": step_seconds, "memory_mb": memory_mb}
    limits = {name: value for name, value in given.items() if value is not None}
    if kind != "class" and wanted is False:
        raise ConfigurationError(f"{name} runs outside the harness, whatever is wanted; leave --no-isolate out")
    if kind == "class" and inside:
        if limits:
            raise ConfigurationError("step seconds and memory limit agents in a process of their own; add --isolate")
        return None
    if kind == "server":
        if memory_mb is not None:
            raise ConfigurationError(f"the memory of {name} is not ours to limit; leave --memory-mb out")
        limits["memory_mb"] = None
    return _checked(limits)


def _checked(limits: Mapping[str, Any]) -> Isolation:
    try:
        return Isolation(**limits)
    except ValidationError as fault:
        raise ConfigurationError(f"limits of the agent: {first_fault(fault)}") from None


def start_agent(name: str, parameters: Mapping[str, Any], isolation: Isolation | None) -> Agent:
    """A fresh agent. One that is elsewhere must be closed, see `started`.

    Raises `AgentError` for one that cannot be started, does not accept its parameters, or needs what is not told
    elsewhere.
    """
    kind = kind_of(name)
    if kind == "class" and isolation is None:
        return build_agent(name, parameters)
    agent = remote_agent(_connect(name, isolation or Isolation()), parameters, isolation or Isolation())
    if agent.privileged:
        agent.close()
        remedy = "add --no-isolate" if kind == "class" else "write it in Python"
        raise AgentError(f"agent {name!r} reads hidden state, which never leaves the harness; {remedy}")
    return agent


def _connect(name: str, isolation: Isolation) -> Connect:
    """What starts an agent elsewhere, or meets it there."""
    kind = kind_of(name)
    if kind == "server":
        return partial(Server, name)
    if kind == "command":
        return partial(Process, _words(name), isolation)
    command = (sys.executable, "-m", "leaderboard.hosting", entry_point_of(name))
    return partial(Process, command, isolation, _environment())


@contextmanager
def started(name: str, parameters: Mapping[str, Any], isolation: Isolation | None) -> Iterator[Agent]:
    """A fresh agent, for the length of a block. Raises as `start_agent` does."""
    agent = start_agent(name, parameters, isolation)
    try:
        yield agent
    finally:
        end(agent)


def end(agent: Agent) -> None:
    """End the process or the conversation of an agent that is elsewhere."""
    if isinstance(agent, RemoteAgent):
        agent.close()


def _words(name: str) -> list[str]:
    try:
        words = shlex.split(name.removeprefix(COMMAND))
    except ValueError as error:
        raise AgentError(f"{name!r} is no command: {error}") from None
    if not words:
        raise AgentError(f"{name!r} names no command; write it after the colon, as in 'command:node agent.js'")
    return words


def _environment() -> dict[str, str]:
    """Ours; what can be imported here can be there."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
