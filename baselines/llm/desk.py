"""A task as the language-model baselines see it: its catalogue in text form, true facts about it, and grounding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines.llm.visit import Visit
from bilp_agent.prompts import template, words
from bilp_agent.slates import fullness_line, slate_line
from bilp_agent.views import Answered, view_of
from recsim_envs.spec import TaskSpec
from recsim_envs.text.catalogue import CatalogueText
from recsim_envs.text.grounding import Allowed, Grounding

PROMPTS = Path(__file__).parent / "prompts"  # what users do where slates are shown is told in the planner's words


class Desk:
    """What can be said and looked up about one task. Facts are computed, never generated.

    window: past items that a prompt shows of the log and of the session, each; of slates half as many. who: the agent,
    for the error that is raised where observations cannot be read.
    """

    def __init__(self, task: TaskSpec, window: int, who: str = "this agent") -> None:
        self.task, self._window, self.view = task, window, view_of(task, who)
        self.text = CatalogueText(task.catalogue)
        self.grounding = Grounding(self.text)
        self._best = task.catalogue.best_rated()
        self._best_of: dict[int, list[int]] = {}

    def render(self, name: str, **values: Any) -> str:
        """A template filled in; every one knows the task's words, rewards and horizon."""
        low, high = self.task.reward_range
        facts = {"low": f"{low:g}", "high": f"{high:g}", "horizon": self.task.horizon}
        view = self.view
        family = {"family": view.name, "size": view.slots, "score_high": view.scores[1]}
        return template(name, PROMPTS).render(**words(self.task.domain), **family, **facts, **values).strip()

    def past(self, visit: Visit, lines: int = 0) -> dict[str, Any]:
        """What every user prompt shows of a session: the log, the session so far, the number of the next step.

        lines: at least so many items of the session are shown, if there are as many.
        """
        most = max(self._window, lines)
        numbered = list(enumerate(visit.slates, visit.length - len(visit.slates) + 1))
        numbered = numbered[-(max(most // 2, 1) if self.view.name else most) :]
        return {
            "history": [self.line(seen) for seen in visit.history[-self._window :]],
            "shown": [self.slate(step, slate) for step, slate in numbered],
            "step": visit.length + 1,
            "full": fullness_line(visit.signs.full, self.text.category_names) if self.view.name == "clicks" else "",
            "clock": visit.signs.clock,
        }

    def slate(self, step: int, slate: Sequence[Answered]) -> str:
        """What a step showed: the item with its reward, or a slate with its answers."""
        if self.view.name:
            return slate_line(step, ((seen.told, self.text.title(seen.item)) for seen in slate))
        return f"step {step}: {self.line(slate[0])}"

    def line(self, seen: Answered) -> str:
        """An item that this user has met, with what it earned."""
        came_of = f"score {seen.score:g} ({seen.told})" if seen.told else f"reward {seen.score:g}"
        return f"{self.text.line(seen.item)} | {came_of}"

    def option(self, item: int, visit: Visit) -> str:
        """An item that might be shown next, and what this user is known to think of it."""
        reward, last = visit.known.get(item), visit.last_step.get(item)
        told = "new" if reward is None else f"reward {reward:g}"
        if visit.chance and reward is not None:
            told = f"score {reward:.2f} ({len(visit.scores[item])} times)"
        ago = "" if last is None else f", {visit.length + 1 - last} steps ago"
        return f"{self.text.line(item)} | {told}{ago}"

    def allowed(self, visit: Visit, mask: Any, *, repeats: bool) -> Allowed:
        """What may be shown next: by the protocol and, without `repeats`, not what this session has shown.

        Where that leaves too little, the protocol alone decides.
        """
        strict = Allowed(frozenset() if repeats else frozenset(seen.item for seen in visit.shown), mask)
        return strict if strict.room(self.task.catalogue.num_items) >= self.view.slots else Allowed(mask=mask)

    def ground(
        self, titles: Sequence[str], allowed: Allowed, offered: Sequence[int]
    ) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Different items for titles, in order; the first offered fill what is missing. The items, and how of each."""
        size, found, hows = self.task.catalogue.num_items, list[int](), list[str]()
        for name in titles:
            free = Allowed(allowed.blocked | set(found), allowed.mask) if found else allowed
            free = free if free.any_item(size) else allowed
            g = self.grounding.ground(name, free, [item for item in offered if item not in found])
            hows.append(g.how)
            found.append(g.item)
        missing = self.view.slots - len(found)
        if missing:
            filling = [item for item in offered if item not in found][:missing]
            filling += self.search(None, allowed, missing - len(filling), {*offered, *found})
            found += (filling or found * missing)[:missing]
            hows += ["filled"] * missing
        return tuple(found), tuple(hows)

    def category_means(self, visit: Visit) -> list[tuple[int, float, int]]:
        """(category, this user's mean reward, how many items), the best liked first, then the most frequent."""
        rewards: dict[int, list[float]] = {}
        for seen in (*visit.history, *visit.shown):
            for category in self.task.catalogue.categories(seen.item).tolist():
                rewards.setdefault(category, []).append(seen.score)
        facts = [(c, sum(r) / len(r), len(r)) for c, r in rewards.items()]
        return sorted(facts, key=lambda fact: (-fact[1], -fact[2], fact[0]))

    def search(self, category: int | None, allowed: Allowed, count: int, without: Iterable[int] = ()) -> list[int]:
        """Up to `count` allowed items of a category (None: of all), best public rating first."""
        ranked: Sequence[int] | NDArray[np.int64] = self._best if category is None else self._ranked(category)
        left_out = frozenset(without)
        found: list[int] = []
        for item in map(int, ranked):
            if len(found) == count:
                break
            if item not in left_out and allowed(item):
                found.append(item)
        return found

    def _ranked(self, category: int) -> list[int]:
        if category not in self._best_of:
            catalogue = self.task.catalogue
            owner = np.repeat(np.arange(catalogue.num_items), np.diff(catalogue.category_indptr))
            inside = np.zeros(catalogue.num_items, np.bool_)
            inside[owner[catalogue.category_ids == category]] = True
            self._best_of[category] = self._best[inside[self._best]].tolist()
        return self._best_of[category]

    def liked(self, visit: Visit, allowed: Allowed, count: int) -> list[int]:
        """Up to `count` allowed items that this user gave at least the own mean, best first, longest ago first.

        What earned the smallest score there is was not liked, even where the user gave nothing more to any.
        """
        known, last = visit.known, visit.last_step
        if not known:
            return []
        mean, least = sum(known.values()) / len(known), self.view.scores[0]
        fit = [item for item, reward in known.items() if reward >= mean and reward > least and allowed(item)]
        return sorted(fit, key=lambda i: (-known[i], last.get(i, 0), i))[:count]

    def shortlist(self, visit: Visit, allowed: Allowed, count: int) -> list[int]:
        """Up to `count` items: up to half of them liked ones, then the best rated of the two best liked categories.

        Where the user has no log, the best rated of all. Never empty for a count above 0.
        """
        found = self.liked(visit, allowed, count // 2)
        known = visit.known
        for category, _, _ in self.category_means(visit)[:2]:
            room = (count - len(found) + 1) // 2
            found += self.search(category, allowed, room, {*found, *known})
        return found + self.search(None, allowed, count - len(found), found)
