"""A world's card for people: Markdown, and one HTML page with plots that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from recsim_envs.errors import ConfigurationError
from recsim_envs.worlds.card.blocks import Block, Picture, Points, Section, Table, escaped, visible
from recsim_envs.worlds.card.plots import draw
from recsim_envs.worlds.card.sections import DAMAGE, about, sections
from recsim_envs.worlds.world import World

_FOLDER: Final = Path(__file__).parent


def card_markdown(world: World) -> str:
    """The card of a world as Markdown. A world without a card says so, and one whose card lacks figures too."""
    info = world.info
    lines = [f"# {escaped(info.name)}", ""]
    lines += [escaped(info.description), ""] if info.description else []
    facts = [(name, escaped(value)) for name, value in about(world)] + [("hash", f"`{world.hash}`")]
    lines += _table(("", ""), facts)
    for section in sections(info.card):
        lines += ["", *([f"## {escaped(section.title)}", ""] if section.title else []), *_blocks(section)]
    return "\n".join(lines) + "\n"


def _blocks(section: Section) -> list[str]:
    parts = [lines for block in section.blocks if (lines := _markdown(block))]
    return [line for part in parts for line in ([*part, ""])][:-1]


def _markdown(block: Block) -> list[str]:
    if isinstance(block, Table):
        return _table([escaped(cell) for cell in block.head], [[escaped(c) for c in row] for row in block.rows])
    if isinstance(block, Points):
        return [f"- {escaped(text)}" + (f" (`{_code(path)}`)" if path else "") for text, path in block.points]
    return [] if isinstance(block, Picture) else [escaped(block.text)]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    return [line(head), "|" + "---|" * len(head), *(line(row) for row in rows)]


def _code(text: str) -> str:
    return visible(text).replace("`", "'")


def card_html(world: World) -> str:
    """The card as one HTML page: style and plots are inside, there is no script, nothing is fetched from anywhere.

    It reads in light and dark, and what the card says is escaped. The same world gives the same bytes. Raises
    `ConfigurationError` where plots are due and matplotlib is missing.
    """
    return _page().render(
        name=visible(world.info.name, 100),
        description=visible(world.info.description),
        facts=[(name, visible(value)) for name, value in about(world)],
        hash=world.hash,
        sections=[
            (section, [_shown(block, world.info.card) for block in section.blocks])
            for section in sections(world.info.card)
        ],
        style=Markup((_FOLDER / "card.css").read_text("utf-8")),
    )


def _shown(block: Block, card: dict[str, Any]) -> dict[str, Any]:
    """A block as the template takes it: its kind and its parts. A plot that cannot be drawn is left out."""
    kind = type(block).__name__.lower()
    if not isinstance(block, Picture):
        return {"kind": kind, "it": block}
    try:
        return {"kind": kind, "it": block, "svg": Markup(draw(block.name, card))}  # matplotlib escapes its texts
    except ConfigurationError:  # it is a ValueError too
        raise
    except DAMAGE:
        return {"kind": "nothing"}


@cache
def _page() -> Any:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = visible
    return environment.get_template("card.html.j2")
