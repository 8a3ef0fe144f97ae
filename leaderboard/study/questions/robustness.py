"""Whether the order holds for other windows, thresholds and base models."""

from __future__ import annotations

from typing import Final

from leaderboard.board.groups import Member
from leaderboard.study.contrast import Contrast, Pair, answered, contrasts
from leaderboard.study.kinds import LANGUAGE, ONLINE_RL
from leaderboard.study.question import Answer, Missing, Question
from leaderboard.study.records import Records, Table
from leaderboard.study.verdict import together

_RIVALS: Final = (*LANGUAGE, *ONLINE_RL, "exact-no-repeat")
_SUITES: Final = ("departures-games", "departures-books")
_MODELS: Final = {
    "billp on another base model": "-p prompts=compact -p model=pocket",
    "billp on scripted with the same prompts": "-p prompts=compact",
}

_TEXT: Final = """
Where users remember fewer or more items (`window`) or call fewer or more of them too alike (`threshold`), `billp` less
each rival: "yes" means that BiLLP has the higher score under that setting, too. And `billp` on another language model
less `billp` on the default one, `scripted`, with the same prompts and other parameters: "yes" means that the other
model does better.
"""


def _answer(records: Records) -> Answer:
    settings, models, missing = list[Contrast](), list[Contrast](), list[Missing]()
    for table in records.tables:
        models += contrasts(table, _models(table))
        billp = table.plain("billp")
        if billp is not None and not table.usual:
            settings += contrasts(table, _pairs(table, billp))
    if not models:
        command = "longrec evaluate billp --suite docs/examples/planners.json"
        missing += [Missing(what, f"{command} {given}") for what, given in _MODELS.items()]
    missing += _unset(records)
    said = f"window and threshold: {_said(settings)}; base model: {_said(models)}"
    return answered([*settings, *models], missing, said)


def _pairs(table: Table, billp: Member) -> list[Pair]:
    return [(f"less {table.label(rival)}", billp, rival) for rival in table.named(_RIVALS)]


def _models(table: Table) -> list[Pair]:
    """Every `billp` on another model, with the one that differs from it in nothing else."""
    pairs = list[Pair]()
    for member in table.named(["billp"]):
        rest = {name: value for name, value in member.row.parameters.items() if name != "model"}
        if "model" in member.row.parameters and (usual := table.variant("billp", rest)) is not None:
            pairs.append((str(member.row.parameters["model"]), member, usual))
    return pairs


def _unset(records: Records) -> list[Missing]:
    """The suites of other settings that nobody has run `billp` on."""
    ran = {table.first.suite for table in records.tables if table.plain("billp") is not None}
    return [
        Missing(f"billp on other settings, suite {suite}", f"longrec evaluate billp --suite docs/examples/{suite}.json")
        for suite in _SUITES if suite not in ran
    ]  # fmt: skip


def _said(found: list[Contrast]) -> str:
    return together([c.verdict for c in found])


QUESTION: Final = Question(
    "robustness",
    "Is the order robust to window, threshold and base model?",
    _TEXT,
    "longrec evaluate billp --suite docs/examples/departures-games.json",
    _answer,
)
