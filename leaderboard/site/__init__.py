"""The board as a page, as Markdown and as a picture: the templates beside this module, filled from rows only."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from leaderboard.schema import Row
from leaderboard.site import geometry, text
from leaderboard.site.agent import agent_pages
from leaderboard.site.assets import asset_pages
from leaderboard.site.compare import compare_pages
from leaderboard.site.environment import environment_pages
from leaderboard.site.glossary import glossary_pages
from leaderboard.site.index import index_pages
from leaderboard.site.page import Page
from leaderboard.site.player import player_pages
from leaderboard.site.usage import test_usage, training_usage
from leaderboard.site.view import board, meaning, section_axis

if TYPE_CHECKING:
    from leaderboard.board.model import Board

_FOLDER: Final = Path(__file__).parent
_TABLE_BAR: Final = 122  # width of an interval bar in the table
_PANEL: Final = 430  # width of one environment in the picture


def pages(board: Board) -> Iterator[Page]:
    """Every file of the site; nothing is rendered before it is asked for."""
    yield from asset_pages()
    yield from index_pages(board)
    yield from environment_pages(board)
    yield from agent_pages(board)
    yield from player_pages(board)
    yield from compare_pages(board)
    yield from glossary_pages()


def page(rows: Iterable[Row]) -> str:
    """One self-contained HTML page: styles and script are inside, nothing is fetched from anywhere.

    Its content security policy lets only that script run, whatever the texts of submissions say.
    """
    script, style = ((_FOLDER / name).read_text("utf-8") for name in ("board.js", "style.css"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _template("page.html.j2").render(parts=board(rows), script=script, style=style, script_hash=digest)


def picture(rows: Iterable[Row]) -> str:
    """An SVG of the board's main figure: every agent's score with its interval, one panel an environment."""
    sections = [section for part in board(rows) for section in part.sections]
    tallest = max((len(section.entries) for section in sections), default=0)
    return _template("picture.svg.j2").render(sections=sections, panel=_PANEL, tallest=tallest)


def markdown(rows: Iterable[Row]) -> str:
    """`LEADERBOARD.md`: one table an environment, as GitHub shows it."""
    return _template("leaderboard.md.j2").render(parts=board(rows))


@cache
def _template(name: str) -> Any:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=not name.endswith(".md.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for function in (text.percent, text.compact, text.duration, text.counted, text.plain, text.prose, text.settings):
        environment.filters[function.__name__] = function
    environment.filters |= {
        "markdown": text.markdown,
        "words": text.words,
        "track": text.track,
        "log": text.log,
        "trained": text.trained,
        "facts": _facts,
        "command": _command,
    }
    environment.filters["share_in"] = lambda cause, departures: departures.get(cause, 0.0)
    environment.globals |= {
        "ABSENT": text.ABSENT,
        "axis": section_axis,
        "figure": text.figure,
        "geometry": geometry,
        "interval": text.interval,
        "mark": geometry.mark,
        "meaning": meaning,
        "test_usage": test_usage,
        "training_usage": training_usage,
        "value": _value,
        "bar_width": _TABLE_BAR,
    }
    return environment.get_template(name)


def _value(metric: str, row: Row) -> str:
    """A cell of the Markdown table: a figure and its interval."""
    found = row.metrics.get(metric)
    if found is None:
        return f" {text.ABSENT}"
    range_ = text.interval(metric, found)
    return f" {text.figure(metric, found.value)}" + (f" ({range_})" if range_ else "")


def _command(row: Row) -> str:
    """The recorded command for a shell."""
    return text.visible(shlex.join(row.command))


def _facts(row: Row) -> str:
    """The beginning of what the agent tells of itself, under the first training seed, as indented JSON."""
    if not row.facts or not row.facts[0]:
        return ""
    return text.prose(json.dumps(row.facts[0], indent=1, ensure_ascii=False), 1_200)
