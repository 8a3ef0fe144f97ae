"""The published JSON schemas of all files that are stored or sent: `python -m leaderboard.schemas [DIR]`.

They are generated from the models that the code itself reads these files with, and a test holds them to that.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from leaderboard.board.data import BoardFile
from leaderboard.evaluate.curve.kept import CurveFile
from leaderboard.evaluate.curve.plan import LearningCurve
from leaderboard.files import atomic_path
from leaderboard.prices import PriceTable
from leaderboard.schema import Reruns, Row, Season, Submission, Suite, TraceRow, TranscriptLine
from leaderboard.sweep.schema import SweepFile, TuneFile

FOLDER: Final = Path(__file__).parents[1] / "docs" / "schemas"

MODELS: Final[dict[str, Any]] = {
    "submission": Submission,
    "trace": TraceRow,
    "transcript": TranscriptLine,
    "curve": CurveFile,
    "learning_curve": LearningCurve,
    "suite": Suite,
    "season": Season,
    "reruns": Reruns,
    "row": Row,
    "board": BoardFile,
    "prices": PriceTable,
    "sweep": SweepFile,
    "tune": TuneFile,
}
"""By name of the schema: of a whole file, for traces of a row, for transcripts of a line."""


def schema_text(name: str) -> str:
    """The schema of one kind of file, as it is published."""
    return json.dumps(TypeAdapter(MODELS[name]).json_schema(), indent=1) + "\n"


def write_schemas(folder: Path) -> list[Path]:
    """Write all schemas into a folder; their paths."""
    written = [folder / f"{name}.json" for name in MODELS]
    for path in written:
        with atomic_path(path) as scratch:
            scratch.write_text(schema_text(path.stem), "utf-8", newline="\n")
    return written


def main() -> None:
    """Write the schemas and say where."""
    parser = argparse.ArgumentParser(prog="python -m leaderboard.schemas", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, metavar="DIR", help="default: docs/schemas")
    written = write_schemas(parser.parse_args().folder)
    print(f"{len(written)} schemas in {written[0].parent}")


if __name__ == "__main__":
    main()
