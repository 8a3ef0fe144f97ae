"""ActOnly: a language model names an item, without a thought, a tool or a memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from baselines.llm.agent import LanguageModelAgent, Named, Turn, named_items
from bilp_agent.asking import Prompt, Question


class ActOnlyAgent(LanguageModelAgent):
    """Shows the model the user's log, the session and a shortlist of titles, and takes the item that it names.

    The baseline "ActOnly" of Shi et al., "Large Language Models are Learnable Planners for Long-Term Recommendation",
    SIGIR 2024, after the acting-only prompt of Yao et al., "ReAct", ICLR 2023. One call a decision. Parameters as in
    `LanguageModelAgent`.
    """

    def _name(self, turns: Sequence[Turn]) -> list[Named]:
        answers = self._asker.ask_all([self._question(turn) for turn in turns])
        return [Named(a.value, turn.shortlist, a.text, a.status) for a, turn in zip(answers, turns, strict=True)]

    def _question(self, turn: Turn) -> Question[tuple[str, ...]]:
        """What is asked for one session; falls back to the first items of the shortlist."""
        desk, slots = self.desk, self.desk.view.slots
        candidates = [desk.option(item, turn.visit) for item in turn.shortlist]
        user = desk.render("act_only_user", candidates=candidates, **desk.past(turn.visit))
        choices = self._choices(turn.shortlist)
        system = desk.render("act_only_system")
        prompt = Prompt(system, user, turn.seed, choices, "Item", min(slots, len(choices)))
        return Question("actor", prompt, partial(named_items, most=slots), partial(self._first, turn))
