"""Whether the order holds for other windows, thresholds and base models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from leaderboard.board.groups import Member
from leaderboard.site.text import called_in_full
from leaderboard.study.contrast import Contrast, Pair, against, answered, contrasts, named
from leaderboard.study.kinds import LANGUAGE, ONLINE_RL
from leaderboard.study.models import POCKET, WRITER, chosen, essential, own_prompts, shown
from leaderboard.study.question import Answer, Missing, Question
from leaderboard.study.records import Records, Table
from leaderboard.study.verdict import by_kind

_RIVALS: Final = (*LANGUAGE, *ONLINE_RL, "exact-no-repeat")
_SUITES: Final = ("departures-games", "departures-books")
_MODELS: Final = (POCKET, WRITER, WRITER | {"prompts": "compact"})
"""Parameters of the runs that tell what hangs on the language model."""

_TEXT: Final = """
Where users remember fewer or more items (`window`) or call fewer or more of them too alike (`threshold`), `billp`, on
each language model that it was run on, less each rival: "yes" means that BiLLP has the higher score under that setting,
too. And `billp` on a language model less `billp` on `scripted`, which is none and follows rules, with the same other
parameters, where both met the same users: "yes" means that the language model does better. First each reads the prompts
that it is asked in by default; one for which these are the compact ones, as for `pocket`, is held against `scripted`
with these, too.
"""


def _answer(records: Records) -> Answer:
    settings, models = list[Contrast](), list[Contrast]()
    for table in records.tables:
        rivals = [] if table.usual else table.named(_RIVALS)
        found = contrasts(table, [*against(table, table.on_models("billp"), rivals), *_models(table)])
        settings += [c for c in found if c.second in rivals]
        models += [c for c in found if c.second not in rivals]
    said = [
        _said("window and threshold", [(named(c.first), c) for c in settings]),
        _said("base model", [(f"{_in_full(c.first)} against {_in_full(c.second)}", c) for c in models]),
    ]
    return answered([*settings, *models], [*_unasked(records), *_unset(records)], "; ".join(said))


def _models(table: Table) -> list[Pair]:
    """Every `billp` on a language model, with those on the scripted writer that differ in nothing but that."""
    return [
        (f"{table.label(member)} less {table.label(other)}", member, other)
        for member in table.named(["billp"]) for parameters in _alike(chosen(member))
        if (other := table.variant("billp", parameters)) is not None
    ]  # fmt: skip


def _alike(parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Those on the writer: in the prompts that it is asked in, and in those of the language model where they differ."""
    model = parameters.get("model", WRITER["model"])
    if model == WRITER["model"]:
        return []
    own, same = essential(parameters | WRITER), essential({"prompts": own_prompts(model)} | parameters | WRITER)
    return [own] if own == same else [own, same]


def _in_full(member: Member) -> str:
    return called_in_full(member.row.agent, shown(member))


def _unasked(records: Records) -> list[Missing]:
    """The runs that tell of the language model and that there are none of, in any table."""
    command = ("longrec", "evaluate", "billp", "--suite", "docs/examples/planners.json")
    return [
        Missing(called_in_full("billp", given), " ".join([*command, *(f"-p {key}={v}" for key, v in given.items())]))
        for given in _MODELS if not any(t.variant("billp", given) for t in records.usual)
    ]  # fmt: skip


def _unset(records: Records) -> list[Missing]:
    """The suites of other settings that nobody has run `billp` on, with the language model that comes along."""
    ran = {table.first.suite for table in records.tables if table.variant("billp", POCKET) is not None}
    return [
        Missing(
            f"billp on pocket on other settings, suite {suite}",
            f"longrec evaluate billp --suite docs/examples/{suite}.json -p model=pocket",
        )
        for suite in _SUITES if suite not in ran
    ]  # fmt: skip


def _said(what: str, found: Sequence[tuple[str, Contrast]]) -> str:
    """The verdict for each that is named."""
    said = [(f"{what}, {name}", c.verdict) for name, c in found]
    return by_kind(said, sorted({kind for kind, _ in said}) or [what])


QUESTION: Final = Question(
    "robustness",
    "Is the order robust to window, threshold and base model?",
    _TEXT,
    "longrec evaluate billp --suite docs/examples/departures-games.json",
    _answer,
)
