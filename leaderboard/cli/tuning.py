"""`longrec tune`: good parameters for an agent, found on train users within a stated budget."""

from __future__ import annotations

import json as encoding
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaderboard.cli.executors import Address, ExecutorName, Lanes, Workers
from leaderboard.cli.output import AsJson, Progress, print_json, print_table, say
from leaderboard.cli.runs import command
from leaderboard.cli.tracks import Device, on_device

if TYPE_CHECKING:
    from leaderboard.sweep.tune import Trial, TuneRecord


def tune(
    file: Annotated[Path, typer.Argument(help="A tuning file, see docs/sweeps.md.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the search. Default: runs/<its name>.")] = None,
    executor: ExecutorName = "local",
    address: Address = None,
    workers: Workers = 0,
    device: Device = None,
    lanes: Lanes = 256,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run trials again that failed by the agent's fault.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the trials; run none.")] = False,
    json: AsJson = False,
) -> None:
    """Search parameters of an agent: train on some train users, judge on others, never on test users.

    Given again, it goes on where it stopped. Exit code 1 if any trial has failed.

    Example:  longrec tune docs/examples/tune.json
    """
    from leaderboard.cores import usable_cores
    from leaderboard.evaluate.executor import make_executor
    from leaderboard.sweep.search import make_search, read_tuning
    from leaderboard.sweep.tune import tune as run

    place = make_executor(executor, workers=workers, address=address)
    tuning = read_tuning(file)
    if "device" not in tuning.search and "device" not in tuning.parameters:
        parameters = on_device(tuning.agent, dict(tuning.parameters), device)
        tuning = tuning.model_copy(update={"parameters": parameters})
    search, folder = make_search(tuning, str(file)), out or Path("runs") / tuning.name
    if dry_run:
        _preview(search.trials, search.cells_a_trial, json)
        return
    with Progress(quiet=json, by_agent=True) as watch:
        found = run(
            search, folder, place, num_lanes=lanes, together=workers or usable_cores(), retry_failed=retry_failed,
            command=command(), watch=watch,
        )  # fmt: skip
    if json:
        print_json({"out": folder, **found.model_dump(mode="json")})
    else:
        _print(found, folder)
    if any(trial.status == "failed" for trial in found.trials):
        raise typer.Exit(1)


def _preview(trials: Sequence[Mapping[str, Any]], cells: int, json: bool) -> None:
    if json:
        print_json({"trials": trials, "cells": cells * len(trials)})
        return
    print_table("trials", ("trial", "parameters"), [(str(n), _text(p)) for n, p in enumerate(trials)])
    say(f"{len(trials)} trials of {cells} cells each; the first has the agent's own values")


def _print(found: TuneRecord, folder: Path) -> None:
    """The trials, best first, and how to use what was chosen."""
    order = sorted(found.trials, key=lambda t: (t.score is None, -(t.score or 0.0), t.number))
    environments = [e.env_id.rpartition("/")[2] for e in found.tuning.environments]
    titles = ("return", "Len") if len(order[0].returns) == 1 else ("returns", "Lens")
    print_table(
        f"{found.tuning.agent} on held-out train users of {', '.join(environments)}",
        ("trial", "score", *titles, "seconds", "parameters", "status"),
        map(_line, order),
        figures=4,
    )
    say(f"{found.spent.episodes} episodes, {found.spent.steps} steps, {found.seconds:.1f} s; {folder / 'tune.json'}")
    if found.chosen is not None:
        say(f"chosen: trial {found.chosen_trial}, {_text(found.chosen) or 'the values that the agent has'}")


def _line(trial: Trial) -> tuple[str, ...]:
    return (
        str(trial.number),
        "" if trial.score is None else f"{trial.score:.3f}",
        " ".join("" if v is None else f"{v:.3f}" for v in trial.returns),
        " ".join("" if v is None else f"{v:.2f}" for v in trial.lengths),
        f"{trial.seconds:.1f}",
        _text(trial.parameters),
        f"{trial.status}: {trial.error}" if trial.error else trial.status,
    )


def _text(parameters: Mapping[str, Any]) -> str:
    """Parameters as the command line takes them."""
    return " ".join(f"-p {name}={encoding.dumps(value)}" for name, value in parameters.items())
