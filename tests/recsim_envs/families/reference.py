"""The departure dynamics in slow plain Python, from the words of the specification."""

from __future__ import annotations

import math


class ReferenceSession:
    """One user: `rate(item)` is their reward, `vectors` the item vectors as lists."""

    def __init__(self, rate, vectors, *, window, threshold, r_min, horizon, protocol="FB"):
        self.rate, self.vectors = rate, vectors
        self.window, self.threshold, self.r_min = window, threshold, r_min
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
            return 0.0, True, False
        if len(self.shown) == self.horizon:
            self.cause = "horizon"
        return reward, False, self.cause == "horizon"

    def why_leave(self, item, reward):
        recent = self.shown[-self.window :]
        if self.threshold > 0 and item in recent:
            return "repeat"
        if any(math.dist(self.vectors[item], self.vectors[other]) < self.threshold for other in recent):
            return "too-alike"
        return "low-reward" if reward < self.r_min else ""
