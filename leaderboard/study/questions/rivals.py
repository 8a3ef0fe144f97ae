"""Whether BiLLP beats ActOnly, ReAct, Reflexion and reinforcement learning after 100 training sessions."""

from __future__ import annotations

from typing import Any, Final

from leaderboard.study.contrast import Contrast, absent, against, answered, contrasts, named
from leaderboard.study.kinds import LANGUAGE, ONLINE_RL, RIVALS, kind_of
from leaderboard.study.models import POCKET
from leaderboard.study.question import Answer, Question
from leaderboard.study.records import Records
from leaderboard.study.verdict import by_agent

_ASKED: Final[dict[str, dict[str, Any]]] = {"billp": POCKET} | {agent: {} for agent in (*LANGUAGE, "ppo")}
"""What is asked for where it is missing; of reinforcement learning what plays every family."""

_TEXT: Final = """
`billp`, on each language model that it was run on and otherwise with its defaults, less each rival, where all were
given the same training sessions, 100 at most, on the same train users, and met the same test users. `act-only` and
`react` do not learn and use none. Names tell the language model; those that need one and tell none asked `scripted`.
"Yes" means that BiLLP has the higher score.
"""


def _answer(records: Records) -> Answer:
    tables = [t for t in records.usual if t.first.track == "scarce" and not t.first.declared.steps]
    found = list[Contrast]()
    for table in tables:
        pairs = against(table, table.on_models("billp"), table.named([*LANGUAGE, *ONLINE_RL]))
        found += contrasts(table, pairs)
    missing = absent([t for t in tables if t.on_models("billp")], _ASKED)
    said = [(named(c.first), kind_of(c.second.row.agent, RIVALS), c.verdict) for c in found]
    return answered(found, missing, by_agent(said, RIVALS))


QUESTION: Final = Question(
    "rivals", "Does BiLLP beat ActOnly, ReAct, Reflexion and reinforcement learning at 100 episodes?", _TEXT,
    "longrec evaluate billp --suite docs/examples/planners.json", _answer,
)  # fmt: skip
