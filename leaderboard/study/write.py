"""From records to the pages of the study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from leaderboard.files import atomic_path
from leaderboard.study.page import index, page, picture_name
from leaderboard.study.question import Answer, Question
from leaderboard.study.questions import QUESTIONS
from leaderboard.study.records import Records


def answers(records: Records, questions: Sequence[Question] = QUESTIONS) -> dict[str, Answer]:
    """Every question's answer, by its name."""
    return {question.name: question.answer(records) for question in questions}


def write(
    found: Mapping[str, Answer], records: Records, out: Path, questions: Sequence[Question] = QUESTIONS
) -> list[Path]:
    """Write a page a question with its pictures, and the index; the files. The same answers give the same bytes."""
    files = {"index.md": index(found, questions, records.left_out)}
    for question in questions:
        answer = found[question.name]
        files[f"{question.name}.md"] = page(question, answer, records.confirmed)
        files |= {picture_name(question, end): svg for end, svg in answer.pictures.items()}
    for name, text in files.items():
        with atomic_path(out / name) as scratch:
            scratch.write_text(text, "utf-8", newline="\n")
    return [out / name for name in files]
