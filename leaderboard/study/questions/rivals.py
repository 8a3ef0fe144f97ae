"""Whether BiLLP beats ActOnly, ReAct, Reflexion and reinforcement learning after 100 training sessions."""

from __future__ import annotations

from typing import Final

from leaderboard.study.contrast import Contrast, absent, answered, contrasts
from leaderboard.study.kinds import LANGUAGE, ONLINE_RL, RIVALS, kind_of
from leaderboard.study.question import Answer, Question
from leaderboard.study.records import Records
from leaderboard.study.verdict import by_kind

_RL: Final = "ppo"
"""Reinforcement learning whose run is asked for where it is missing: it plays every family."""

_TEXT: Final = """
`billp` with its defaults less each rival, where all were given the same training sessions, 100 at most, on the same
train users, and met the same test users. `act-only` and `react` do not learn and use none. "Yes" means that BiLLP has
the higher score.
"""


def _answer(records: Records) -> Answer:
    tables = [t for t in records.usual if t.first.track == "scarce" and not t.first.declared.steps]
    found = list[Contrast]()
    for table in tables:
        if (billp := table.plain("billp")) is not None:
            rivals = table.named([*LANGUAGE, *ONLINE_RL])
            found += contrasts(table, [(f"less {table.label(rival)}", billp, rival) for rival in rivals])
    missing = absent([t for t in tables if t.plain("billp") is not None], (*LANGUAGE, _RL))
    return answered(found, missing, by_kind([(kind_of(c.second.row.agent, RIVALS), c.verdict) for c in found], RIVALS))


QUESTION: Final = Question(
    "rivals", "Does BiLLP beat ActOnly, ReAct, Reflexion and reinforcement learning at 100 episodes?", _TEXT,
    "longrec evaluate billp --suite docs/examples/planners.json", _answer,
)  # fmt: skip
