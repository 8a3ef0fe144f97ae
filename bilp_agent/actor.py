"""The Actor: the micro level. Carries a plan out by naming one item, with tools and judged examples at hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from bilp_agent.asking import Answer, Asker, Prompt, Question, UnreadableAnswerError
from bilp_agent.compact import best_first, candidate_lines, numbered
from bilp_agent.context import Context
from bilp_agent.memory import ActorExample, Match, records_of
from bilp_agent.planner import Plan
from bilp_agent.session import Session
from bilp_agent.slates import within
from bilp_agent.text import named
from recsim_envs.text.grounding import Allowed

EXAMPLES_SHOWN = 4  # of each sign
LIKED_SHOWN = 6
CANDIDATES_SHOWN = 12  # liked ones included; of slates twice as many as have a place, if that is more
COMPACT_SHOWN, COMPACT_LIKED = 8, 5  # the same where prompts are compact; of slates half as many again as have a place
MEANS_SHOWN = 8  # categories
BRIEF = (5, 2)  # categories and examples, where prompts are brief
SOUGHT_SHOWN = 4  # of what the plan looks for


@dataclass(frozen=True)
class Turn:
    """What the Actor needs for one session: the plan, what may be shown, examples from like states, candidates.

    notes: what else is known of each candidate, in words; none for no notes. worths: what each is worth, from the
    highest, where candidates were weighed.
    """

    session: Session
    plan: Plan
    allowed: Allowed
    examples: tuple[Match[ActorExample], ...]
    candidates: tuple[int, ...]
    notes: tuple[str, ...] = ()
    worths: tuple[float, ...] = ()


class Actor:
    """Names items for a batch of sessions with one call to the language model.

    choices: how many titles it may name, in order of preference, for the place of one: of a slate, so many less one
    besides. use_tools: whether it is told what tools found; if not, it is shown the log.
    """

    def __init__(self, context: Context, asker: Asker, *, choices: int = 1, use_tools: bool = True) -> None:
        self._context, self._asker, self._use_tools = context, asker, use_tools
        self._choices = choices + context.view.slots - 1
        slots = context.view.slots
        self._shown = max(COMPACT_SHOWN, 3 * slots // 2) if context.compact else max(CANDIDATES_SHOWN, 2 * slots)
        self._liked = COMPACT_LIKED if context.compact else LIKED_SHOWN
        self._system = context.system("actor", choices=self._choices)

    def name(self, turns: Sequence[Turn], seeds: Sequence[int]) -> list[Answer[tuple[str, ...]]]:
        """Titles a session, still to be grounded. Falls back to the first candidates."""
        return self._asker.ask_all([self.question(turn, seed) for turn, seed in zip(turns, seeds, strict=True)])

    def question(self, turn: Turn, seed: int) -> Question[tuple[str, ...]]:
        """What is asked for one session."""
        return Question("actor", self._prompt(turn, seed), partial(self.parse, turn=turn), lambda: self._first(turn))

    def _prompt(self, turn: Turn, seed: int) -> Prompt:
        # Titles that are asked for can be forced to be candidates, where the backend is able to.
        slots = self._context.view.slots
        sure = self._choices == slots and self._use_tools
        named = [self._called(turn, place) for place in range(len(turn.candidates))] if sure else []
        titles = dict.fromkeys(named)
        count = min(slots, max(len(titles), 1))
        return Prompt(self._system, self.prompt(turn), seed, tuple(titles), "Item" if titles else "", count)

    def _called(self, turn: Turn, place: int) -> str:
        """What a candidate is called in answers: its number where prompts are compact, else its title."""
        return str(place + 1) if self._context.compact else f'"{self._context.text.title(turn.candidates[place])}"'

    def _first(self, turn: Turn) -> tuple[str, ...]:
        first = turn.candidates[: self._context.view.slots]
        return tuple(self._context.text.title(item) for item in first) or ("",)

    def candidates(self, session: Session, plan: Plan, allowed: Allowed) -> tuple[int, ...]:
        """Allowed items that fit the plan: known and liked ones, then the best rated new ones of its categories.

        Where few are liked, what the user is known to like less comes last: without it a new item, of which nothing is
        known, would be all that is left to show, however surely the user had stayed through the others.
        """
        if self._context.view.name:
            chosen = self._for_slates(session, plan, allowed)
            return self._in_order(session, chosen, plan)
        tools = self._context.tools
        without = set(plan.avoid) | tools.resting(session, plan.rest)
        middle = sum(self._context.task.reward_range) / 2.0
        least, rest = None if plan.prefer == "any" else middle, plan.repeat_after
        liked = tools.liked(session, allowed, self._liked, without, least, plan.prefer == "shown", rest)
        known = tools.liked(session, allowed, self._liked, without, -math.inf, rest=rest)
        less = [item for item in known if item not in liked][: self._liked - len(liked)]
        focus = [c for c in plan.focus if c not in without]
        fresh = Allowed(allowed.blocked | session.known.keys(), allowed.mask)
        box, count = self._context.toolbox, self._shown - len(liked) - len(less)
        found = [i for i in box.search(session, focus, fresh, count, without) if self._fit(i, plan)]
        sought = box.find(session, plan.look_for, allowed, SOUGHT_SHOWN) if plan.look_for else []
        chosen = tuple(dict.fromkeys([*liked, *sought, *found, *less]))[: self._shown]
        return self._in_order(session, chosen or tuple(box.search(session, (), allowed, self._shown)), plan)

    def _in_order(self, session: Session, chosen: tuple[int, ...], plan: Plan) -> tuple[int, ...]:
        return best_first(self._context, session, chosen, plan.prefer) if self._context.compact else chosen

    def _for_slates(self, session: Session, plan: Plan, allowed: Allowed) -> tuple[int, ...]:
        """The same for slates: main categories that are full or resting are left out, and none fills the list.

        Known and liked ones take three quarters at most, and of a main category twice as many as a slate may hold; new
        ones come from the categories of the plan in turn, half of what is left at most, and from all others. What the
        plan leaves out comes last, where there is too little.
        """
        tools, box, count, slots = self._context.tools, self._context.toolbox, self._shown, self._context.view.slots
        full = {c for c, share in session.signs.full.items() if plan.full and 100 * share >= plan.full - 1e-6}
        without = tools.resting(session, plan.rest) | full
        rested = Allowed(allowed.blocked.union(*(tools.of_main(c) for c in without)), allowed.mask)
        liked = tools.liked(session, rested, len(session.known), plan.avoid)
        liked = [item for item in liked if session.scores[item][0] > 0]
        liked = within(liked, tools.main_category, 2 * plan.most)[: 3 * count // 4]
        fresh = Allowed(rested.blocked | session.known.keys(), allowed.mask)
        focus = [c for c in plan.focus if c not in without]
        others = [c for c in range(len(self._context.text.category_names)) if c not in (*without, *plan.avoid, *focus)]
        sought = box.find(session, plan.look_for, rested, SOUGHT_SHOWN) if plan.look_for else []
        room = max(count - len(liked), 2)
        found = box.search(session, focus, fresh, room // 2 if others else room, plan.avoid) if focus else []
        found += box.search(session, others, fresh, room, plan.avoid) if others else []
        chosen = dict.fromkeys(i for i in (*liked, *sought, *found) if i in session.known or self._fit(i, plan))
        if len(chosen) < slots:
            chosen |= dict.fromkeys(box.search(session, (), allowed, count))
        return tuple(chosen)[:count]

    def _fit(self, item: int, plan: Plan) -> bool:
        return float(self._context.task.catalogue.mean_reward[item]) >= plan.minimum

    def prompt(self, turn: Turn) -> str:
        """The user message: plan, user, session, experience, candidates."""
        context, session, tools = self._context, turn.session, self._context.toolbox
        good, bad = self._judged(turn)
        if context.compact:
            return context.user("actor", session, plan=turn.plan, candidates=candidate_lines(context, turn, good, bad))
        encouraged, discouraged = ([context.text.title(item) for item in judged] for judged in (good, bad))
        means, most = BRIEF if context.brief else (MEANS_SHOWN, EXAMPLES_SHOWN)
        notes = turn.notes or ("",) * len(turn.candidates)
        lines = [self._candidate(session, item, note) for item, note in zip(turn.candidates, notes, strict=True)]
        return context.user(
            "actor",
            session,
            plan=turn.plan,
            focus=context.categories(turn.plan.focus),
            avoid=context.categories(turn.plan.avoid),
            use_tools=self._use_tools,
            brief=context.brief,
            means_before=tools.category_analysis(session, during=False, most=means),
            means_during=tools.category_analysis(session, during=True, most=means),
            gap="{:+.2f}, give or take {:.2f}".format(*context.tools.rating_gap(session)),
            history=[] if self._use_tools else context.history(session),
            shown=context.recent(session, bare=context.brief and self._use_tools),
            **({"full": context.fullness(session)} if context.view.name else {}),
            encouraged=encouraged[:most],
            discouraged=discouraged[:most],
            candidates=lines if self._use_tools else [],
        )

    def _candidate(self, session: Session, item: int, note: str) -> str:
        """A candidate as a line. A note weighs rating and number of scores already: beside it slates leave them out."""
        reward, since, line = session.known.get(item), session.steps_since(item), self._context.text.line(item)
        known = "new" if reward is None else f"reward {reward:g}"
        if reward is not None and self._context.view.name:
            total, times = session.scores[item]
            known = f"score {total / times:.2f}" + ("" if note else f" ({times} times)")
            line = line.rpartition(" | ")[0] if note else line
        ago = "" if since is None else f", {since} steps ago"
        return f"{line} | {known}{ago}" + (f" | {note}" if note else "")

    def _judged(self, turn: Turn) -> tuple[list[int], list[int]]:
        """Items that did well and badly in like states: nearest state and newest record first, majority decides."""
        balance: dict[int, int] = {}
        for record in records_of(turn.examples):
            balance[record.item] = balance.get(record.item, 0) + (1 if record.encouraged else -1)
        # A memory may come from a world with another catalogue: its unknown items mean nothing here.
        known = {item: sign for item, sign in balance.items() if 0 <= item < self._context.task.catalogue.num_items}
        good = [item for item, sign in known.items() if sign > 0]
        bad = [item for item, sign in known.items() if sign < 0]
        return good[:EXAMPLES_SHOWN], bad[:EXAMPLES_SHOWN]

    def parse(self, answer: str, turn: Turn) -> tuple[str, ...]:
        """The titles in the lines "Item: ...", as many as may be named; raises `UnreadableAnswerError` without any.

        Where prompts are compact the lines hold numbers of candidates.
        """
        names = named(answer)
        if self._context.compact:
            names = [self._context.text.title(item) for item in numbered(" ".join(names), turn.candidates)]
        if not names:
            raise UnreadableAnswerError('the line "Item: ..." is missing')
        return tuple(dict.fromkeys(names))[: self._choices]
