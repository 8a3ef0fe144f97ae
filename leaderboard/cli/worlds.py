"""`longrec world`: build a world from a log, look at its card, list the worlds there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leaderboard.cli.output import AsJson, Stages, print_json, print_markdown, print_table, say

app = typer.Typer()


@app.command()
def build(
    ratings: Annotated[Path, typer.Option(help="MovieLens-100K's u.data, or CSV, TSV, Parquet with named columns.")],
    items: Annotated[Path, typer.Option(help="MovieLens-100K's u.item, or CSV, TSV, Parquet with named columns.")],
    out: Annotated[Path, typer.Option(help="New folder for the world.")],
    env_id: Annotated[
        str | None, typer.Option("--id", help="Register it under this id, say longrec/Mine-v0; yours may be replaced.")
    ] = None,
    domain: Annotated[str, typer.Option(help="What is recommended, in one word, for prompts and pages.")] = "items",
    columns: Annotated[
        list[str] | None, typer.Option(metavar="OURS=THEIRS", help="A column's name in the files; may be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    rank: Annotated[int, typer.Option(min=1, help="Size of the matrix factorisation.")] = 32,
    window: Annotated[int, typer.Option(min=1, help="How many shown items users remember.")] = 4,
    horizon: Annotated[int, typer.Option(min=1, help="Step cap of a session.")] = 50,
    theta_quantile: Annotated[float, typer.Option(help="Share of item pairs that are too alike.")] = 0.02,
    r_min_quantile: Annotated[float, typer.Option(help="Share of rewards that are too low.")] = 0.1,
    licence: Annotated[str, typer.Option(help="Licence of the data, for the record.")] = "that of the log",
    epochs: Annotated[int, typer.Option(min=1, help="Longest training of the factorisation.")] = 60,
    min_ratings: Annotated[int, typer.Option(min=3, help="Users with fewer ratings are left out.")] = 5,
    test_share: Annotated[float, typer.Option(help="Share of the users in the test split.")] = 0.2,
    encoding: Annotated[str | None, typer.Option(help="Of text files. Default: UTF-8; latin-1 for u.item.")] = None,
    max_bad_share: Annotated[float, typer.Option(help="Share of bad lines above which nothing is built.")] = 0.01,
    force: Annotated[bool, typer.Option("--force", help="Keep a model no better than biases alone.")] = False,
    json: AsJson = False,
) -> None:
    """Turn a log of ratings into a world, with a card that says how well it fits held-out ratings.

    Example:  longrec world build --ratings u.data --items u.item --domain movies --out worlds/ml --id longrec/ML-v0
    """
    from leaderboard.agents import parse_parameters
    from recsim_envs.worlds.cards import card_markdown
    from recsim_envs.worlds.from_log import build_world
    from recsim_envs.worlds.registry import register_world

    name = _name(env_id, out)
    renamed = {k: str(v) for k, v in parse_parameters(columns or [], "column").items()}
    with Stages(quiet=json) as progress:
        world = build_world(
            ratings, items, out, name=name, domain=domain, seed=seed, licence=licence, progress=progress, rank=rank,
            window=window, horizon=horizon, theta_quantile=theta_quantile, r_min_quantile=r_min_quantile,
            epochs=epochs, min_ratings=min_ratings, test_share=test_share, encoding=encoding,
            max_bad_share=max_bad_share, columns=renamed or None, force=force,
        )  # fmt: skip
    if env_id is not None:
        register_world(env_id, out)
    if json:
        print_json({"path": out, "hash": world.hash, "id": env_id, "card": world.info.card})
        return
    print_markdown(card_markdown(world))
    say(f"world {name}: {world.num_users} users, {world.num_items} items, in {out}")
    if env_id is not None:
        say(f"registered as {env_id}   next: longrec evaluate greedy --env {env_id}")


@app.command()
def card(
    world: Annotated[str, typer.Argument(help="A world's folder, name or registered id.")],
    json: AsJson = False,
) -> None:
    """How well a world fits what was held out of it.

    Example:  longrec world card games
    """
    from recsim_envs.worlds import resolve
    from recsim_envs.worlds.cards import card_markdown

    found = resolve(world)
    if json:
        print_json({"name": found.info.name, "hash": found.hash, "card": found.info.card})
    else:
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
