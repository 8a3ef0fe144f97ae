"""Every file of the site."""

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
from leaderboard.site.suite import suite_pages

if TYPE_CHECKING:
    from leaderboard.board.model import Board


def pages(board: Board) -> Iterator[Page]:
    """Of a board; nothing is rendered before it is asked for."""
    yield from asset_pages()
    yield from index_pages(board)
    yield from suite_pages(board)
    yield from environment_pages(board)
    yield from agent_pages(board)
    yield from player_pages(board)
    yield from compare_pages(board)
    yield from glossary_pages()
