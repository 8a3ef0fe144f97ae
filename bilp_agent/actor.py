"""The Actor: the micro level. Carries a plan out by naming one item, with tools and judged examples at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bilp_agent.asking import Answer, Asker, Prompt, UnreadableAnswerError
from bilp_agent.context import Context
from bilp_agent.memory import ActorExample, Match, records_of
from bilp_agent.planner import Plan
from bilp_agent.session import Session
from bilp_agent.text import field
from recsim_envs.text.grounding import Allowed

EXAMPLES_SHOWN = 4  # of each sign
LIKED_SHOWN = 6
CANDIDATES_SHOWN = 12  # liked ones included


@dataclass(frozen=True)
class Turn:
    """What the Actor needs for one session: the plan, what may be shown, examples from like states, candidates."""

    session: Session
    plan: Plan
    allowed: Allowed
    examples: tuple[Match[ActorExample], ...]
    candidates: tuple[int, ...]


class Actor:
    """Names an item for a batch of sessions with one call to the language model."""

    def __init__(self, context: Context, asker: Asker) -> None:
        self._context, self._asker = context, asker
        self._system = context.system("actor")

    def name(self, turns: Sequence[Turn], seeds: Sequence[int]) -> list[Answer[str]]:
        """A title a session, still to be grounded. Falls back to the first candidate."""
        prompts = [Prompt(self._system, self.prompt(t), seed) for t, seed in zip(turns, seeds, strict=True)]
        return self._asker.ask("actor", prompts, lambda _, text: self.parse(text), lambda i: self._first(turns[i]))

    def _first(self, turn: Turn) -> str:
        return self._context.text.title(turn.candidates[0]) if turn.candidates else ""

    def candidates(self, session: Session, plan: Plan, allowed: Allowed) -> tuple[int, ...]:
        """Allowed items that fit the plan: known and liked ones, then the best rated new ones of its categories."""
        tools = self._context.tools
        without = set(plan.avoid) | tools.resting(session, plan.rest)
        middle = sum(self._context.task.reward_range) / 2.0
        liked = tools.liked(
            session, allowed, LIKED_SHOWN, without, None if plan.prefer == "any" else middle, plan.prefer == "shown"
        )
        focus = [c for c in plan.focus if c not in without]
        fresh = Allowed(allowed.blocked | session.known.keys(), allowed.mask)
        found = [i for i in tools.search(focus, fresh, CANDIDATES_SHOWN - len(liked), without) if self._fit(i, plan)]
        return tuple(liked + found) or tuple(tools.search((), allowed, CANDIDATES_SHOWN))

    def _fit(self, item: int, plan: Plan) -> bool:
        return float(self._context.task.catalogue.mean_reward[item]) >= plan.minimum

    def prompt(self, turn: Turn) -> str:
        """The user message: plan, user, session, experience, candidates."""
        context, session, tools = self._context, turn.session, self._context.tools
        encouraged, discouraged = self._judged(turn)
        return context.user(
            "actor",
            session,
            plan=turn.plan,
            focus=context.categories(turn.plan.focus),
            avoid=context.categories(turn.plan.avoid),
            means_before=context.means(tools.category_means(session.before)),
            means_during=context.means(tools.category_means(session.during)),
            gap=f"{session.mean_gap_to_rating:+.2f}",
            shown=context.recent(session),
            encouraged=encouraged,
            discouraged=discouraged,
            candidates=[self._candidate(session, item) for item in turn.candidates],
        )

    def _candidate(self, session: Session, item: int) -> str:
        reward, since = session.known.get(item), session.steps_since(item)
        known = "new" if reward is None else f"reward {reward:g}"
        return f"{self._context.text.line(item)} | {known}" + ("" if since is None else f", {since} steps ago")

    def _judged(self, turn: Turn) -> tuple[list[str], list[str]]:
        """Titles that did well and badly in like states: nearest state and newest record first, majority decides."""
        balance: dict[int, int] = {}
        for record in records_of(turn.examples):
            balance[record.item] = balance.get(record.item, 0) + (1 if record.encouraged else -1)
        # A memory may come from a world with another catalogue: its unknown items mean nothing here.
        known = {item: sign for item, sign in balance.items() if item < self._context.task.catalogue.num_items}
        title = self._context.text.title
        good = [title(item) for item, sign in known.items() if sign > 0]
        bad = [title(item) for item, sign in known.items() if sign < 0]
        return good[:EXAMPLES_SHOWN], bad[:EXAMPLES_SHOWN]

    @staticmethod
    def parse(answer: str) -> str:
        """The title in the line "Item: ..."; raises `UnreadableAnswerError` if there is none."""
        named = (field(answer, "Item") or "").split(" | ")[0].strip().strip('"').strip()
        if not named:
            raise UnreadableAnswerError('the line "Item: ..." is missing')
        return named
