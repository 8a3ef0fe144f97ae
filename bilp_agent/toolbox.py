"""The tools that the roles are served with, and an audit of every call: which tool, with what, and what came back."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from bilp_agent.session import Session, Shown, ToolCall
from bilp_agent.tools import CategoryFact, Tools, run_length
from recsim_envs.text.catalogue import CatalogueText
from recsim_envs.text.grounding import Allowed, normalise

T = TypeVar("T")


@dataclass(frozen=True)
class Fatigue:
    """Signs that a user tires.

    run: steps that the last main category has lasted. repeats: recommendations of the window that had been shown in the
    session before. trend: mean reward of the later half of the window less that of the earlier half.
    """

    run: int
    repeats: int
    trend: float


@dataclass(frozen=True, eq=False)
class Toolbox:
    """True facts about catalogue and session, as text for prompts or as items; what was asked is on record.

    `tally` counts the calls of each tool; each call is also kept in its session.
    """

    tools: Tools
    text: CatalogueText
    window: int
    tally: Counter[str] = field(default_factory=Counter)

    def category_analysis(self, session: Session, *, during: bool, most: int | None = None) -> str:
        """Mean reward a category, before the session or during it: `Action 4.50 (6); RPG 3.00 (2)`, or "none"."""
        facts = self.tools.category_means(session.during if during else session.before)[:most]
        told = self._means(facts)
        return self._note(session, "category analysis", f"during={during}", told)

    def _means(self, facts: Sequence[CategoryFact]) -> str:
        names = self.text.category_names
        return "; ".join(f"{names[fact.category]} {fact.mean:.2f} ({fact.count})" for fact in facts) or "none"

    def search(
        self, session: Session, categories: Sequence[int], allowed: Allowed, count: int, without: Iterable[int] = ()
    ) -> list[int]:
        """Allowed items of categories, best rated first; see `Tools.search`."""
        found = self.tools.search(categories, allowed, count, without)
        return self._note(session, "search by category", f"{list(categories)}, {count}", found)

    def find(self, session: Session, words: str, allowed: Allowed, count: int) -> list[int]:
        """Allowed items whose titles hold all the words, or, for `like "TITLE"`, items that share its categories."""
        match = re.match(r'\s*like\s+"(.+)"\s*$', words, re.IGNORECASE)
        if match:
            found = self._neighbours(match.group(1), allowed, count)
            return self._note(session, "neighbours", f"{match.group(1)}, {count}", found)
        found = self._with_words(words, allowed, count)
        return self._note(session, "search by text", f"{words}, {count}", found)

    def _with_words(self, words: str, allowed: Allowed, count: int) -> list[int]:
        wanted = set(normalise(words).split())
        if not wanted:
            return []
        hits = [i for i, title in enumerate(self._normalised) if allowed(i) and wanted.issubset(title.split())]
        return sorted(hits, key=lambda i: -float(self.tools.catalogue.mean_reward[i]))[:count]

    @cached_property
    def _normalised(self) -> tuple[str, ...]:
        """All titles as they are looked for; made once, for normalising is most of a search."""
        return tuple(normalise(self.text.title(item)) for item in range(self.tools.catalogue.num_items))

    def _neighbours(self, title: str, allowed: Allowed, count: int) -> list[int]:
        """Items that share most categories with the one of this title, best rated first; none if there is no such."""
        goal = normalise(title)
        item = next((i for i, other in enumerate(self._normalised) if other == goal), None)
        return [] if item is None else self.tools.neighbours(item, allowed, count)

    def shown(self, session: Session, after: int) -> list[Shown]:
        """What was shown in this session after a step, oldest first, and what it earned."""
        return self._note(session, "what was shown", f"after={after}", session.since(after))

    def fatigue(self, session: Session) -> Fatigue:
        """How the last recommendations repeat themselves, and where their rewards go."""
        recent = session.shown[-self.window :]
        mains = [self.tools.main_category(entry.item) for entry in recent]
        earlier = {entry.item for entry in session.shown[: -len(recent)]} if recent else set()
        repeats = 0
        for entry in recent:
            repeats += entry.item in earlier
            earlier.add(entry.item)
        half = len(recent) // 2
        trend = 0.0
        if half:
            trend = sum(e.reward for e in recent[-half:]) / half - sum(e.reward for e in recent[:half]) / half
        return self._note(session, "fatigue", f"{self.window}", Fatigue(run_length(mains), repeats, trend))

    def _note(self, session: Session, tool: str, arguments: str, result: T) -> T:
        self.tally[tool] += 1
        digest = hashlib.blake2b(repr(result).encode(), digest_size=8).hexdigest()
        session.calls.append(ToolCall(session.step + 1, tool, arguments, digest))
        return result
