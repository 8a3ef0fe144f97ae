"""ReAct: a language model thinks, may ask tools a bounded number of times, and names an item."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from baselines.llm.agent import LanguageModelAgent, Named, Turn, named_items
from baselines.llm.visit import Visit
from bilp_agent.asking import Answer, Prompt, Question, UnreadableAnswerError
from bilp_agent.text import field as read_field
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import TaskSpec

TOOLS = ("categories", "known", "search")


@dataclass(frozen=True)
class Thought:
    """What the model wrote: a thought, and either a tool with its argument or the titles of items."""

    text: str
    tool: str = ""
    argument: str = ""
    titles: tuple[str, ...] = ()


@dataclass
class Deliberation:
    """One decision under way: what the tools have answered, which items they have named, the model's last answer."""

    turn: Turn
    found: list[str] = field(default_factory=list)
    offered: list[int] = field(default_factory=list)
    answer: Answer[Thought] | None = None

    @property
    def titles(self) -> tuple[str, ...]:
        """What was decided on; empty as long as it goes on."""
        return self.answer.value.titles if self.answer is not None else ()

    @property
    def named(self) -> Named:
        """The decision in the end."""
        text, status = (self.answer.text, self.answer.status) if self.answer is not None else ("", "")
        return Named(self.titles, self.offered or self.turn.shortlist, text, status)


@dataclass(kw_only=True, eq=False, repr=False)
class ReActAgent(LanguageModelAgent):
    """Thought, tool, answer, thought, item: at most `tool_calls` tools a decision, then an item must be named.

    After Yao et al., "ReAct: Synergizing Reasoning and Acting in Language Models", ICLR 2023, a baseline of Shi et
    al., SIGIR 2024. Tools: the user's mean reward by category, what the user is known to like, the best rated items
    of a category; each lists `shortlist` items at most. The last thought is shown again. At most `tool_calls` + 1
    calls a decision. Other parameters as in `LanguageModelAgent`.
    """

    tool_calls: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tool_calls < 0:
            raise ConfigurationError(f"tool_calls must be at least 0, got {self.tool_calls}")

    def _open(self, task: TaskSpec) -> None:
        super()._open(task)
        self._tools: Counter[str] = Counter()
        self._most = max(self.shortlist, self.desk.view.slots)  # items that a tool lists

    def _lessons(self) -> list[str]:
        """What every decision is told from earlier sessions: nothing here."""
        return []

    def _name(self, turns: Sequence[Turn]) -> list[Named]:
        decisions = [Deliberation(turn) for turn in turns]
        for turn in turns:
            turn.visit.tools = []
        for left in range(self.tool_calls, -1, -1):
            open_ones = [d for d in decisions if not d.titles]
            for decision, answer in zip(open_ones, self._think(open_ones, left), strict=True):
                decision.answer, decision.turn.visit.thought = answer, answer.value.text
                if answer.value.tool:
                    self._use_tool(decision, answer.value)
        return [decision.named for decision in decisions]

    def _think(self, decisions: Sequence[Deliberation], left: int) -> list[Answer[Thought]]:
        """One thought a decision; falls back to the first items offered."""
        read = partial(read_thought, tools=left > 0, most=self.desk.view.slots)
        return self._asker.ask_all(
            [Question("actor", self._prompt(d, left), read, partial(self._nothing_read, d.turn)) for d in decisions]
        )

    def _nothing_read(self, turn: Turn) -> Thought:
        return Thought(turn.visit.thought, titles=self._first(turn))

    def _prompt(self, decision: Deliberation, left: int) -> Prompt:
        turn, desk = decision.turn, self.desk
        user = desk.render(
            "react_user",
            reflections=self._lessons(),
            thought=turn.visit.thought,
            found=decision.found,
            calls_left=left,
            **desk.past(turn.visit),
        )
        # As long as tools may be asked the answer's last line is open.
        choices = self._choices(decision.offered) if not left else ()
        count = max(min(desk.view.slots, len(choices)), 1)
        return Prompt(desk.render("react_system"), user, turn.seed, choices, "Item" if choices else "", count)

    def _use_tool(self, decision: Deliberation, asked: Thought) -> None:
        """Ask a tool; its answer is kept in the decision, and in the visit for those who watch."""
        self._tools[asked.tool] += 1
        found, items = self._answer(decision.turn, asked)
        decision.found += [f"{asked.tool} {asked.argument}".strip() + ":", *found]
        decision.offered += [item for item in items if item not in decision.offered]
        told = {"tool": asked.tool, "arguments": asked.argument, "answer": "\n".join(found)}
        decision.turn.visit.tools.append(told)

    def _answer(self, turn: Turn, asked: Thought) -> tuple[list[str], Sequence[int]]:
        """Facts as lines, and the items that these name. A category that does not exist is said so."""
        desk, names = self.desk, self.desk.text.category_names
        if asked.tool == "categories":
            means = [f"{names[c]} {mean:.2f} ({count})" for c, mean, count in desk.category_means(turn.visit)]
            return ["; ".join(means) or "nothing is known of this user"], ()
        if asked.tool == "known":
            items = desk.liked(turn.visit, turn.allowed, self._most)
        else:
            categories = desk.text.named_categories(asked.argument)
            if not categories and asked.argument.casefold() not in ("", "any"):
                return ["there is no such category"], ()
            items = desk.search(categories[0] if categories else None, turn.allowed, self._most)
        return [f"- {desk.option(item, turn.visit)}" for item in items] or ["nothing was found"], items

    def _tell(self, visit: Visit) -> dict[str, Any]:
        return {**super()._tell(visit), "tools": visit.tools}

    def _report(self) -> dict[str, Any]:
        return {**super()._report(), "tools": dict(sorted(self._tools.items()))}


def read_thought(answer: str, *, tools: bool, most: int = 1) -> Thought:
    """Read a thought with a tool, where tools may be asked, or `most` items at most; items win where both are written.

    Raises `UnreadableAnswerError` for an answer that has neither, or asks for a tool that does not exist.
    """
    text, asked = read_field(answer, "Thought") or "", read_field(answer, "Tool")
    if not tools or asked is None or read_field(answer, "Item"):
        return Thought(text[:500], titles=named_items(answer, most))
    tool, _, argument = asked.strip(" .").partition(" ")
    if tool.casefold() not in TOOLS:
        raise UnreadableAnswerError(f"there is no such tool; the tools are {', '.join(TOOLS)}")
    return Thought(text[:500], tool.casefold(), argument.strip(" \"'"))
