"""`longrec sweep`: studies over agents, environments, tracks and seeds, on one machine or many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaderboard.cli.executors import Address, ExecutorName, Lanes, Workers
from leaderboard.cli.output import AsJson, Progress, print_json, print_table, say
from leaderboard.cli.runs import command
from leaderboard.cli.tracks import Device, on_device

if TYPE_CHECKING:
    from leaderboard.sweep.cells import CellRow
    from leaderboard.sweep.cost import Cost
    from leaderboard.sweep.schema import SweepFile


def sweep(
    file: Annotated[Path, typer.Argument(help="A sweep file, see docs/sweeps.md.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the sweep. Default: runs/<its name>.")] = None,
    executor: ExecutorName = "local",
    address: Address = None,
    workers: Workers = 0,
    device: Device = None,
    lanes: Lanes = 256,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Only cells of this agent, env, track, seed or suite; may repeat."),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run cells again that failed by their agent's fault.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the cells and what they may cost.")] = False,
    json: AsJson = False,
) -> None:
    """Run every combination of a sweep file, one row a cell. Exit code 1 if any cell has failed.

    Given again, it goes on where it stopped; cells whose agent, world or code has changed are run anew.

    Example:  longrec sweep docs/examples/sweep.json --dry-run
    """
    from leaderboard.evaluate.executor import make_executor
    from leaderboard.sweep.expand import expand, read_sweep
    from leaderboard.sweep.run import SweepOptions, run_sweep

    place = make_executor(executor, workers=workers, address=address)
    chosen = _with_device(read_sweep(file), device)
    expanded, folder = expand(chosen, str(file)), out or Path("runs") / chosen.name
    filters = _filters(only or [])
    if dry_run:
        _preview(expanded, folder, filters, workers, json)
        return
    for reason in expanded.left_out if not json else ():
        say(f"left out: {reason}")
    options = SweepOptions(filters, retry_failed, lanes, command())
    with Progress(quiet=json, by_agent=True) as watch:
        found = run_sweep(expanded, folder, place, options, watch)
    if json:
        print_json({"out": folder, **found.model_dump(mode="json")})
    else:
        print_cells(chosen.name, found.cells)
        told = ", ".join(f"{found.count(s)} {s}" for s in ("done", "failed", "open") if found.count(s))
        took = sum(row.seconds or 0.0 for row in found.cells)
        say(f"{told}; {folder / 'results.csv'}   submissions: {folder / 'runs'}")
        say(f"training and test took {took:.0f} s, one cell after the other (--dry-run estimates the rest)")
    if found.count("failed"):
        raise typer.Exit(1)


def _with_device(sweep: SweepFile, device: str | None) -> SweepFile:
    """The sweep with its agents on a device, those whose file or grid names one excepted."""
    agents = []
    for choice in sweep.agents:
        parameters = dict(choice.parameters)
        if "device" not in parameters and "device" not in choice.grid:
            parameters = on_device(choice.agent, parameters, device)
        agents.append(choice.model_copy(update={"parameters": parameters}))
    return sweep.model_copy(update={"agents": tuple(agents)})


def _filters(pairs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    from recsim_envs.errors import ConfigurationError

    filters: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ConfigurationError(f"--only takes KEY=VALUE, got {pair!r}, as in --only agent=ppo")
        filters[key] = (*filters.get(key, ()), value)
    return filters


def _preview(expanded: Any, folder: Path, filters: dict[str, tuple[str, ...]], workers: int, json: bool) -> None:
    """The cells of a dry run, and what those to do may cost."""
    from leaderboard.sweep.cells import rows_of
    from leaderboard.sweep.cost import cost
    from leaderboard.sweep.run import only, open_runs

    runs = open_runs(expanded, folder, make=False)
    passes = only(filters, runs)
    specs = [spec for run in runs for spec in run.folder.specs(run.job.agent, 1)]
    rows = rows_of(runs, folder)
    finished = [row for row in rows if row.status == "done"]
    to_do = [row.status == "open" and passes(spec) for row, spec in zip(rows, specs, strict=True)]
    costs = [cost(row, finished) if todo else None for row, todo in zip(rows, to_do, strict=True)]
    known = [c for c in costs if c is not None]
    measured, guessed = ([c.seconds for c in known if bool(c.unlike) == guess] for guess in (False, True))
    told = {
        "cells": len(rows),
        "done": len(finished),
        "failed": sum(row.status == "failed" for row in rows),
        "to_do": sum(to_do),
        "estimated": len(measured),
        "estimated_seconds": round(sum(measured), 1),
        "guessed": len(guessed),
        "guessed_seconds": round(sum(guessed), 1),
        "without_estimate": sum(to_do) - len(known),
    }
    if json:
        pairs = zip(rows, costs, strict=True)
        lines = [row.model_dump(mode="json") | {"cost": c and c._asdict()} for row, c in pairs]
        print_json({"out": folder, **told, "left_out": expanded.left_out, "rows": lines})
        return
    print_cells(expanded.sweep.name, rows, costs)
    for reason in expanded.left_out:
        say(f"left out: {reason}")
    _say_cost(told, workers)


def _say_cost(told: Mapping[str, float], workers: int) -> None:
    """What is to do and may take, apart by how well it is known."""
    from leaderboard.cores import usable_cores

    say(f"{told['cells']} cells: {told['done']} done, {told['failed']} failed, {told['to_do']} to do")
    cores = workers or usable_cores()
    if told["estimated"]:
        seconds = told["estimated_seconds"]
        say(
            f"{told['estimated']} of them are as finished ones but for the seed: about {seconds:.0f} s of one core, "
            f"{seconds / cores:.0f} s on {cores} cores here"
        )
    if told["guessed"]:
        say(
            f"{told['guessed']} are guessed at {told['guessed_seconds']:.0f} s of one core, from cells of their agents "
            "that have another of what the table names; they may take many times that. Run one seed of each to know "
            "(--only seed=N)"
        )
    if told["without_estimate"]:
        say(f"{told['without_estimate']} are of agents that have finished none: their time is not known")


def print_cells(title: str, rows: Sequence[CellRow], costs: Sequence[Cost | None] = ()) -> None:
    """One line a cell, with what it may cost where that is given and known."""
    columns = ("agent", "return", "Len", "seconds", "seed", "environment", "track", "status")
    print_table(title, columns, list(map(_line, rows, costs or [None] * len(rows))), figures=4)


def _line(row: CellRow, cost: Cost | None) -> tuple[str, ...]:
    import json

    parameters = " ".join(f"{k}={json.dumps(v)}" for k, v in row.parameters.items())
    options = " ".join(f"{k}={json.dumps(v)}" for k, v in row.options.items())
    seconds = "" if row.seconds is None else f"{row.seconds:.1f}"
    if cost is not None:
        seconds = f"~{cost.seconds:.1f}"
    limit = {} if row.limit is None else row.limit.model_dump(exclude_none=True)
    log = [] if row.log is None else [row.log.name]
    track = " ".join([row.track, *log, *(f"{n} {unit}" for unit, n in limit.items())])
    note = f": {row.error}" if row.error else ", a straggler" if row.straggler else ""
    if cost is not None and cost.unlike:
        note = f", guessed: other {', '.join(cost.unlike)}"
    return (
        f"{row.agent} {parameters}".strip(),
        "" if row.mean_return is None else f"{row.mean_return:.3f}",
        "" if row.mean_length is None else f"{row.mean_length:.2f}",
        seconds,
        str(row.training_seed),
        f"{row.env_id} {options}".strip(),
        track,
        f"{row.status}{note}",
    )
