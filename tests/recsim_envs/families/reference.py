"""The departure dynamics in slow plain Python, from the words of the specification."""

from __future__ import annotations

import math


def category_sets(world):
    """The categories of each item, as lists."""
    return [world.catalogue.categories(item).tolist() for item in range(world.num_items)]


class ReferenceSession:
    """One user: `rate(item)` is their reward, `vectors` the item vectors and `categories` the categories as lists."""

    def __init__(
        self, rate, vectors, categories=(), *, window, threshold, r_min, horizon, protocol="FB", leave_by="distance",
        category_limit=1, legacy_window=False, leaving_pays=False,
    ):  # fmt: skip
        self.rate, self.vectors, self.categories = rate, vectors, categories
        self.window, self.threshold, self.r_min = window, threshold, r_min
        self.by_category, self.limit, self.legacy, self.pays = (
            leave_by == "category", category_limit, legacy_window, leaving_pays,
        )  # fmt: skip
        self.leaves = protocol in ("FB", "NX_0")
        self.horizon = horizon if self.leaves else int(protocol[3:])
        self.shown, self.cause = [], ""

    def step(self, item):
        """Reward, terminated, truncated."""
        reward = self.rate(item)
        if self.leaves and self.shown:
            self.cause = self.why_leave(item, reward)
        self.shown.append(item)
        if self.cause:
            return reward if self.pays else 0.0, True, False
        if len(self.shown) == self.horizon:
            self.cause = "horizon"
        return reward, False, self.cause == "horizon"

    def why_leave(self, item, reward):
        if self.by_category:
            t, n = len(self.shown), self.window
            recent = self.shown[t - n : t] if self.legacy else self.shown[-n:]  # the reference's slice, quirk and all
            met = [category for other in recent for category in self.categories[other]]
            if any(met.count(category) > self.limit for category in self.categories[item]):
                return "same-category"
            return "low-reward" if reward < self.r_min else ""
        recent = self.shown[-self.window :]
        if self.threshold > 0 and item in recent:
            return "repeat"
        if any(math.dist(self.vectors[item], self.vectors[other]) < self.threshold for other in recent):
            return "too-alike"
        return "low-reward" if reward < self.r_min else ""
