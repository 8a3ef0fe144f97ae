"""A deterministic, rule-based writer of the texts that BiLLP's roles exchange. It is no language model.

It stands in for one where none is at hand, under an honest name: it sees nothing but the prompt, as any model
would, reads the facts out of it and writes an answer in the form that was asked for. What it knows about
environments is what the reflections, examples and facts in the prompt say; its rules only say how to read them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bilp_agent.llm.base import Completion, Request, Usage
from bilp_agent.llm.scripted_baselines import write_lesson, write_step
from bilp_agent.llm.scripted_compact import (
    write_compact_choice,
    write_compact_plan,
    write_compact_reflection,
    write_compact_slate_plan,
    write_compact_value,
)
from bilp_agent.llm.scripted_reading import Page
from bilp_agent.llm.scripted_rules import write_choice, write_plan, write_reflection, write_value
from bilp_agent.llm.scripted_slates import write_slate, write_slate_plan, write_slate_reflection

_WRITERS: dict[str, Callable[[Page], str]] = {
    "You are the Planner": write_plan,
    "You are the Reflector": write_reflection,
    "You are the Actor": write_choice,
    "You are the Critic": write_value,
    "You recommend": write_step,
    "You look back": write_lesson,
}
_SLATE_WRITERS = _WRITERS | {
    "You are the Planner": write_slate_plan,
    "You are the Reflector": write_slate_reflection,
    "You are the Actor": write_slate,
}
_COMPACT_WRITERS = _WRITERS | {
    "You are the Planner": write_compact_plan,
    "You are the Reflector": write_compact_reflection,
    "You are the Actor": write_compact_choice,
    "You are the Critic": write_compact_value,
}

_COMPACT_SLATE_WRITERS = _SLATE_WRITERS | {
    "You are the Planner": write_compact_slate_plan,
    "You are the Actor": write_compact_choice,
    "You are the Critic": write_compact_value,
}


class ScriptedModel:
    """The writer as a `LanguageModel`. Token counts are None: it has no tokens."""

    name = "scripted-v1"
    repeatable = True

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer a batch; a prompt of no known role gets an empty answer."""
        return [Completion(self._write(request), Usage()) for request in requests]

    @staticmethod
    def _write(request: Request) -> str:
        system = next((m.content for m in request.messages if m.role == "system"), "")
        user = next((m.content for m in request.messages if m.role == "user"), "")
        page = Page(system, user)
        for opening, write in _writers(page).items():
            if system.startswith(opening):
                return write(page)
        return ""


def _writers(page: Page) -> dict[str, Callable[[Page], str]]:
    if page.slates:
        return _COMPACT_SLATE_WRITERS if page.compact else _SLATE_WRITERS
    return _COMPACT_WRITERS if page.compact else _WRITERS
