"""Whether the order holds for other windows, thresholds and base models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from leaderboard.board.groups import Member
from leaderboard.study.contrast import Contrast, Pair, against, answered, contrasts, named
from leaderboard.study.kinds import LANGUAGE, ONLINE_RL
from leaderboard.study.question import Answer, Missing, Question
from leaderboard.study.records import Records, Table
from leaderboard.study.verdict import by_kind

_RIVALS: Final = (*LANGUAGE, *ONLINE_RL, "exact-no-repeat")
_SUITES: Final = ("departures-games", "departures-books")
_WRITER: Final[dict[str, object]] = {"model": "scripted"}
"""What follows rules and is no language model, but reads what one would."""
_BRIEF: Final[dict[str, object]] = {"prompts": "compact"}
_MODELS: Final[dict[str, dict[str, object]]] = {
    "billp with its defaults": {},
    "billp on scripted": _WRITER,
    "billp on scripted, with compact prompts": _WRITER | _BRIEF,
}
"""Runs that tell what hangs on the language model, and their parameters."""

_TEXT: Final = """
Where users remember fewer or more items (`window`) or call fewer or more of them too alike (`threshold`), `billp`, on
each language model that it was run on, less each rival: "yes" means that BiLLP has the higher score under that setting,
too. And `billp` on a language model less `billp` on `scripted`, which is none and follows rules, with the same other
parameters: "yes" means that the language model does better. Each reads the prompts that it reads best; one that reads
the compact ones, as the default does, is held against `scripted` with these, too.
"""


def _answer(records: Records) -> Answer:
    settings, models = list[Contrast](), list[Contrast]()
    for table in records.tables:
        rivals = [] if table.usual else table.named(_RIVALS)
        found = contrasts(table, [*against(table, table.on_models("billp"), rivals), *_models(table)])
        settings += [c for c in found if c.second in rivals]
        models += [c for c in found if c.second not in rivals]
    said = [_said("window and threshold", settings), _said("base model", models)]
    return answered([*settings, *models], [*_unasked(records), *_unset(records)], "; ".join(said))


def _models(table: Table) -> list[Pair]:
    """Every `billp` on a language model, with those on the scripted writer that differ in nothing but that."""
    pairs = list[Pair]()
    for member in table.named(["billp"]):
        given = member.row.parameters
        if given.get("model") == _WRITER["model"]:
            continue
        alike = [given | _WRITER]
        if "prompts" not in given and _prompts(member) == _BRIEF["prompts"]:
            alike.append(given | _WRITER | _BRIEF)
        found = [one for parameters in alike if (one := table.variant("billp", parameters)) is not None]
        pairs += [(f"{table.label(member)} less {table.label(one)}", member, one) for one in found]
    return pairs


def _prompts(member: Member) -> object:
    """The prompts that it read, whether they were named or followed from its language model."""
    return member.summary.submission.configuration.get("prompts")


def _unasked(records: Records) -> list[Missing]:
    """The runs that tell of the language model and that there are none of, in any table."""
    command = ("longrec", "evaluate", "billp", "--suite", "docs/examples/planners.json")
    return [
        Missing(what, " ".join([*command, *(f"-p {key}={value}" for key, value in given.items())]))
        for what, given in _MODELS.items() if not any(t.variant("billp", given) for t in records.usual)
    ]  # fmt: skip


def _unset(records: Records) -> list[Missing]:
    """The suites of other settings that nobody has run `billp` on, with its defaults."""
    ran = {table.first.suite for table in records.tables if table.plain("billp") is not None}
    return [
        Missing(f"billp on other settings, suite {suite}", f"longrec evaluate billp --suite docs/examples/{suite}.json")
        for suite in _SUITES if suite not in ran
    ]  # fmt: skip


def _said(what: str, found: Sequence[Contrast]) -> str:
    """The verdict for each language model."""
    said = [(f"{what}, {named(c.first)}", c.verdict) for c in found]
    return by_kind(said, sorted({kind for kind, _ in said}) or [what])


QUESTION: Final = Question(
    "robustness",
    "Is the order robust to window, threshold and base model?",
    _TEXT,
    "longrec evaluate billp --suite docs/examples/departures-games.json",
    _answer,
)
