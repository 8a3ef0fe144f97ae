"""`longrec memory`: what the bi-level planner has learnt, told to people; and to merge, compact and rescue it.

Memories are read as files in a documented format (docs/memories.md); no agent is built for it.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from enum import Enum
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaderboard.cli.output import AsJson, Options, print_json, say

if TYPE_CHECKING:
    from bilp_agent.memory.folder import Kept
    from leaderboard.cli.memory_prose import Title

app = typer.Typer()
WIDEST = 100  # signs a line of prose


class Role(str, Enum):
    """Whose memory."""

    planner = "planner"
    actor = "actor"
    critic = "critic"


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(help="What `longrec train billp --out DIR` made, or a saved agent.")],
    role: Annotated[Role | None, typer.Option(help="Only what this role remembers.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Entries a role.")] = 10,
    env: Annotated[
        str | None, typer.Option(help="Environment with the world of the training, whose titles to show. Default: it.")
    ] = None,
    option: Options = None,
    json: AsJson = False,
) -> None:
    """What an agent has learnt: principles by what came of them, states that recur, what states were worth.

    Example:  longrec memory show runs/billp --limit 5
    """
    from bilp_agent.memory.folder import read_folder
    from bilp_agent.memory.inspect import principles, situations, worths
    from leaderboard.cli import memory_prose as prose

    kept = read_folder(folder)
    found: dict[str, Sequence[Any]] = {
        "planner": principles(kept.planner.records),
        "actor": situations(kept.actor.records),
        "critic": worths(kept.critic.records),
    }
    chosen = {name: rows for name, rows in found.items() if role is None or role.value == name}
    title = _titles(kept, env, option or []) if "actor" in chosen else prose.number
    if json:
        parts = {name: [_record(row, title) for row in rows[:limit]] for name, rows in chosen.items()}
        encoders = {name: getattr(kept, name).encoder for name in found}
        believed = {"beliefs": kept.training.get("beliefs", [])} if "planner" in chosen else {}
        print_json({"folder": kept.path, "encoders": encoders, "records": _sizes(kept), **believed, **parts})
        return
    _print("", prose.opening(kept))
    if "planner" in chosen:
        _print("Why it believes that users leave", prose.beliefs(kept))
    for name, rows in chosen.items():
        _print(prose.HEADINGS[name], prose.section(name, rows, limit, title))


@app.command()
def merge(
    first: Annotated[Path, typer.Argument(help="What one training made.")],
    second: Annotated[Path, typer.Argument(help="What another made.")],
    out: Annotated[Path, typer.Option(help="New folder for what both remember, as a saved agent.")],
    json: AsJson = False,
) -> None:
    """Make one agent of two that were trained apart on one world: what they remember and counted adds up.

    Example:  longrec memory merge runs/seed-0 runs/seed-1 --out runs/both
    """
    from bilp_agent.memory.merging import merge_folders

    kept = merge_folders(first, second, out)
    if json:
        print_json({"path": out, "records": _sizes(kept)})
        return
    sizes = _sizes(kept)
    say(f"{sizes['planner']} reflections, {sizes['actor']} recommendations and {sizes['critic']} values in {out}")
    say(f"next: longrec memory show {out}")


@app.command()
def compact(
    folder: Annotated[Path, typer.Argument(help="What `longrec train billp --out DIR` made, or a saved agent.")],
    out: Annotated[Path, typer.Option(help="New folder for what is kept.")],
    records: Annotated[int, typer.Option(min=1, help="Most records a memory.")] = 10_000,
    per_state: Annotated[int, typer.Option(min=1, help="Most examples a state.")] = 64,
    json: AsJson = False,
) -> None:
    """Keep the best scored and most used reflections, and the newest examples of each state.

    Example:  longrec memory compact runs/billp --out runs/small --records 1000
    """
    from bilp_agent.memory.compaction import Caps
    from bilp_agent.memory.folder import compact_folder

    kept = compact_folder(folder, out, Caps(records, per_state))
    if json:
        print_json({"path": out, "records": _sizes(kept)})
    else:
        say(f"{sum(_sizes(kept).values()):,} records in {out}")


@app.command()
def rescue(
    folder: Annotated[Path, typer.Argument(help="A saved agent with a damaged memory.")],
    out: Annotated[Path, typer.Option(help="New folder for what is whole in it.")],
    json: AsJson = False,
) -> None:
    """Keep the records that can still be read of memories that were cut or damaged; the folder itself stays as it is.

    Example:  longrec memory rescue runs/billp --out runs/rescued
    """
    from bilp_agent.memory.folder import rescue_folder

    kept, lost = rescue_folder(folder, out)
    if json:
        print_json({"path": out, "records": _sizes(kept), "lost": lost})
        return
    for fault in lost:
        say(f"lost: {fault.partition(';')[0]}")
    say(f"{sum(_sizes(kept).values()):,} records in {out}")


def _sizes(kept: Kept) -> dict[str, int]:
    return {name: len(getattr(kept, name).records) for name in ("planner", "actor", "critic")}


def _print(heading: str, lines: Iterator[str]) -> None:
    """Lines below their heading, if there are any, folded to the width of the window. No markup is read in them."""
    width = max(min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST), 40)
    for number, line in enumerate(lines):
        if heading and number == 0:
            typer.secho(f"\n{heading}", bold=True)
        typer.echo(textwrap.fill(line, width, subsequent_indent="     " if line.startswith("  ") else ""))


def _titles(kept: Kept, env: str | None, option: list[str]) -> Title:
    """Titles of the environment that was asked for, or else of the one trained on where it can be had.

    Raises `AgentError` if the one that was asked for has another world than the memories were made in, and for a record
    of the training that is of another shape.
    """
    from bilp_agent.memory.files import reading
    from leaderboard.agents import parse_parameters
    from leaderboard.cli.memory_prose import number
    from leaderboard.evaluate.build import world_of
    from recsim_envs import make_simulator
    from recsim_envs.errors import AgentError, LongrecError
    from recsim_envs.text.catalogue import CatalogueText

    origin: Mapping[str, Any] = next(iter(kept.origins), {})
    name = env or origin.get("env_id")
    if not isinstance(name, str):
        return number
    with reading(kept.path):
        trained_with, made = dict(origin.get("options") or {}), dict(origin.get("world") or {})
    options = parse_parameters(option, "option") if env else trained_with
    try:
        simulator = make_simulator(name, 1, **options)
        world = world_of(simulator).model_dump(mode="json")
        if made and world != made:
            what = f"{origin.get('env_id')} with the world {made.get('name')} ({str(made.get('sha256'))[:8]})"
            raise AgentError(
                f"{kept.path}: was trained on {what}; {name} has the world {world['name']} ({world['sha256'][:8]}), "
                "where the same numbers are other items; "
                + ("leave --env out, or name the one trained on" if env else "its world has changed since")
            )
    except LongrecError as error:
        if env:
            raise
        say(f"titles are left out: {error}")
        return number
    catalogue = simulator.task.catalogue
    text = CatalogueText(catalogue)
    return lambda item: f'"{text.title(item)}"' if 0 <= item < catalogue.num_items else number(item)


def _record(row: Any, title: Title) -> dict[str, Any]:
    """JSON form of a row; items get their titles, an interval that is not known is null."""
    record = asdict(row)
    if "score" in record:
        record["score"] = {key: value if isfinite(value) else None for key, value in record["score"].items()}
    for key in ("encouraged", "discouraged"):
        if key in record:
            record[key] = [
                {"item": item, "title": title(item).strip('"'), "count": count} for item, count in record[key]
            ]
    return record
