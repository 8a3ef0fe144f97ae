"""A task as the language-model baselines see it: its catalogue in text form, true facts about it, and grounding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from numpy.typing import NDArray

from baselines.llm.visit import Seen, Visit
from bilp_agent.prompts import words
from recsim_envs.spec import TaskSpec
from recsim_envs.text.catalogue import CatalogueText
from recsim_envs.text.grounding import Allowed, Grounding


@cache
def template(name: str) -> Template:
    """A template of the folder `prompts`. Plain text: titles are made safe by `recsim_envs.text.catalogue`."""
    loader = FileSystemLoader(Path(__file__).parent / "prompts")
    options: dict[str, Any] = {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    return Environment(loader=loader, **options).get_template(f"{name}.j2")


class Desk:
    """What can be said and looked up about one task. Facts are computed, never generated.

    window: past items that a prompt shows of the log and of the session, each.
    """

    def __init__(self, task: TaskSpec, window: int) -> None:
        self.task, self._window = task, window
        self.text = CatalogueText(task.catalogue)
        self.grounding = Grounding(self.text)
        means, popularity = task.catalogue.mean_reward.astype(np.float64), task.catalogue.popularity
        self._best: NDArray[np.int64] = np.lexsort((-popularity, -means))  # ties: popular first, then by id
        self._best_of: dict[int, list[int]] = {}

    def render(self, name: str, **values: Any) -> str:
        """A template filled in; every one knows the task's words, rewards and horizon."""
        low, high = self.task.reward_range
        facts = {"low": f"{low:g}", "high": f"{high:g}", "horizon": self.task.horizon}
        return template(name).render(**words(self.task.domain), **facts, **values).strip()

    def past(self, visit: Visit, lines: int = 0) -> dict[str, Any]:
        """What every user prompt shows of a session: the log, the session so far, the number of the next step.

        lines: at least so many items of the session are shown, if there are as many.
        """
        numbered = list(enumerate(visit.shown, 1))[-max(self._window, lines) :]
        return {
            "history": [self.line(seen) for seen in visit.history[-self._window :]],
            "shown": [f"step {step}: {self.line(seen)}" for step, seen in numbered],
            "step": len(visit.shown) + 1,
        }

    def line(self, seen: Seen) -> str:
        """An item that this user has met, with its reward."""
        return f"{self.text.line(seen.item)} | reward {seen.reward:g}"

    def option(self, item: int, visit: Visit) -> str:
        """An item that might be shown next, and what this user is known to think of it."""
        reward, last = visit.known.get(item), visit.last_step.get(item)
        told = "new" if reward is None else f"reward {reward:g}"
        ago = "" if last is None else f", {len(visit.shown) + 1 - last} steps ago"
        return f"{self.text.line(item)} | {told}{ago}"

    def allowed(self, visit: Visit, mask: Any, *, repeats: bool) -> Allowed:
        """What may be shown next: by the protocol and, without `repeats`, not what this session has shown.

        Where that leaves nothing, the protocol alone decides.
        """
        strict = Allowed(frozenset() if repeats else frozenset(seen.item for seen in visit.shown), mask)
        return strict if strict.any_item(self.task.catalogue.num_items) else Allowed(mask=mask)

    def category_means(self, visit: Visit) -> list[tuple[int, float, int]]:
        """(category, this user's mean reward, how many items), the best liked first, then the most frequent."""
        rewards: dict[int, list[float]] = {}
        for seen in (*visit.history, *visit.shown):
            for category in self.task.catalogue.categories(seen.item).tolist():
                rewards.setdefault(category, []).append(seen.reward)
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
        """Up to `count` allowed items that this user gave at least the own mean, best first, longest ago first."""
        known, last = visit.known, visit.last_step
        if not known:
            return []
        mean = sum(known.values()) / len(known)
        fit = [item for item, reward in known.items() if reward >= mean and allowed(item)]
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
