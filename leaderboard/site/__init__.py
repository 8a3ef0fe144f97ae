"""The board as a site, as Markdown, as a picture and in a terminal. Everything here is drawn from the board's model.

The site is static: it works from files and from any sub-path, asks nobody for anything, and its content security policy
lets only its own files run. Whatever strangers wrote is escaped by the templates, and made visible by `text`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from leaderboard.site.agent import agent_pages
from leaderboard.site.assets import asset_pages
from leaderboard.site.compare import compare_pages
from leaderboard.site.environment import environment_pages
from leaderboard.site.glossary import glossary_pages
from leaderboard.site.index import index_pages
from leaderboard.site.page import Page
from leaderboard.site.player import player_pages
from leaderboard.site.readme import markdown, picture
from leaderboard.site.suite import suite_pages

if TYPE_CHECKING:
    from leaderboard.board.model import Board

__all__ = ["markdown", "pages", "picture"]


def pages(board: Board) -> Iterator[Page]:
    """Every file of the site; nothing is rendered before it is asked for."""
    yield from asset_pages()
    yield from index_pages(board)
    yield from suite_pages(board)
    yield from environment_pages(board)
    yield from agent_pages(board)
    yield from player_pages(board)
    yield from compare_pages(board)
    yield from glossary_pages()
