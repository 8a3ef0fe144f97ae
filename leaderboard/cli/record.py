"""Where the submissions of record lie: what commands take where no folder is named."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

RECORD: Final = Path("leaderboard/submissions")

Submissions = Annotated[list[Path] | None, typer.Argument(help=f"Folders that hold submissions. Default: {RECORD}.")]
