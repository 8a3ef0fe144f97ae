"""Transcripts on disk: `transcript.jsonl`, one line a session or a list of lessons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from leaderboard.files import check_regular, first_fault
from leaderboard.schema import OPTIONAL_FILES, LessonsTold, SessionTold, TranscriptLine
from recsim_envs.errors import SubmissionError

NAME: Final = "transcript.jsonl"
LONGEST_TEXT: Final = 1_000  # characters
LONGEST_LIST: Final = 32  # entries
DEEPEST: Final = 5  # objects and lists within one another
CUT: Final = " [cut]"
"""How a text ends that was longer; the key `cut` of what is told names the keys of whatever was shortened."""

_LINE: Final[TypeAdapter[SessionTold | LessonsTold]] = TypeAdapter(TranscriptLine)


def shortened(told: dict[str, Any]) -> dict[str, Any]:
    """What an agent told, within bounds; the key `cut` names what lost something."""
    short = {key: _short(value, 1) for key, value in told.items()}
    cut = sorted(key for key in told if short[key] != told[key])
    return short | ({"cut": cut} if cut else {})


def _short(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else value[: LONGEST_TEXT - len(CUT)] + CUT
    if isinstance(value, (dict, list)) and depth >= DEEPEST:
        return CUT.strip()
    if isinstance(value, list):
        return [_short(part, depth + 1) for part in value[:LONGEST_LIST]]
    if isinstance(value, dict):
        return {key: _short(part, depth + 1) for key, part in list(value.items())[:LONGEST_LIST]}
    return value


def to_text(lines: Sequence[SessionTold | LessonsTold]) -> str:
    """JSON lines."""
    return "".join(line.model_dump_json() + "\n" for line in lines)


def from_text(text: str, where: object) -> list[SessionTold | LessonsTold]:
    """Read JSON lines. Raises `SubmissionError` naming `where`, line and field."""
    found = []
    lines = text.removesuffix("\n").split("\n") if text else []  # not splitlines: texts may hold other ends of lines
    for number, line in enumerate(lines, 1):
        try:
            found.append(_LINE.validate_json(line))
        except ValidationError as fault:
            raise SubmissionError(f"{where}, line {number}: {first_fault(fault)}; write it with longrec") from None
    return found


def read_transcript(path: Path) -> list[SessionTold | LessonsTold]:
    """Read a transcript. Raises `SubmissionError` for what is missing, too large or no transcript."""
    most = OPTIONAL_FILES[NAME]
    try:
        if check_regular(path) > most:
            raise SubmissionError(f"{path} is larger than {most} bytes; write it with longrec")
        return from_text(path.read_text("utf-8"), path)
    except FileNotFoundError:
        raise SubmissionError(f"{path} does not exist; copy the whole submission folder") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SubmissionError(f"{path} cannot be read ({error}); copy it again") from error
