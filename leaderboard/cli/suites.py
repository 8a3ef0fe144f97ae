"""`longrec suites`: which there are, what is in one, what it can tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leaderboard.cli.output import AsJson, Stages, print_facts, print_json, print_table, say
from leaderboard.cli.record import RECORD, Submissions

if TYPE_CHECKING:
    from leaderboard.power import Power
    from leaderboard.schema import SpentBudget, Suite

app = typer.Typer()

Name = Annotated[str, typer.Argument(help="A built-in suite, or a JSON file.")]


@app.command("list")
def list_(json: AsJson = False) -> None:
    """List the built-in suites.

    Example:  longrec suites list
    """
    from leaderboard.suites import builtin_suites

    suites = builtin_suites()
    if json:
        print_json(suites)
        return
    print_table(
        "suites",
        ["suite", "tasks", "seeds", "sessions", "track", "what it is"],
        [
            [s.name, str(len(s.tasks)), str(len(s.training_seeds)), f"{s.episodes:,}", s.track, s.description]
            for s in suites.values()
        ],
        figures=3,
    )


@app.command()
def show(name: Name, json: AsJson = False) -> None:
    """Show what is in a suite: tasks, quotas, and what fixes their worlds and dynamics.

    Example:  longrec suites show longrec-v1
    """
    from leaderboard.suites import load_suite

    suite = load_suite(name)
    if json:
        print_json(suite)
        return
    print_facts(
        {
            "suite": f"{suite.name} ({suite.hash[:12]})",
            "track": f"{suite.track}, {_budget(suite.budget)}",
            "training seeds": ", ".join(map(str, suite.training_seeds)),
            "what it is": suite.description,
        }
    )
    print_table(
        "tasks", ["environment", "sessions", "gap", "options", "world", "fingerprint"], _tasks(suite), figures=2
    )


def _budget(budget: SpentBudget) -> str:
    allowed = [f"{n:,} {unit}" for unit, n in budget.model_dump(exclude_none=True).items() if n]
    return f"{' and '.join(allowed) or 'no training sessions'} for each task and training seed"


def _tasks(suite: Suite) -> list[list[str]]:
    from recsim_envs.measured import measured

    rows = []
    for task in suite.tasks:
        gap = None if task.options else measured(task.env_id)
        options = " ".join(f"{key}={value}" for key, value in task.options.items())
        fixed = [(sha256 or "not fixed")[:12] for sha256 in (task.world, task.fingerprint)]
        rows.append([task.env_id, str(task.episodes), f"{gap.gap.value:.0%}" if gap else "", options, *fixed])
    return rows


@app.command()
def fix(
    file: Annotated[Path, typer.Argument(help="A suite of yours, as a JSON file; it is written again.")],
    json: AsJson = False,
) -> None:
    """Write into a suite what fixes it: the hash of each task's world, and the fingerprint of its dynamics.

    Example:  longrec suites fix my-suite.json
    """
    from leaderboard.evaluate.build import checked_fingerprint, suite_worlds
    from leaderboard.files import read_model, write_json
    from leaderboard.schema import Suite
    from recsim_envs.errors import ConfigurationError

    suite = read_model(file, Suite, ConfigurationError)
    tasks = tuple(
        task.model_copy(update={"world": world.sha256, "fingerprint": checked_fingerprint(task)})
        for task, world in zip(suite.tasks, suite_worlds(suite), strict=True)
    )
    fixed = suite.model_copy(update={"tasks": tasks})
    write_json(file, fixed)
    if json:
        print_json(fixed)
    else:
        say(f"{file}: {len(tasks)} tasks are fixed; the suite's hash is {fixed.hash}")


@app.command()
def power(
    name: Name,
    submissions: Annotated[
        list[Path] | None,
        typer.Argument(help=f"Recorded runs of it, or of a pilot. Default: {RECORD}."),
    ] = None,
    difference: Annotated[float, typer.Option(help="Of normalised scores, that is wanted.")] = 0.05,
    probability: Annotated[float, typer.Option(help="With which it is to be found.")] = 0.8,
    json: AsJson = False,
) -> None:
    """Tell what a suite's sessions and training seeds can find, from how recorded runs vary.

    A pilot is runs of random, oracle and others on the same environments and track, with any number of sessions. How
    training seeds differ is taken from it too: from a pilot of one training seed, nothing.

    Example:  longrec suites power longrec-v1
    """
    from dataclasses import asdict

    from leaderboard.power import recorded, suite_power
    from leaderboard.submit import find
    from leaderboard.suites import load_suite

    suite, found = load_suite(name), find(submissions or [RECORD])
    with Stages(quiet=json) as stages:
        tables = recorded(suite, found, lambda done, total: stages("replayed", done, total))
    rows = suite_power(suite, tables, wanted=difference, power=probability)
    if json:
        print_json([asdict(row) for row in rows])
        return
    print_table(
        f"differences that {suite.name} finds with probability {probability:g}",
        ["task", "sessions", "pairs", "median", "largest", f"find {difference:g}", "sessions half of them need"],
        [
            [
                row.label, f"{row.sessions:,}", str(row.pairs), f"{row.median:.3f}", f"{row.largest:.3f}",
                f"{row.share:.0%}", "more seeds" if row.needed is None else f"{row.needed:,}",
            ]
            for row in rows
        ],
        figures=6,
    )  # fmt: skip


@app.command()
def results(
    name: Name,
    submissions: Submissions = None,
    out: Annotated[Path, typer.Option(help="The page, in Markdown.")] = Path("docs/results.md"),
    json: AsJson = False,
) -> None:
    """Write the results of a suite as one page: agents by environments, cost, what it tells apart, what is not there.

    Ends with 1 where a submission does not replay; the page is of the others.

    Example:  longrec suites results longrec-v1 --out results.md
    """
    from leaderboard.board.build import make
    from leaderboard.files import atomic_path, read_model
    from leaderboard.schema import Submission
    from leaderboard.site.results import results as page
    from leaderboard.submit import find
    from leaderboard.suites import load_suite
    from leaderboard.verification import printable

    suite, found = load_suite(name), find(submissions or [RECORD])
    of_it = [f for f in found if read_model(f / "submission.json", Submission).suite.table.hash == suite.hash]
    with Stages(quiet=json) as stages:
        board, failed = make(of_it, watch=lambda done, total: stages("replayed", done, total))
    replayed = {entry.summary.path for part in board.sections for entry in part.entries if entry.summary}
    text = page(board, suite, _power(suite, [folder for folder in of_it if folder in replayed]))
    with atomic_path(out) as scratch:
        scratch.write_text(text, "utf-8", newline="\n")
    left_out = {str(folder): printable(str(error)) for folder, error in failed.items()}
    if json:
        print_json({"page": str(out), "rows": len(board.rows), "submissions": len(of_it), "failed": left_out})
    else:
        for path, error in left_out.items():
            say(f"failed, left out: {path}: {error}")
        say(f"{out}: {len(board.rows)} rows of {len(of_it)} submissions")
    if failed:
        raise typer.Exit(1)


def _power(suite: Suite, folders: Sequence[Path]) -> list[Power]:
    """What these submissions say that a suite can tell apart; nothing where an end of a scale is not among them."""
    from leaderboard.power import recorded, suite_power
    from recsim_envs.errors import ConfigurationError

    try:
        return suite_power(suite, recorded(suite, folders))
    except ConfigurationError:
        return []
