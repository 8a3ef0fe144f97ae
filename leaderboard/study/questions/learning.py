"""Whether learning happens."""

from __future__ import annotations

from collections.abc import Container
from itertools import chain, count
from typing import Final

from leaderboard.board.groups import RETURN
from leaderboard.evaluate.curve.picture import picture
from leaderboard.evaluate.curve.plan import UNITS, LearningCurve
from leaderboard.site.text import markdown
from leaderboard.study.contrast import interval
from leaderboard.study.question import Answer, Question, Sheet
from leaderboard.study.records import Records, Told
from leaderboard.study.verdict import Verdict, by_kind, verdict

_COLUMNS: Final = (
    "environment",
    "agent",
    "budgets",
    "seeds",
    "R_traj: first",
    "last",
    "last less first, 95 %",
    "verdict",
)
_NOTE: Final = (
    "From the smallest budget to the largest, paired by user and training seed. Curves go with submissions (`longrec "
    "submit --curve`); a replay checks no training, so they are claims."
)
_WANTED: Final = (
    "longrec train billp --env longrec/Games-v0 -o protocol=FB --episodes 100 --curve --seeds 3 --out runs/curve"
)

_TEXT: Final = """
A fresh agent is trained with each budget and plays the same unseen users; memories are frozen by then. "Yes" means that
after the largest budget it earns more than after the smallest. In the published runs of BiLLP there was no trend:
the correlation of episode number and Len was -0.10 to -0.16.
"""


def _answer(records: Records) -> Answer:
    if not records.curves:
        return Answer("not run")
    said = [_verdict(told.curve) for told in records.curves]
    lines = [_line(told, word) for told, word in zip(records.curves, said, strict=True)]
    pictures: dict[str, str] = {}
    for told in records.curves:
        pictures[_end(told.curve, pictures)] = picture([told.curve])
    agents = [told.agent for told in records.curves]
    words = by_kind(zip(agents, said, strict=True), dict.fromkeys(agents))
    sources = frozenset(told.source for told in records.curves)
    return Answer(words, [Sheet("", _COLUMNS, lines, _NOTE)], pictures, sources=sources)


def _verdict(curve: LearningCurve) -> Verdict:
    return verdict(curve.points[-1].less_first.get(RETURN))


def _line(told: Told, said: Verdict) -> list[str]:
    curve = told.curve
    plan, change = curve.plan, curve.points[-1].less_first.get(RETURN)
    return [
        markdown(plan.task.env_id.rpartition("/")[2]), markdown(told.agent),
        f"{plan.at[0]} to {plan.at[-1]} {UNITS[plan.unit]}", str(len(plan.training_seeds)),
        *(interval(point.metrics[RETURN], 1) for point in (curve.points[0], curve.points[-1])),
        "" if change is None else interval(change, 1), said,
    ]  # fmt: skip


def _end(curve: LearningCurve, taken: Container[str]) -> str:
    """Of a picture's file name; with a number where an agent has several curves on one environment."""
    plan = curve.plan
    name = f"{plan.task.env_id.rpartition('/')[2]}-{plan.agent.name}".lower()
    return next(end for end in chain([name], (f"{name}-{n}" for n in count(2))) if end not in taken)


QUESTION: Final = Question("learning", "Does learning happen?", _TEXT, _WANTED, _answer)
