"""Where an agent runs, and within which limits: options that commands share."""

from __future__ import annotations

from typing import Annotated

import typer

AGENT = "A registered agent (see `longrec agents list`), module:Class, 'command:node my_agent.js' or http://HOST:PORT."

Isolate = Annotated[
    bool | None,
    typer.Option(
        help="Run a Python agent in a process of its own, within limits; a crash costs a session. Default: all but "
        "registered ones.",
    ),
]
StepSeconds = Annotated[
    float | None,
    typer.Option(min=0.001, help="Wall time that the agent may take for a step of all its sessions. Default: 60."),
]
MemoryMb = Annotated[int | None, typer.Option(min=64, help="Memory that the agent's process may use. Default: 8192.")]
