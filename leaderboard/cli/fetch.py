"""`longrec world fetch`: public data sets, from their publishers to this machine."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leaderboard.cli.output import AsJson, Stages, print_json, print_table, say

if TYPE_CHECKING:
    from recsim_envs.worlds.sources import Source


def fetch(
    name: Annotated[str | None, typer.Argument(help="A data set, say ml-1m. Without it: the table of all.")] = None,
    raw_dir: Annotated[
        Path | None, typer.Option(help="Folder where you have the files already; then nothing is downloaded.")
    ] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Agree to the licence, which is shown, without being asked.")
    ] = False,
    list_sources: Annotated[bool, typer.Option("--list", help="List the data sets there are, and fetch none.")] = False,
    json: AsJson = False,
) -> None:
    """Download a public data set from its publisher, or check the files that you have.

    What is cut off is gone on with when the command is given again. Each licence is shown and accepted once.

    Example:  longrec world fetch ml-1m
    """
    from recsim_envs.worlds.sources import accept_licence as ask_once
    from recsim_envs.worlds.sources import fetch as fetch_source
    from recsim_envs.worlds.sources import find_source

    if name is None or list_sources:
        _list(json)
        return
    source = find_source(name)
    # Before there are bars, which would overwrite the question.
    ask_once(source, lambda asked: agree(asked, agreed=accept_licence, may_ask=not json))
    with Stages(quiet=json) as progress:
        folder = fetch_source(source.name, raw_dir=raw_dir, accept=lambda _: True, progress=progress)
    if json:
        print_json({"name": source.name, "path": folder, "licence": source.licence.name, "cite": source.citation})
        return
    own = f" --raw-dir {shlex.quote(str(raw_dir))}" if raw_dir is not None else ""
    say(f"{source.title} lies in {folder}")
    say(f"cite: {source.citation}")
    say(f"next: longrec world build --source {source.name}{own} --out worlds/{source.name} --id {source.env_id}")


def agree(source: Source, *, agreed: bool = False, may_ask: bool = True) -> bool:
    """Show the licence, and ask for a yes unless it was given on the command line or nobody is there to give it."""
    from recsim_envs.worlds.sources import licence_text

    say(licence_text(source))
    if agreed:
        return True
    return may_ask and sys.stdin.isatty() and typer.confirm("Do you agree?", default=False, err=True)


def _list(json: bool) -> None:
    from recsim_envs.worlds.sources import SOURCES

    if json:
        print_json(
            [
                {
                    "name": source.name,
                    "title": source.title,
                    "domain": source.domain,
                    "bytes": source.size,
                    "manual": source.manual,
                    "licence": source.licence.name,
                    "value": source.value,
                    "homepage": source.homepage,
                    "files": [{"name": file.name, "url": file.url, "checksum": file.checksum} for file in source.files],
                }
                for source in SOURCES.values()
            ]
        )
        return
    lines = [
        (
            source.name,
            _size(source),
            source.title,
            source.domain,
            "on request" if source.manual else source.licence.name,
        )
        for source in SOURCES.values()
    ]
    print_table("public data sets", ["name", "size", "title", "domain", "licence"], lines, figures=1)


def _size(source: Source) -> str:
    """Of the download, as far as the publisher tells it."""
    if not source.size:
        return "?"
    more = "" if all(file.size for file in source.files) else ">"
    return f"{more}{source.size / 1e6:,.0f} MB"
