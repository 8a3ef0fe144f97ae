"""What the macro and micro level, the Critic, tools and grounding contribute."""

from __future__ import annotations

from typing import Final

from leaderboard.study.contrast import Contrast, answered, contrasts
from leaderboard.study.question import Answer, Missing, Question
from leaderboard.study.records import Records, Table
from leaderboard.study.verdict import together

PARTS: Final = {
    "use_reflector": "macro level: Reflector",
    "use_planner": "macro level: Planner",
    "use_actor_memory": "micro level: Actor's memory",
    "use_critic": "Critic",
    "use_tools": "tools",
    "use_filter": "grounding by the plan",
}
"""Parameters of `billp` that switch a part off, and what they switch off."""

_TEXT: Final = """
`billp` less the same agent without one of its parts. "Yes" means that the part helps: with it the score is higher. "No"
means that it does harm.
"""


def _answer(records: Records) -> Answer:
    found, missing = list[Contrast](), list[Missing]()
    for table in records.usual:
        ablated = {name: table.variant("billp", {name: False}) for name in PARTS}
        billp, there = table.plain("billp"), {n: m for n, m in ablated.items() if m is not None}
        if billp is None or not there:
            continue
        found += contrasts(table, [(PARTS[name], billp, member) for name, member in there.items()])
        missing += [_missing(table, name) for name in PARTS if name not in there]
    return answered(found, missing, _by_part(found))


def _missing(table: Table, name: str) -> Missing:
    what = f"without {PARTS[name]}, on {table.place} of {table.first.suite}"
    return Missing(what, table.command("billp", f"-p {name}=false"))


def _by_part(found: list[Contrast]) -> str:
    """The verdict on each part, since a sum over parts says nothing."""
    parts = [(part, [c.verdict for c in found if c.label == part]) for part in PARTS.values()]
    return "; ".join(f"{part}: {together(said)}" for part, said in parts if said)


QUESTION: Final = Question(
    "ablations", "What do macro and micro level, Critic, tools and grounding contribute?", _TEXT,
    "longrec evaluate billp --suite docs/examples/planners.json -p use_reflector=false", _answer,
)  # fmt: skip
