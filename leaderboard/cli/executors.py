"""Where cells run: options that commands share."""

from __future__ import annotations

from typing import Annotated

import typer

ExecutorName = Annotated[
    str, typer.Option("--executor", help="local: processes here. ray: a cluster, or one that is started here.")
]
Address = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="With --executor ray: a cluster that this machine is part of, or auto."),
]
Workers = Annotated[int, typer.Option(min=0, help="Processes; 0 is one a core. No result depends on it.")]
Lanes = Annotated[int, typer.Option(min=1, help="Concurrent sessions of one cell. No result depends on it.")]
