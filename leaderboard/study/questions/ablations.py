"""What the macro and micro level, the Critic, tools and grounding contribute."""

from __future__ import annotations

from typing import Final

from leaderboard.board.groups import Member
from leaderboard.study.contrast import Contrast, Pair, answered, contrasts, named
from leaderboard.study.models import chosen, own_prompts
from leaderboard.study.question import Answer, Missing, Question
from leaderboard.study.records import Records, Table
from leaderboard.study.verdict import by_kind

PARTS: Final = {
    "use_reflector": "macro level: Reflector",
    "use_planner": "macro level: Planner",
    "use_actor_memory": "micro level: Actor's memory",
    "use_critic": "Critic",
    "use_tools": "tools",
    "use_filter": "grounding by the plan",
}
"""Parameters of the planners that switch a part off, and what they switch off."""

_PLANNERS: Final = "billp", "billp-plus"

_INSEPARABLE: Final = "use_tools"
"""What compact prompts cannot do without."""

_TEXT: Final = """
`billp` or `billp-plus` less the same agent, on the same language model, without one of its parts. "Yes" means that the
part helps: with it the score is higher. "No" means that it does harm.
"""


def _answer(records: Records) -> Answer:
    found, missing = list[Contrast](), list[Missing]()
    for table in records.usual:
        pairs, planners = list[Pair](), [member for agent in _PLANNERS for member in table.on_models(agent)]
        for planner in planners:
            agent, parameters = planner.row.agent, chosen(planner)
            without = {name: table.variant(agent, parameters | {name: False}) for name in PARTS}
            there = {name: member for name, member in without.items() if member is not None}
            label = f"{table.label(planner)}: "
            pairs += [(label + PARTS[name].rpartition(": ")[2], planner, member) for name, member in there.items()]
            if there:
                missing += [
                    _missing(table, planner, name) for name in PARTS if name not in there and _may(planner, name)
                ]
        found += contrasts(table, pairs)
    said = [(f"{named(c.first)}, {_part(c.second)}", c.verdict) for c in found]
    agents, told = sorted({named(c.first) for c in found}), {kind for kind, _ in said}
    kinds = [kind for agent in agents for part in PARTS.values() if (kind := f"{agent}, {part}") in told]
    return answered(found, missing, by_kind(said, kinds))


def _part(ablated: Member) -> str:
    return next(part for name, part in PARTS.items() if name in ablated.row.parameters)


def _may(planner: Member, name: str) -> bool:
    """Whether this one can be without a part."""
    return name != _INSEPARABLE or own_prompts(chosen(planner).get("model")) == "full"


def _missing(table: Table, planner: Member, name: str) -> Missing:
    what = f"{named(planner)} without {PARTS[name]}, on {table.place} of {table.first.suite}"
    return Missing(what, table.command(planner.row.agent, planner.row.parameters | {name: False}))


QUESTION: Final = Question(
    "ablations", "What do macro and micro level, Critic, tools and grounding contribute?", _TEXT,
    "longrec evaluate billp --suite docs/examples/planners.json -p model=scripted -p use_reflector=false", _answer,
)  # fmt: skip
