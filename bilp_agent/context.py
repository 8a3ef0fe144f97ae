"""What all four roles share about a task: its words, its catalogue in text form, its tools."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bilp_agent.prompts import render, words
from bilp_agent.session import Session, Shown
from bilp_agent.states import coarse_text, titles_text
from bilp_agent.toolbox import Toolbox
from bilp_agent.tools import Tools
from recsim_envs.spec import TaskSpec
from recsim_envs.text.catalogue import CatalogueText


@dataclass(frozen=True, eq=False)
class Context:
    """A task as the roles see it.

    window: how many past recommendations a state is made of and a prompt shows. coarse: whether states are described
    abstractly, so that they recur, or by titles as in the paper. brief: whether prompts show about half of the window.
    """

    task: TaskSpec
    window: int
    coarse: bool
    brief: bool
    text: CatalogueText
    tools: Tools
    toolbox: Toolbox

    @classmethod
    def of(cls, task: TaskSpec, window: int, *, coarse: bool = False, brief: bool = False) -> Context:
        """The shared parts, made from a task."""
        text, tools = CatalogueText(task.catalogue), Tools(task.catalogue, task.reward_range)
        return cls(task, window, coarse, brief, text, tools, Toolbox(tools, text, window))

    def system(self, role: str, **values: Any) -> str:
        """The system message of a role: the same for every session, so that a prefix cache can keep it."""
        low, high = self.task.reward_range
        facts = {"low": f"{low:g}", "high": f"{high:g}", "horizon": self.task.horizon}
        return render(f"{role}_system", **words(self.task.domain), **facts, **values)

    def user(self, role: str, session: Session | None = None, **values: Any) -> str:
        """The user message of a role about one session, or about none."""
        facts = {"step": session.step + 1, "horizon": self.task.horizon} if session else {}
        return render(f"{role}_user", **words(self.task.domain), **facts, **values)

    def lines(self, entries: Iterable[Shown]) -> list[str]:
        """Past items with their rewards, one line each."""
        return [
            (f"step {entry.step}: " if entry.step else "") + f"{self.text.line(entry.item)} | reward {entry.reward:g}"
            for entry in entries
        ]

    def history(self, session: Session) -> list[str]:
        """What the user did before this session, oldest first."""
        return self.lines(session.history[-(self.window // 2 if self.brief else self.window) :])

    def recent(self, session: Session, *, bare: bool = False) -> list[str]:
        """The last recommendations of this session, oldest first; `bare` ones without categories and rating.

        Where prompts are brief they begin at a step that moves by blocks, so that for some steps one prompt is the
        beginning of the next, which a prefix cache can use.
        """
        block = max(self.window // 2, 1)
        first = max(session.step // block - 1, 0) * block
        shown = session.shown[first:] if self.brief else self.tools.recently_shown(session, self.window)
        if not bare:
            return self.lines(shown)
        return [f'step {e.step}: "{self.text.title(e.item)}" | reward {e.reward:g}' for e in shown]

    def categories(self, ids: Iterable[int]) -> str:
        """Names of categories, or "none"."""
        return "; ".join(self.text.category_names[c] for c in ids) or "none"

    def state(self, session: Session) -> str:
        """The state of a session in words, the key of the Actor's memory, and of the Critic's in `billp`."""
        if self.coarse:
            return coarse_text(session, self.text.category_names, self.task.horizon, self.window)
        recent = [*session.history[-self.window :], *session.shown[-self.window :]][-self.window :]
        return titles_text([self.text.title(entry.item) for entry in recent])

    def profile(self, session: Session) -> str:
        """Who the user is, from before the session: the key of the Planner's memory. One phrase a category."""
        facts = sorted(self.tools.category_means(session.before), key=lambda fact: fact.category)
        return "; ".join(f"{self.text.category_names[f.category]} {f.mean:.0f}" for f in facts) or "no history"
