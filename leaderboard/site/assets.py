"""Style sheets and scripts: the files beside this module, as they are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from leaderboard.site.page import Page

_FOLDER: Final = Path(__file__).parent / "static"


def asset_pages() -> Iterator[Page]:
    """One file each, under `assets/`; they are part of the site's code, so nothing else is their input."""
    for path in sorted(_FOLDER.iterdir()):
        yield Page(f"assets/{path.name}", None, partial(path.read_text, "utf-8"))
