"""`longrec season`: commit to hidden seeds, re-run agents on them after the close, reveal them, check them."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leaderboard.cli.executors import Workers
from leaderboard.cli.output import AsJson, Progress, print_facts, print_json, print_table, say
from leaderboard.cli.record import RECORD

if TYPE_CHECKING:
    from leaderboard.schema import Season

app = typer.Typer()

Name = Annotated[str, typer.Argument(help="The season's name.")]
SecretFile = Annotated[
    Path | None, typer.Option("--secret", help="The file of the salt. Default: in the user's own folder of longrec.")
]
Published = Annotated[Path | None, typer.Option("--published", help="Where seasons lie. Default: the package.")]
Submissions = Annotated[Path, typer.Option(help="Where submissions are kept.")]


@app.command()
def commit(
    name: Name,
    suite: Annotated[str, typer.Option(help="Built-in suite or JSON file that agents are developed on.")],
    closes: Annotated[datetime, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="When it closes, in UTC.")],
    secret: SecretFile = None,
    published: Published = None,
    json: AsJson = False,
) -> None:
    """Draw a salt, keep it in a private file and publish its hash: the season is open.

    Example:  longrec season commit spring --suite smoke-v1 --closes 2027-04-01
    """
    from leaderboard.seasons import rounds
    from leaderboard.suites import load_suite

    kept = secret or rounds.secret_path(name)
    until = closes.replace(tzinfo=timezone.utc)
    season = rounds.commit(name, load_suite(suite), until, secret=kept, folder=published)
    if json:
        print_json({"season": season, "secret": kept})
        return
    _tell(season)
    say(f"the salt is in {kept}: keep a copy, and show it to nobody before {season.closes:%Y-%m-%d %H:%M} UTC")


@app.command()
def run(
    name: Name,
    secret: SecretFile = None,
    published: Published = None,
    submissions: Submissions = RECORD,
    out: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs"),
    run_command: Annotated[
        bool, typer.Option("--run-command", help="Use commands, addresses and paths that submissions name, too.")
    ] = False,
    workers: Workers = 0,
    json: AsJson = False,
) -> None:
    """After the close: run the submitted agents again on the season's seeds, and put what comes among the submissions.

    Example:  longrec season run spring
    """
    from dataclasses import asdict

    from leaderboard.seasons import read_season, rounds
    from leaderboard.submit import find

    season = read_season(name, published)
    salt = rounds.salt_of(season, secret or rounds.secret_path(name))
    with Progress(quiet=json, by_agent=True) as watch:
        made = rounds.run(
            season, salt, find([submissions]),
            out=out, to=submissions, run_command=run_command, workers=workers, watch=watch,
        )  # fmt: skip
        done = list(made)
    if json:
        print_json([asdict(entry) for entry in done])
    else:
        lines = [[str(e.submission), str(e.made or "none"), e.error or e.note] for e in done]
        print_table(f"season {name}", ["submitted", "on the season's seeds", "note"], lines)
    if any(entry.error for entry in done):
        raise typer.Exit(1)


@app.command()
def reveal(
    name: Name,
    secret: SecretFile = None,
    published: Published = None,
    json: AsJson = False,
) -> None:
    """After the close: publish the salt, so that anyone can check the seeds.

    Example:  longrec season reveal spring
    """
    from leaderboard.seasons import rounds

    season = rounds.reveal(name, secret=secret or rounds.secret_path(name), folder=published)
    if json:
        print_json(season)
    else:
        _tell(season)


@app.command()
def check(
    name: Name,
    published: Published = None,
    submissions: Submissions = RECORD,
    json: AsJson = False,
) -> None:
    """Whether the salt is the one that was committed to, and the season's submissions were played on its seeds.

    Example:  longrec season check spring
    """
    from leaderboard.seasons import rounds
    from leaderboard.submit import find

    passed = rounds.check(name, find([submissions]) if submissions.exists() else [], folder=published)
    if json:
        print_json({"season": name, "submissions": passed})
        return
    say(f"season {name}: the salt fits, no seed is one of its suite's, {len(passed)} submissions replay on its seeds")


def _tell(season: Season) -> None:
    print_facts(
        {
            "season": season.name,
            "suite": f"{season.suite.name} ({season.suite.hash[:12]})",
            "opened": season.opens,
            "closes": season.closes,
            "commitment": season.commitment,
            "salt": season.salt or "secret",
        }
    )
