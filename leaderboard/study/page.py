"""Answers as Markdown: a page a question, and the page that lists them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from leaderboard.site.text import markdown
from leaderboard.study.question import Answer, Missing, Question, Sheet

COMMAND: Final = "longrec study --out docs/study"
_ADDED: Final = (
    "longrec evaluate billp --suite docs/examples/departures-books.json",
    "longrec submit runs/departures-books/billp --to leaderboard/study/submissions",
    COMMAND,
)
_MADE: Final = f"<!-- Written by `{COMMAND}`; do not edit. -->"


def page(question: Question, answer: Answer, confirmed: Collection[str] = ()) -> str:
    """`<question>.md`; `confirmed` are those submissions whose agent was run again."""
    parts = [f"# {question.title}", _MADE, f"**Verdict: {answer.verdict}.**", question.text.strip()]
    parts += [f"![{question.title}]({picture_name(question, end)})" for end in answer.pictures]
    parts += [_sheet(sheet) for sheet in answer.sheets]
    missing = answer.missing or ([] if answer.sheets else [Missing("what it is asked of", question.command)])
    if missing:
        lines = [f"* {markdown(one.what)}" for one in missing]
        parts += ["## Not run", "\n".join(lines), _block(dict.fromkeys(one.command for one in missing))]
    parts += ["## Where this comes from", _origin(answer, confirmed)]
    return "\n\n".join(parts) + "\n"


def picture_name(question: Question, end: str) -> str:
    """The file of one of a page's pictures."""
    return f"{question.name}-{end}.svg" if end else f"{question.name}.svg"


def index(answers: Mapping[str, Answer], questions: Sequence[Question], left_out: Sequence[str]) -> str:
    """`index.md`: every question with its verdict."""
    lines = [[f"[{q.title}]({q.name}.md)", answers[q.name].verdict] for q in questions]
    parts = [
        "# The paper's questions", _MADE,
        "What *Large Language Models are Learnable Planners for Long-Term Recommendation* (SIGIR 2024) asks, asked "
        "again of replayed submissions. Verdicts follow from intervals by rule: **yes** where a difference lies above "
        "zero with all of its interval, **no** where it lies below, **not told apart** where the interval holds zero, "
        "**not run** where the submissions are missing. Nobody writes them, and whoever adds a submission may change "
        "them. Intervals hold together within one environment of one suite, not over a page. Names tell the language "
        "model: *billp on pocket* asked [one of two million parameters](../pocket.md). *billp on scripted*, and all "
        "others that need one and whose name tells none, asked `scripted`, which follows rules and is none: see "
        "[language models](../language-models.md).",
        _grid(["question", "verdict"], lines),
        "`longrec study` replays the submissions of record and those in `leaderboard/study/submissions`, which are no "
        "competitors (ablations, other departures), and writes these pages; the same records give the same bytes. A "
        "run is added so:",
        _block(_ADDED),
    ]  # fmt: skip
    if left_out:
        parts += ["## Left out", "\n".join(f"* {markdown(reason)}" for reason in left_out)]
    return "\n\n".join(parts) + "\n"


def _block(commands: Iterable[str]) -> str:
    return "\n".join(["```sh", *commands, "```"])


def _origin(answer: Answer, confirmed: Collection[str]) -> str:
    if not answer.sources:
        return f"`{COMMAND}` wrote this page; it found no submissions for it."
    names = ", ".join(f"`{name}`" for name in sorted(answer.sources))
    again = len(answer.sources & set(confirmed)) or "none"
    return (
        f"`{COMMAND}` wrote this page from {len(answer.sources)} submissions, each of which was replayed and holds the "
        f"command and the commit that made it. The agents of {again} of them were "
        "[run again](../verifying.md#reproduce); of the others a replay shows what was earned, not who chose it or how "
        f"it was trained. They are {names}."
    )


def _sheet(sheet: Sheet) -> str:
    parts = [f"## {sheet.title}"] if sheet.title else []
    return "\n\n".join([*parts, _grid(sheet.columns, sheet.lines), *([sheet.note] if sheet.note else [])])


def _grid(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table; `markdown` has been applied to what strangers wrote."""
    rows = [columns, ["---"] * len(columns), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
