"""`longrec world`: fetch data, build a world from a log, look at its card, list the worlds there are."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaderboard.cli.fetch import fetch
from leaderboard.cli.output import AsJson, Stages, print_json, print_markdown, print_table, say

if TYPE_CHECKING:
    from recsim_envs.worlds.logs.log import Log

    Reader = Callable[[Stages], Log]

app = typer.Typer()
app.command()(fetch)


@app.command()
def build(
    out: Annotated[Path, typer.Option(help="New folder for the world.")],
    ratings: Annotated[
        Path | None, typer.Option(help="The log: CSV, TSV, Parquet with named columns, or MovieLens-100K's u.data.")
    ] = None,
    items: Annotated[
        Path | None, typer.Option(help="Titles and categories, likewise (u.item). Default: ids are titles.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="A known data set instead of files, see `longrec world fetch`.")
    ] = None,
    raw_dir: Annotated[Path | None, typer.Option(help="With --source: where its files lie already.")] = None,
    env_id: Annotated[
        str | None, typer.Option("--id", help="Register it under this id, say longrec/Mine-v0; yours may be replaced.")
    ] = None,
    domain: Annotated[
        str | None, typer.Option(help="What is recommended, in one word, for prompts and pages. Default: items.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(metavar="OURS=THEIRS", help="Names of columns in the files, say user=userId,item=movieId."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take guessed column names without asking.")] = False,
    encoding: Annotated[str | None, typer.Option(help="Of text files. Default: UTF-8; latin-1 for u.item.")] = None,
    max_bad_share: Annotated[float, typer.Option(help="Share of bad lines above which nothing is built.")] = 0.01,
    min_ratings: Annotated[int, typer.Option(min=3, help="Users with fewer rows are left out.")] = 5,
    model: Annotated[str, typer.Option(help="User model: mf, deepfm, gru (answers to the session) or biases.")] = "mf",
    rank: Annotated[int, typer.Option(min=1, help="Size of the user model's vectors.")] = 32,
    epochs: Annotated[int, typer.Option(min=1, help="Longest training of a user model.")] = 60,
    device: Annotated[str, typer.Option(help="Where user models are trained: cpu or cuda.")] = "cpu",
    compare: Annotated[
        list[str] | None,
        typer.Option(
            help="Another user model on the card; may be repeated. Default: deepfm up to a million rows; none: no other"
        ),
    ] = None,
    holdout: Annotated[
        str, typer.Option(help="Rows that judge the model: the last tenth of each user (time), or random.")
    ] = "auto",
    test_users: Annotated[
        str, typer.Option(help="Users of the test split: random, or those who came latest.")
    ] = "random",
    test_share: Annotated[float, typer.Option(help="Share of the users in the test split.")] = 0.2,
    calibration: Annotated[
        str, typer.Option(help="Rewards get the log's distribution, its mean at each prediction (mean), or none.")
    ] = "distribution",
    vectors_from: Annotated[
        str, typer.Option(help="What makes items alike: model, categories, text, or auto.")
    ] = "auto",
    departure: Annotated[
        str, typer.Option(help="Thresholds of leaving: quantile, or fitted to how long visits last.")
    ] = "quantile",
    theta_quantile: Annotated[float, typer.Option(help="Share of item pairs that are too alike.")] = 0.02,
    r_min_quantile: Annotated[float, typer.Option(help="Share of rewards that are too low.")] = 0.1,
    window: Annotated[int, typer.Option(min=1, help="How many shown items users remember.")] = 4,
    horizon: Annotated[
        int | None, typer.Option(min=1, help="Step cap of a session. Default: 50; of fitted thresholds, from the log.")
    ] = None,
    pause: Annotated[float, typer.Option(help="Seconds without a row that end a visit.")] = 1800.0,
    leaving_pays: Annotated[
        bool, typer.Option("--leaving-pays/--leaving-forfeits", help="Whether the step of leaving earns its reward.")
    ] = True,
    card_sessions: Annotated[int, typer.Option(min=10, help="Sessions that the card's policies play.")] = 300,
    licence: Annotated[str | None, typer.Option(help="Licence of the data, for the record.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    force: Annotated[bool, typer.Option("--force", help="Keep a model that is worse than biases alone.")] = False,
    json: AsJson = False,
) -> None:
    """Turn a log of ratings, watch times or clicks into a world, with a card that says what it is worth.

    Killed and given again, it goes on with the training where it stood.

    Example:  longrec world build --ratings u.data --items u.item --domain movies --out worlds/ml --id longrec/ML-v0

    Example:  longrec world build --source kuairec --out worlds/kuairec --model gru --departure fitted
    """
    from recsim_envs.worlds.card.render import card_markdown
    from recsim_envs.worlds.from_log import build_world
    from recsim_envs.worlds.registry import register_world

    name = _name(env_id, out)
    about_files = {"--items": items, "--columns": columns, "--encoding": encoding}
    if source is not None and (useless := [option for option, value in about_files.items() if value]):
        raise typer.BadParameter(f"{', '.join(useless)} belong to --ratings; a --source knows its files")
    if raw_dir is not None and source is None:
        raise typer.BadParameter("--raw-dir belongs to --source")
    if ratings is not None and source is None:
        read, facts = _files(ratings, items, columns or [], yes, encoding, max_bad_share)
    elif source is not None and ratings is None:
        read, facts = _source(source, raw_dir)
    else:
        raise typer.BadParameter("pass either --ratings FILE or --source NAME (see `longrec world fetch`)")
    with Stages(quiet=json) as progress:
        facts |= {k: v for k, v in {"domain": domain, "licence": licence}.items() if v is not None}
        world = build_world(
            read(progress), None, out, name=name, **facts, progress=progress, seed=seed, min_ratings=min_ratings,
            model=model, rank=rank, epochs=epochs, device=device, compare=_others(compare), holdout=holdout,
            test_users=test_users, test_share=test_share, calibration=calibration, vectors_from=vectors_from,
            departure=departure, theta_quantile=theta_quantile, r_min_quantile=r_min_quantile, window=window,
            horizon=horizon, pause=pause, leaving_pays=leaving_pays, card_sessions=card_sessions, force=force,
        )  # fmt: skip
    if env_id is not None:
        register_world(env_id, out)
    if json:
        print_json({"path": out, "hash": world.hash, "id": env_id, "card": world.info.card})
        return
    print_markdown(card_markdown(world))
    say(f"world {name}: {world.num_users} users, {world.num_items} items, in {out}")
    say(f"its card as a page: longrec world card {shlex.quote(str(out))} --html card.html")
    if env_id is not None:
        say(f"registered as {env_id}   next: longrec evaluate greedy --env {env_id}")


def _others(names: list[str] | None) -> tuple[str, ...] | None:
    """The user models to compare: None for the default, none for "none"."""
    return None if not names else () if names == ["none"] else tuple(names)


def _files(
    ratings: Path, items: Path | None, columns: list[str], yes: bool, encoding: str | None, max_bad_share: float
) -> tuple[Reader, dict[str, Any]]:
    """How to read a log of files, once names of columns are agreed upon, and what is known about it."""
    from recsim_envs.worlds.logs.reading import propose_columns, read_log

    given = _mapping(columns)
    guesses = propose_columns(ratings, items, columns=given, encoding=encoding)
    if guesses and (yes or _confirmed(guesses)):
        given |= guesses
    how: dict[str, Any] = {"columns": given, "encoding": encoding, "max_bad_share": max_bad_share}
    return lambda tell: read_log(ratings, items, **how, progress=tell), {"domain": "items", "source": ratings.name}


def _source(name: str, raw_dir: Path | None) -> tuple[Reader, dict[str, Any]]:
    """How to fetch and read a known data set, once its licence is accepted, and what is known about it."""
    from leaderboard.cli.fetch import agree
    from recsim_envs.worlds.sources import accept_licence, find_source, read_source
    from recsim_envs.worlds.sources import fetch as fetch_source

    found = find_source(name)
    accept_licence(found, agree)  # before there are bars, which would overwrite the question

    def read(tell: Stages) -> Log:
        return read_source(name, fetch_source(name, raw_dir=raw_dir, accept=agree, progress=tell), tell)

    return read, {"domain": found.domain, "source": found.title, "licence": found.licence.name}


def _mapping(pairs: list[str]) -> dict[str, str]:
    """Names of columns from "user=userId,item=movieId", ours to the files'."""
    from recsim_envs.errors import ConfigurationError

    found: dict[str, str] = {}
    for pair in pairs:
        parts = pair.split(",")
        for part in parts if all("=" in part for part in parts) else [pair]:
            ours, equals, theirs = part.partition("=")
            if not equals or ours.strip() in found:
                raise ConfigurationError(f"--columns {pair!r} must give each name once, such as user=userId")
            found[ours.strip()] = theirs.strip()
    return found


def _confirmed(guesses: dict[str, str]) -> bool:
    """Whether a person at a terminal agrees; elsewhere nobody does, and the reader tells what to pass."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    told = ", ".join(f"{ours.removeprefix('items.')} is {theirs!r}" for ours, theirs in guesses.items())
    return typer.confirm(f"Columns are guessed: {told}. Right?", default=True, err=True)


@app.command()
def card(
    world: Annotated[str, typer.Argument(help="A world's folder, name or registered id.")],
    html: Annotated[Path | None, typer.Option(help="Write it as a page with plots, one file.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write it as Markdown.")] = None,
    json: AsJson = False,
) -> None:
    """How well a world fits what was held out of it, and what it is not valid for.

    Example:  longrec world card games

    Example:  longrec world card worlds/ml --html card.html
    """
    from leaderboard.files import atomic_path
    from recsim_envs.worlds import resolve
    from recsim_envs.worlds.card.render import card_html, card_markdown

    found = resolve(world)
    for path, make in ((html, card_html), (markdown, card_markdown)):
        if path is not None:
            with atomic_path(path) as scratch:
                scratch.write_text(make(found), "utf-8")
            say(f"wrote {path}")
    if json:
        print_json({"name": found.info.name, "hash": found.hash, "card": found.info.card})
    elif html is None and markdown is None:
        print_markdown(card_markdown(found))


@app.command("list")
def list_worlds(json: AsJson = False) -> None:
    """The worlds that come with longrec and those you have registered.

    Example:  longrec world list
    """
    from recsim_envs.worlds.recipes import RECIPES
    from recsim_envs.worlds.registry import registered_worlds

    found = [(name, "recipe", f"{r.users:,} users, {r.items:,} items") for name, r in RECIPES.items()]
    found += [(env_id, "folder", str(path)) for env_id, path in sorted(registered_worlds().items())]
    if json:
        print_json([dict(zip(("name", "kind", "what"), line, strict=True)) for line in found])
    else:
        print_table("worlds", ["name", "kind", "what"], found)


def _name(env_id: str | None, out: Path) -> str:
    """The world's name: of its id without namespace and version, or of its folder. Checks the id before the work."""
    from recsim_envs.worlds.registry import ID, check_id

    if env_id is None:
        return out.resolve().name
    check_id(env_id)
    return ID.sub(r"\1", env_id)
