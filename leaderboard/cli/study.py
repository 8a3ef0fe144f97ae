"""`longrec study`: the paper's questions, answered from submissions."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from leaderboard.cli.boards import Cache, Workers
from leaderboard.cli.output import AsJson, Stages, print_json, print_table, say
from leaderboard.cli.record import RECORD

OF_STUDY: Final = Path("leaderboard/study/submissions")


def study(
    submissions: Annotated[
        list[Path] | None,
        typer.Argument(help=f"Folders of submissions. Default: {RECORD} and {OF_STUDY}."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the pages and their pictures.")] = Path("docs/study"),
    workers: Workers = 0,
    cache: Cache = None,
    json: AsJson = False,
) -> None:
    """Answer the paper's questions from replayed submissions: a page and a picture each, with a verdict by rule.

    What was replayed before is taken from the board's cache. The same submissions give the same bytes.

    Example:  longrec study --out docs/study
    """
    from leaderboard.study.questions import QUESTIONS
    from leaderboard.study.records import read
    from leaderboard.study.write import answers, write
    from leaderboard.submit import find

    folders = find(submissions or [RECORD, OF_STUDY])
    with Stages(quiet=json) as stages:
        records = read(folders, cache=cache, workers=workers, watch=partial(stages, "replayed"))
    found = answers(records)
    files = write(found, records, out)
    if json:
        print_json({"verdicts": {name: answer.verdict for name, answer in found.items()}, "files": files})
        return
    print_table("the paper's questions", ["question", "verdict"], [(q.title, found[q.name].verdict) for q in QUESTIONS])
    say(f"written to {out}: {len(files)} files")
