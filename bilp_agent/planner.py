"""The Planner: the macro level. Reads reflections and the session, writes the plan for the next recommendation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from bilp_agent.asking import Answer, Asker, Prompt, Question, UnreadableAnswerError
from bilp_agent.compact import category_lines, listed_categories, numbered
from bilp_agent.context import Context
from bilp_agent.memory import Reflection
from bilp_agent.session import Session
from bilp_agent.text import field, number

MEANS_SHOWN = 8  # categories of the session; those of the log are few
LOOK_FOR_LENGTH = 80
Prefer = Literal["any", "known", "shown"]


@dataclass(frozen=True)
class Plan:
    """What to do next.

    focus, avoid: category ids to pick from (empty: anywhere) and to leave out. repeat_after: steps that an item
    must rest before it may come back. rest: steps that a main category must rest. minimum: lowest public rating
    of an item that this user has not met. prefer: "known" puts what the user is known to like before anything new;
    "shown" puts before both what was shown in this session, was liked and has rested, in the order it was shown in.
    look_for: words of titles to search, or `like "TITLE"`; empty for nothing. Of slates only, 0 for no limit: most: how
    many items of one main category a slate may hold; full: a main category that is as near to its limit of recent
    clicks as this, in percent, is left out.
    """

    thought: str = "Recommend what this user is expected to like best."
    focus: tuple[int, ...] = ()
    avoid: tuple[int, ...] = ()
    repeat_after: int = 0
    rest: int = 0
    minimum: float = 0.0
    prefer: Prefer = "any"
    look_for: str = ""
    most: int = 0
    full: float = 0.0


class Planner:
    """Writes plans for a batch of sessions with one call to the language model."""

    def __init__(self, context: Context, asker: Asker) -> None:
        self._context, self._asker = context, asker
        self._system = context.system("planner")

    def plan(self, sessions: Sequence[Session], seeds: Sequence[int]) -> list[Answer[Plan]]:
        """A plan a session. Falls back to the session's last plan, else to the neutral one."""
        return self._asker.ask_all([self.question(s, seed) for s, seed in zip(sessions, seeds, strict=True)])

    def question(self, session: Session, seed: int) -> Question[Plan]:
        """What is asked for one session."""
        prompt = Prompt(self._system, self.prompt(session), seed)
        return Question("planner", prompt, partial(self.parse, session=session), lambda: session.plan or Plan())

    def prompt(self, session: Session) -> str:
        """The user message: reflections, the user, the session; what changes least comes first."""
        context, tools = self._context, self._context.toolbox
        learned = {"beliefs": session.beliefs, "reflections": [self._quoted(r) for r in session.reflections]}
        if context.compact:
            return context.user("planner", session, **learned, liked=category_lines(context, session))
        return context.user(
            "planner",
            session,
            **learned,
            history=context.history(session),
            means_before=tools.category_analysis(session, during=False),
            shown=context.recent(session),
            means_during=tools.category_analysis(session, during=True, most=MEANS_SHOWN),
            **(self._signs(session) if context.view.name else {"fatigue": tools.fatigue(session)}),
            unseen=context.categories(context.tools.unseen_categories(session, 5)),
        )

    def _signs(self, session: Session) -> dict[str, str]:
        return {"full": self._context.fullness(session), "clock": session.signs.clock}

    def _quoted(self, reflection: Reflection) -> str:
        """A reflection with how sessions went: those that it was followed in, where counted, or the one it is of."""
        r = reflection
        if self._context.view.name:
            return f"(earned {r.outcomes / r.used if r.used else r.earned:.1f}) {r.text}"
        return f"(stayed {r.outcomes / r.used if r.used else r.steps:.0f} of {r.horizon} steps) {r.text}"

    def parse(self, answer: str, session: Session) -> Plan:
        """Read a plan for a session; raises `UnreadableAnswerError` without a thought and a focus."""
        thought, focus = field(answer, "Thought"), field(answer, "Focus")
        if not thought:
            raise UnreadableAnswerError('the line "Thought: ..." is missing')
        if focus is None:
            raise UnreadableAnswerError('the line "Focus: ..." is missing')
        horizon, names = self._context.task.horizon, self._context.text.named_categories
        if self._context.compact:
            names = partial(numbered, things=listed_categories(self._context, session))
        avoid = names(field(answer, "Avoid") or "")
        return Plan(
            thought,
            tuple(c for c in names(focus) if c not in avoid),
            avoid,
            _steps(field(answer, "Repeat after"), horizon),
            _steps(field(answer, "Rest categories"), horizon),
            min(max(number(field(answer, "Minimum rating")) or 0.0, 0.0), self._context.task.reward_range[1]),
            _preference(field(answer, "Prefer")),
            _sought(field(answer, "Look for")),
            _steps(field(answer, "At most of a category"), self._context.view.slots),
            min(max(number(field(answer, "Leave out when full")) or 0.0, 0.0), 100.0),
        )


def _preference(text: str | None) -> Prefer:
    told = (text or "").casefold()
    return "shown" if told.startswith("shown") else "known" if told.startswith("known") else "any"


def _sought(text: str | None) -> str:
    told = (text or "").strip(" .")
    return "" if told.casefold() in ("none", "nothing", "any") else told[:LOOK_FOR_LENGTH]


def _steps(text: str | None, horizon: int) -> int:
    """A number of steps within 0..horizon; "never" is the whole horizon."""
    if text and text.casefold().startswith("never"):
        return horizon
    return int(min(max(number(text) or 0.0, 0.0), horizon))
