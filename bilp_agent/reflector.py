"""The Reflector: reads a finished session and writes why it ended so, and a principle for the sessions to come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bilp_agent.asking import Answer, Asker, Prompt, Question, UnreadableAnswerError
from bilp_agent.compact import compared, ending
from bilp_agent.context import Context
from bilp_agent.memory import Reflection
from bilp_agent.planner import Plan
from bilp_agent.session import Session
from bilp_agent.slates import VAIN_SHOWN, Contrast, slate_facts
from bilp_agent.text import field

CAUSES = ("repeat", "too alike", "low reward", "unknown", "stayed")
SLATE_CAUSES = ("too alike", "repeat", "low score", "unknown", "stayed")
SEEN_CAUSES = {"clicks": "too full", "behaviours": "clicked in vain", "visits": "clicked in vain"}  # by family
LINES_SHOWN = 20  # a longer session is shown by its end, and by facts about all of it
SLATES_SHOWN = 10


@dataclass(frozen=True)
class Ended:
    """A finished session. left: the user left at the last step; otherwise the session was cut there.

    A session is cut by its cap, or where its time is over; of one that is cut nobody is said to have left.
    """

    session: Session
    left: bool
    episode: int

    @property
    def stayed(self) -> int:
        """Steps that the user stayed through."""
        return self.session.step - self.left


class Reflector:
    """Writes reflections on a batch of finished sessions with one call to the language model."""

    def __init__(self, context: Context, asker: Asker) -> None:
        self._context, self._asker = context, asker
        name = context.view.name
        self._causes = (SEEN_CAUSES[name], *SLATE_CAUSES) if name else CAUSES
        self._system = context.system("reflector", causes=self._causes)

    def reflect(self, ended: Sequence[Ended], seeds: Sequence[int]) -> list[Answer[Reflection | None]]:
        """A reflection a session; None, so that nothing is remembered, where no answer could be read."""
        return self._asker.ask_all([self.question(one, seed) for one, seed in zip(ended, seeds, strict=True)])

    def question(self, ended: Ended, seed: int) -> Question[Reflection | None]:
        """What is asked about one session."""
        prompt = Prompt(self._system, self.prompt(ended), seed)
        return Question("reflector", prompt, partial(self.parse, ended=ended), lambda: None)

    def prompt(self, ended: Ended) -> str:
        """The user message: what was followed, what happened, how it truly ended, and facts about it."""
        context, session, shown = self._context, ended.session, ended.session.shown
        plan = session.plan or Plan()
        common = {
            "reflections": [r.text for r in session.reflections],
            "avoid": context.categories(plan.avoid),
            "plan": plan,
            "history": context.history(session),
            "left": ended.left,
            "steps": session.step,
        }
        if context.view.name:
            return context.user("reflector", session, **common, **self._slate_facts(session))
        if context.compact:
            common |= ending(context, ended)
        return context.user(
            "reflector",
            session,
            **common,
            left_out=max(len(shown) - LINES_SHOWN, 0),
            shown=context.lines(shown[-LINES_SHOWN:]),
            last=context.lines(shown[-1:])[0],
            met_before=next((e.reward for e in session.history if e.item == shown[-1].item), None),
            repeats=context.tools.repeats(shown),
            likeness=context.tools.likeness(shown),
        )

    def _slate_facts(self, session: Session) -> dict[str, Any]:
        """What the prompt tells of a session of slates, beside what it tells of every session."""
        context, facts = self._context, slate_facts(session, self._context.tools)
        names = context.text.category_names
        means = context.toolbox.category_analysis(session, during=True)
        return {
            "left_out": max(session.step - SLATES_SHOWN, 0),
            "shown": context.slates(session.since(session.step - SLATES_SHOWN)),
            "facts": facts,
            "means": means,
            "full": self._contrast(facts.full) if facts.full else "",
            "again": self._contrast(facts.again),
            "vain": "; ".join(f"{names[c]} {vain} of {clicked}" for c, vain, clicked in facts.vain[:VAIN_SHOWN]),
            "clock": session.signs.clock,
        }

    def _contrast(self, c: Contrast) -> str:
        if self._context.compact:
            return compared(c.count, c.mean, c.other_count, c.other_mean)
        return f"{c.count}, mean {c.mean:.2f}; others {c.other_count}, mean {c.other_mean:.2f}"

    def parse(self, answer: str, ended: Ended) -> Reflection:
        """Read a reflection. Raises `UnreadableAnswerError` without a known cause and a text."""
        cause, told = (field(answer, "Cause") or "").casefold().strip(" ."), field(answer, "Reflection")
        if cause not in self._causes:
            raise UnreadableAnswerError('the line "Cause: ..." is missing or names another cause than those listed')
        if not told:
            raise UnreadableAnswerError('the line "Reflection: ..." is missing')
        lines = (line.strip() for line in answer.splitlines())
        principles = tuple(p for line in lines if (p := field(line, "Principle")))
        session = ended.session
        return Reflection(
            self._context.profile(session),
            cause,
            " ".join((told, *principles)),
            principles,
            ended.stayed,
            self._context.task.horizon,
            ended.episode,
            earned=sum(session.earned) if self._context.view.name else 0.0,
        )
