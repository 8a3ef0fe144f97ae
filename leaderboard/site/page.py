"""`Page`: a file of the site, and the templates that pages are made from."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from leaderboard.schema import Row
from leaderboard.site import cells, text

_FOLDER: Final = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Page:
    """A file of the site. `inputs` is JSON that names all it is made of: the keys of what it shows.

    Where name, inputs and the code of the site are those that the file there was made from, `render` need not be
    called. Names have forward slashes.
    """

    name: str
    inputs: Any
    render: Callable[[], str | bytes]

    @property
    def root(self) -> str:
        """The way from this page to the site's first folder: "" or "../"."""
        return "../" * self.name.count("/")


def html_page(name: str, inputs: Any, template: str, values: Callable[[], dict[str, Any]]) -> Page:
    """A page of HTML: `values` is called only when it is rendered."""

    def render() -> str:
        return templates().get_template(template).render(values() | {"root": page.root})

    page = Page(name, inputs, render)
    return page


@cache
def templates() -> Environment:
    """All templates. What they are filled with is escaped, except in Markdown, whose template escapes it itself."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=lambda name: not (name or "").endswith(".md.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for function in (
        text.breakable, text.compact, text.counted, text.duration, text.log, text.markdown, text.percent, text.plain,
        text.prose, text.settings, text.track, text.trained,
    ):  # fmt: skip
        environment.filters[function.__name__] = function
    environment.filters["command"] = _command
    texts = {"ABSENT": text.ABSENT} | {f.__name__: f for f in (text.called, text.figure, text.interval, text.meaning)}
    drawn = (cells.agent_link, cells.badge, cells.bar, cells.measured, cells.rank, cells.tier)
    environment.globals |= texts | {function.__name__: function for function in drawn}
    return environment


def _command(row: Row) -> str:
    """The recorded command for a shell."""
    return text.visible(shlex.join(row.command))
