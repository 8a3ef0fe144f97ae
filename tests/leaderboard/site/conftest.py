"""A site in a folder, and a real Chromium to look at it with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leaderboard.board.model import Board
from leaderboard.site.pages import pages
from tests.leaderboard.site.fake_board import fake_board, many

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or ""


def written(board: Board, folder: Path) -> Path:
    """The files of a board's site in a folder, in a sub-path as GitHub Pages has it."""
    for page in pages(board):
        path = folder / "sub path" / page.name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = page.render()
        assert isinstance(text, str)
        path.write_text(text, "utf-8")
    return folder / "sub path"


@pytest.fixture(scope="session")
def small_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven agents on two environments."""
    return written(fake_board(), tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def large_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many agents that tables read most of their rows later."""
    return written(fake_board(many(130)), tmp_path_factory.mktemp("large"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium; without it these tests are skipped, which CI does not let happen."""
    if not CHROMIUM:
        pytest.skip("no Chromium here: apt-get install chromium, and these tests look at the site with it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM)
        yield chromium
        chromium.close()
