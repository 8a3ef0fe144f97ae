"""Prompts as data: Jinja2 templates, one for the system message and one for the user message of each role."""

from __future__ import annotations

from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

# domain -> (one item, several items, what a user does with it)
_WORDS = {
    "games": ("game", "games", "play"),
    "books": ("book", "books", "read"),
    "movies": ("movie", "movies", "watch"),
    "videos": ("video", "videos", "watch"),
}
FOLDER = Path(__file__).parent
SLATES = "slates"
"""The folder of the templates for slates, and for single items that are answered otherwise than by a reward."""
COMPACT = "compact"
"""The folder of the short templates for small models."""
COMPACT_SLATES = "compact_slates"
"""Both at once: the short templates where slates are shown, or items that are answered otherwise than by a reward."""


def words(domain: str) -> dict[str, str]:
    """The words that templates use for a domain; an unknown domain is called by neutral ones."""
    one, many, use = _WORDS.get(domain, ("item", "items", "use"))
    return {"one": one, "many": many, "use": use}


@cache
def fitting(name: str, *folders: str) -> str:
    """The template of this name in the first of these folders that has one, else the one for all."""
    found = (folder for folder in folders if (FOLDER / folder / f"{name}.j2").is_file())
    return "/".join((*islice(found, 1), name))


@cache
def template(name: str, *folders: Path) -> Template:
    """The template of this name in the first of these folders that has one, else in `FOLDER`; compiled once a process.

    Plain text for a language model, not HTML: escaping would garble titles. `recsim_envs.text.catalogue.plain` has made
    them safe.
    """
    loader = FileSystemLoader([*folders, FOLDER])
    environment = Environment(loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template(f"{name}.j2")


def render(name: str, **values: Any) -> str:
    """A template filled in. Raises `jinja2.UndefinedError` for a missing value."""
    return template(name).render(**values).strip()
