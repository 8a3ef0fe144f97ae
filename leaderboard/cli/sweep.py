"""`longrec sweep`: studies over agents, environments, tracks and seeds, on one machine or many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaderboard.cli.executors import Address, ExecutorName, Lanes, Workers
from leaderboard.cli.output import AsJson, Progress, print_json, print_table, say
from leaderboard.cli.runs import command
from leaderboard.cli.tracks import Device, on_device

if TYPE_CHECKING:
    from leaderboard.sweep.cells import CellRow
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
    """The cells of a dry run, and an estimate from those that are finished."""
    from leaderboard.cores import usable_cores
    from leaderboard.sweep.cells import estimate, rows_of
    from leaderboard.sweep.run import only, open_runs

    runs = open_runs(expanded, folder, make=False)
    passes = only(filters, runs)
    specs = [spec for run in runs for spec in run.folder.specs(run.job.agent, 1)]
    rows = rows_of(runs, folder)
    finished = [row for row in rows if row.status == "done"]
    todo = [row for row, spec in zip(rows, specs, strict=True) if row.status == "open" and passes(spec)]
    guesses = [estimate(row, finished) for row in todo]
    known = [g for g in guesses if g is not None]
    cost = {
        "cells": len(rows),
        "done": len(finished),
        "failed": sum(row.status == "failed" for row in rows),
        "to_do": len(todo),
        "estimated_seconds": round(sum(known), 1),
        "without_estimate": len(todo) - len(known),
    }
    if json:
        print_json({"out": folder, **cost, "left_out": expanded.left_out, "rows": rows})
        return
    print_cells(expanded.sweep.name, rows)
    for reason in expanded.left_out:
        say(f"left out: {reason}")
    say(f"{cost['cells']} cells: {cost['done']} done, {cost['failed']} failed, {cost['to_do']} to do")
    if known:
        cores = workers or usable_cores()
        say(f"those to do take about {sum(known):.0f} s of one core, {sum(known) / cores:.0f} s on {cores} cores here")
    if cost["without_estimate"]:
        say(f"{cost['without_estimate']} of them are like none that is finished: their time is not known")


def print_cells(title: str, rows: Sequence[CellRow]) -> None:
    """One line a cell."""
    columns = ("agent", "return", "Len", "seconds", "seed", "environment", "track", "status")
    print_table(title, columns, [_line(row) for row in rows], figures=4)


def _line(row: CellRow) -> tuple[str, ...]:
    import json

    parameters = " ".join(f"{k}={json.dumps(v)}" for k, v in row.parameters.items())
    options = " ".join(f"{k}={json.dumps(v)}" for k, v in row.options.items())
    seconds = "" if row.seconds is None else f"{row.seconds:.1f}"
    limit = {} if row.limit is None else row.limit.model_dump(exclude_none=True)
    track = " ".join([row.track, *(f"{n} {unit}" for unit, n in limit.items())])
    note = f": {row.error}" if row.error else ", a straggler" if row.straggler else ""
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
