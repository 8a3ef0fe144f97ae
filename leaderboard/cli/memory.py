"""`longrec memory`: what the bi-level planner has learnt, told to people; two memories made one.

Memories are read as files in a documented format (docs/memories.md); no agent is built for it.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from enum import Enum
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaderboard.cli.output import AsJson, Options, print_json, say

if TYPE_CHECKING:
    from bilp_agent.memory.folder import Kept
    from bilp_agent.memory.inspect import Principle, Situation, Worth

app = typer.Typer()
WIDEST = 100  # signs a line of prose
LONGEST = 400  # signs shown of one text
ITEMS = 4  # named of each kind

Title = Callable[[int], str]


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
        str | None, typer.Option(help="Environment whose titles to show. Default: that of the training.")
    ] = None,
    option: Options = None,
    json: AsJson = False,
) -> None:
    """What an agent has learnt: principles by what came of them, states that recur, what states were worth.

    Example:  longrec memory show runs/billp --limit 5
    """
    from bilp_agent.memory.folder import read_folder
    from bilp_agent.memory.inspect import principles, situations, worths

    kept = read_folder(folder)
    found: dict[str, Sequence[Any]] = {
        "planner": principles(kept.planner.records),
        "actor": situations(kept.actor.records),
        "critic": worths(kept.critic.records),
    }
    chosen = {name: rows for name, rows in found.items() if role is None or role.value == name}
    beliefs = list(_beliefs(kept)) if "planner" in chosen else []
    title = _titles(kept, env, option or []) if "actor" in chosen else _number
    if json:
        parts = {name: [_record(row, title) for row in rows[:limit]] for name, rows in chosen.items()}
        encoders = {name: getattr(kept, name).encoder for name in HEADINGS}
        print_json({"folder": str(kept.path), "encoders": encoders, "records": _sizes(kept), **parts})
        return
    _print(_opening(kept))
    if beliefs:
        typer.secho("\nWhy it believes that users leave", bold=True)
        _print(iter(beliefs))
    for name, rows in chosen.items():
        typer.secho(f"\n{HEADINGS[name]}", bold=True)
        _print(_section(name, rows, limit, title))


@app.command()
def merge(
    first: Annotated[Path, typer.Argument(help="What one training made.")],
    second: Annotated[Path, typer.Argument(help="What another made.")],
    out: Annotated[Path, typer.Option(help="New folder for what both remember, as a saved agent.")],
    json: AsJson = False,
) -> None:
    """Make one memory of two, of separate training runs: records of both once, the books on their use added.

    Example:  longrec memory merge runs/seed-0 runs/seed-1 --out runs/both
    """
    from bilp_agent.memory.folder import merge_folders

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
    from bilp_agent.memory.compact import Caps
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


HEADINGS = {
    "planner": "What the planner has learnt",
    "actor": "States that recur, and what did well in them",
    "critic": "What states turned out to be worth",
}


def _sizes(kept: Kept) -> dict[str, int]:
    return {name: len(getattr(kept, name).records) for name in HEADINGS}


def _opening(kept: Kept) -> Iterator[str]:
    record, sizes = kept.record, _sizes(kept)
    if record:
        agent, spent = record.get("agent") or {}, record.get("spent") or {}
        yield (
            f"{agent.get('name', 'An agent')} after {spent.get('episodes', '?')} training sessions on "
            f"{record.get('env_id', '?')}, training seed {record.get('training_seed', '?')}."
        )
    states = [len({r.state for r in getattr(kept, name).records}) for name in HEADINGS]
    yield (
        f"It keeps {_count(sizes['planner'], 'reflection')} on {_count(states[0], 'kind')} of users, "
        f"{_count(sizes['actor'], 'judged recommendation')} in {_count(states[1], 'state')}, and "
        f"{_count(sizes['critic'], 'value')} of {_count(states[2], 'state')}."
    )


BELIEVED = {
    "repeat": "the same item again within {limit} steps",
    "alike": "the main category of something shown within {limit} steps before",
    "crowded": "a category that occurs {limit} times or more lately",
    "low reward": "an expected reward of no more than {limit}",
}


def _beliefs(kept: Kept) -> Iterator[str]:
    """Hypotheses that stood the test, which `billp-plus` keeps in the record of its training."""
    for belief in kept.training.get("beliefs") or ():
        if belief.get("kind") in BELIEVED:
            what, left, stayed = BELIEVED[belief["kind"]].format(**belief), belief["left"], belief["stayed"]
            others = f"{belief['other_left']:,} of {belief['other_left'] + belief['other_stayed']:,}"
            yield f"  -  {what}: users left at {left:,} of {left + stayed:,} such steps, and at {others} others"


def _section(role: str, rows: Sequence[Any], limit: int, title: Title) -> Iterator[str]:
    if not rows:
        yield "Nothing yet."
    for number, row in enumerate(rows[:limit], 1):
        first, *rest = TOLD[role](row, title)
        yield f"{number:>3}. {first}"
        yield from (f"     {line}" for line in rest)
    if len(rows) > limit:
        yield f"     ... and {len(rows) - limit} more (--limit)."


def _tell_principle(row: Principle, _: Title) -> list[str]:
    causes = ", ".join(f"{_plain(cause)} {count}" for cause, count in row.causes)
    taught = f"Taught by {_count(row.sessions, 'session')} of {row.mean_steps:.1f} steps on average ({causes})."
    if row.mean_outcome is None:
        return [_plain(row.text), f"{taught} Not used yet."]
    used = f"Given to {_count(row.used, 'session')} since, with an outcome of {row.mean_outcome:.1f} on average"
    low, high = row.score.low, row.score.high
    judged = f"{row.score.value:+.1f} [{low:+.1f}, {high:+.1f}] against all" if isfinite(low) else "too few to judge it"
    return [_plain(row.text), f"{taught} {used}: {judged}."]


def _tell_situation(row: Situation, title: Title) -> list[str]:
    told = [f"{_plain(row.state)} (met {_count(row.times, 'time')})"]
    for word, items in (("did well", row.encouraged), ("did badly", row.discouraged)):
        if items:
            names = ", ".join(f"{title(item)} ({count})" for item, count in items[:ITEMS])
            told.append(f"{word}: {names}" + (f" and {len(items) - ITEMS} more" if len(items) > ITEMS else ""))
    return told


def _tell_worth(row: Worth, _: Title) -> list[str]:
    spread = f", from {row.lowest:.2f} to {row.highest:.2f}" if row.times > 1 else ""
    return [_plain(row.state), f"worth {row.mean:.2f} on average{spread} ({_count(row.times, 'time')})"]


TOLD: dict[str, Callable[[Any, Title], list[str]]] = {
    "planner": _tell_principle,
    "actor": _tell_situation,
    "critic": _tell_worth,
}


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _plain(text: str) -> str:
    """One line of what a language model wrote, without what a terminal would take for a command."""
    from recsim_envs.text.catalogue import plain

    return plain(text, LONGEST)


def _print(lines: Iterator[str]) -> None:
    """Lines, folded under their own beginning to the width of the window. Echoed: no markup is read in them."""
    width = min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST)
    for line in lines:
        indent = "     " if line.startswith("  ") else ""
        typer.echo(textwrap.fill(line, max(width, 40), subsequent_indent=indent, drop_whitespace=True))


def _number(item: int) -> str:
    return f"item {item}"


def _titles(kept: Kept, env: str | None, option: list[str]) -> Title:
    """Titles of the environment that was asked for, or else of the one trained on where it can be had."""
    from leaderboard.agents import parse_parameters
    from recsim_envs import make_simulator
    from recsim_envs.errors import LongrecError
    from recsim_envs.text.catalogue import CatalogueText

    name = env or kept.record.get("env_id")
    if name is None:
        return _number
    options = parse_parameters(option, "option") if env else dict(kept.record.get("options") or {})
    try:
        catalogue = make_simulator(name, 1, **options).task.catalogue
    except LongrecError as error:
        if env:
            raise
        say(f"titles are left out: {error}")
        return _number
    text = CatalogueText(catalogue)
    return lambda item: f'"{text.title(item)}"' if 0 <= item < catalogue.num_items else _number(item)


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
