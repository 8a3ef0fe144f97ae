"""What all four roles share about a task: its words, its catalogue in text form, its tools."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from bilp_agent.prompts import COMPACT, COMPACT_SLATES, SLATES, fitting, render, words
from bilp_agent.session import Session, Shown
from bilp_agent.slates import fullness_line, slate_line
from bilp_agent.states import coarse_text, slates_text, titles_text
from bilp_agent.toolbox import Toolbox
from bilp_agent.tools import Tools
from bilp_agent.views import View, view_of
from recsim_envs.spec import TaskSpec
from recsim_envs.text.catalogue import CatalogueText


@dataclass(frozen=True, eq=False)
class Context:
    """A task as the roles see it.

    view: how its observations are read. window: how many past recommendations a state is made of and a prompt shows; of
    slates a prompt shows half as many. coarse: whether states are described abstractly, so that they recur, or by
    titles as in the paper. brief: whether prompts show about half of the window. compact: whether prompts are those for
    small models, in which categories and candidates are named by numbers. text, tools, toolbox: the catalogue in words,
    facts about it, and the same as the roles are served with them, on record.
    """

    task: TaskSpec
    view: View
    window: int
    coarse: bool
    brief: bool
    compact: bool
    text: CatalogueText
    tools: Tools
    toolbox: Toolbox

    @classmethod
    def of(
        cls, task: TaskSpec, window: int, *, coarse: bool = False, brief: bool = False, compact: bool = False
    ) -> Context:
        """The shared parts, made from a task. Raises `AgentError` for one whose observations cannot be read."""
        view = view_of(task, "BiLLP")
        text, tools = CatalogueText(task.catalogue), Tools(task.catalogue, view.scores, chance=bool(view.name))
        return cls(task, view, window, coarse, brief, compact, text, tools, Toolbox(tools, text, window))

    def system(self, role: str, **values: Any) -> str:
        """The system message of a role: the same for every session, so that a prefix cache can keep it."""
        low, high = self.task.reward_range
        facts = {"low": f"{low:g}", "high": f"{high:g}", "horizon": self.task.horizon}
        return self._render(f"{role}_system", facts | values)

    def _render(self, name: str, values: dict[str, Any]) -> str:
        family = {}
        if self.view.name:
            family = {"family": self.view.name, "size": self.view.slots, "score_high": self.view.scores[1]}
        short = COMPACT_SLATES if family else COMPACT
        folders = ((short,) if self.compact else ()) + ((SLATES,) if family else ())
        return render(fitting(name, *folders), **words(self.task.domain), **family, **values)

    def user(self, role: str, session: Session | None = None, **values: Any) -> str:
        """The user message of a role about one session, or about none."""
        facts = {"step": session.step + 1, "horizon": self.task.horizon} if session else {}
        return self._render(f"{role}_user", facts | values)

    def lines(self, entries: Iterable[Shown]) -> list[str]:
        """Past items with their rewards, one line each."""
        return [
            (f"step {entry.step}: " if entry.step else "") + f"{self.text.line(entry.item)} | {_came_of(entry)}"
            for entry in entries
        ]

    def slates(self, entries: Iterable[Shown]) -> list[str]:
        """Past slates, one line each; see `slate_line`."""
        by_step = groupby(entries, key=lambda entry: entry.step)
        return [slate_line(step, ((e.told, self.text.title(e.item)) for e in slate)) for step, slate in by_step]

    def history(self, session: Session) -> list[str]:
        """What the user did before this session, oldest first."""
        return self.lines(session.history[-(self.window // 2 if self.brief else self.window) :])

    def recent(self, session: Session, *, bare: bool = False) -> list[str]:
        """The last recommendations of this session, oldest first; `bare` ones without categories and rating.

        Where prompts are brief they begin at a step that moves by blocks, so that for some steps one prompt is the
        beginning of the next, which a prefix cache can use.
        """
        block = max(self.window // 2, 1)
        first = session.step - (block if self.view.name else self.window)
        if self.brief:
            first = max(session.step // block - 1, 0) * block
        shown = self.toolbox.shown(session, first)
        if self.view.name:
            return self.slates(shown)
        if not bare:
            return self.lines(shown)
        return [f'step {e.step}: "{self.text.title(e.item)}" | reward {e.reward:g}' for e in shown]

    def categories(self, ids: Iterable[int]) -> str:
        """Names of categories, or "none"."""
        return "; ".join(self.text.category_names[c] for c in ids) or "none"

    def state(self, session: Session) -> str:
        """The state of a session in words, the key of the Actor's memory, and of the Critic's in `billp`.

        Where slates are shown, titles are those that the user took up.
        """
        if self.view.name and (self.coarse or self.compact):
            return slates_text(session, self.text.category_names, self.task.horizon)
        if self.view.name:
            liked = [entry for entry in (*session.history, *session.shown) if entry.reward > self.view.scores[0]]
            return titles_text([self.text.title(entry.item) for entry in liked[-self.window :]])
        if self.coarse or self.compact:
            return coarse_text(session, self.text.category_names, self.task.horizon, self.window)
        recent = [*session.history[-self.window :], *session.shown[-self.window :]][-self.window :]
        return titles_text([self.text.title(entry.item) for entry in recent])

    def profile(self, session: Session) -> str:
        """Who the user is, from before the session: the key of the Planner's memory. One phrase a category."""
        facts = sorted(self.tools.category_means(session.before), key=lambda fact: fact.category)
        return "; ".join(f"{self.text.category_names[f.category]} {f.mean:.0f}" for f in facts) or "no history"

    def fullness(self, session: Session) -> str:
        """See `fullness_line`."""
        return fullness_line(session.signs.full, self.text.category_names)


def _came_of(entry: Shown) -> str:
    return f"score {entry.reward:g} ({entry.told})" if entry.told else f"reward {entry.reward:g}"
