"""Whether planning beats myopic recommendation, where, and by how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from leaderboard.board.groups import Member
from leaderboard.site.text import markdown, percent
from leaderboard.study.best import less_best
from leaderboard.study.contrast import Contrast, answered, named, shared_level, sources
from leaderboard.study.kinds import BILLP, MYOPIC, OFFLINE_RL, ONLINE_RL
from leaderboard.study.question import Answer, Question, Sheet
from leaderboard.study.records import Records, Table, scaled
from leaderboard.study.verdict import by_kind, verdict
from recsim_envs.gap import PLANNER, Gap
from recsim_envs.measured import measured

_FEWEST: Final = 3
"""Agents that do not plan, below which a table is left out: to beat one or two of them is a low bar."""

_NOTE: Final = (
    "The score (random 0, oracle 1) of the first less that of the best agent that does not plan, paired by user; named "
    "is the one that did best on these users, and R_traj and Len are those of both. Since the best is known from the "
    "same users, intervals hold whichever of them truly is (Berger 1982; Bonferroni for the high end), over users and "
    "training seeds, those of one environment in one suite together at 95 %."
)
_TEXT: Final = """
Each agent that plans or learns what follows from a choice (BiLLP, reinforcement learning) is held against the best of
all agents on the same users and budget that look no further than the next reward, never repeat, or follow a fixed
order. "Yes" means that it is above the best of them. Where fewer than three such agents were run nothing is said.
`billp` is the paper's agent, [`billp-plus`](../agents/billp-plus.md) what this package makes of it; the verdict tells
them apart, and language models too.
`act-only`, `react` and `reflexion` have no planner either, but how far ahead a language model looks nobody can say:
they are not among these agents, and BiLLP is held against them [apart](rivals.md).

What planning can win differs: the horizon gap is what a planner that knows the users earns over the best policy that
knows them and does not plan. Where that is below a fifth, a yes tells of knowing users better, not of planning, so the
verdict counts these environments apart.
"""


def _answer(records: Records) -> Answer:
    myopic = {table: m for table in records.usual if len(m := table.named(MYOPIC)) >= _FEWEST}
    found = [contrast for table, others in myopic.items() for contrast in _of_table(table, others)]
    used = {c.table: myopic[c.table] for c in found}
    answer = answered(found, said=_said(found), note=_NOTE, caption="score less that of the best that does not plan")
    sheets = [*answer.sheets, *_rivals(used), *_gaps(sorted({c.table.first.env_id for c in found}))]
    return replace(answer, sheets=sheets, sources=answer.sources | sources(m for some in used.values() for m in some))


def _of_table(table: Table, myopic: Sequence[Member]) -> list[Contrast]:
    """Of each planner, its comparison with the best that does not plan."""
    planners, others = _planners(table), [table.sums(m) for m in myopic]
    found = list[Contrast]()
    for planner in planners:
        if (held := less_best(table.sums(planner), others, shared_level(len(planners)))) is not None:
            best, less = myopic[held[0]], scaled(held[1], table.scale)
            found.append(Contrast(table, table.label(planner), planner, best, less, verdict(less)))
    return found


def _planners(table: Table) -> list[Member]:
    """Those that choose for more than the next reward; of BiLLP no variants but for the language model."""
    return [*(m for agent in BILLP for m in table.on_models(agent)), *table.named([*ONLINE_RL, *OFFLINE_RL])]


def _said(found: Sequence[Contrast]) -> str:
    """Verdicts by kind, where planning pays and elsewhere."""
    kinds = [[(_kind(c), c.verdict) for c in found if _pays(c.table) == pays] for pays in (True, False)]
    words = [by_kind(some, sorted({kind for kind, _ in some})) or "not run" for some in kinds]
    return f"where planning pays: {words[0]}; where it does not: {words[1]}" if found else "not run"


def _pays(table: Table) -> bool:
    gap = measured(table.first.env_id)
    return gap is not None and gap.ranked


def _kind(c: Contrast) -> str:
    """Who plans, and how much there was to learn from."""
    row = c.first.row
    who = named(c.first) if row.agent in BILLP else "reinforcement learning"
    if row.log is not None:
        return f"{who} from logs"
    amounts = [(row.declared.episodes, "sessions"), (row.declared.steps, "steps")]
    told = [f"{amount:,} {unit}" for amount, unit in amounts if amount]
    return ", ".join([who, *(told or ["untrained"])])


def _rivals(used: Mapping[Table, Sequence[Member]]) -> list[Sheet]:
    """Who was there to be beaten."""
    lines = [
        [*map(markdown, (t.place, t.first.suite)), str(len(some)), ", ".join(markdown(t.label(m)) for m in some)]
        for t, some in used.items()
    ]
    columns = ("environment", "suite", "", "agents that do not plan")
    return [Sheet("Held against", columns, lines)] if lines else []


def _gaps(env_ids: Sequence[str]) -> list[Sheet]:
    """What planning is worth to whoever knows the users, as the package has it measured."""
    known = [gap for env_id in env_ids if (gap := measured(env_id)) is not None]
    lines = [
        [markdown(gap.env_id), gap.best_myopic, _returns(gap), percent(gap.gap.value),
         f"{percent(gap.gap.low)} to {percent(gap.gap.high)}", "yes" if gap.ranked else "no"]
        for gap in known
    ]  # fmt: skip
    columns = ("environment", "best that does not plan", "returns: planner / that", "horizon gap", "95 %", "ranked")
    note = "Measured by `longrec envs measure`, on the environments' usual options. Ranked is what has a gap of 20 %."
    return [Sheet("What could be won", columns, lines, note)] if lines else []


def _returns(gap: Gap) -> str:
    return f"{gap.scores[PLANNER].value:.1f} / {gap.scores[gap.best_myopic].value:.1f}"


QUESTION: Final = Question(
    "planning",
    "Does planning beat myopic recommendation?",
    _TEXT,
    "longrec evaluate billp --suite docs/examples/planners.json",
    _answer,
)
