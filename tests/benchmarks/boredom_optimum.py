"""The boredom planner against the optimum on a small instance: every slate, every answer, by backward induction.

`python -m tests.benchmarks.boredom_optimum` prints the planner's share of the optimum for a few users.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import product

import numpy as np

from recsim_envs import rng
from recsim_envs.families import make_family
from recsim_envs.families.boredom import kernel

SMALL = {
    "layout": "topk", "variant": "bored", "num_items": 4, "num_topics": 3, "slate_size": 2, "horizon": 4, "memory": 4,
    "boredom_threshold": 2, "boredom_window": 3, "boredom_timeout": 2, "slope": 5.0, "offset": 0.5,
}  # fmt: skip
Clicks = tuple[tuple[int, int], ...]  # (topic, steps ago) of the clicks that are remembered, oldest first


class Optimum:
    """The value of a user's states. A state is the clicks that count and for how long each topic still bores."""

    def __init__(self, user: np.ndarray, sim) -> None:
        self.c, self.topics = sim.constants(), sim.item_topics.tolist()
        self.likings = (sim.item_vectors @ user).tolist()
        self.value = lru_cache(maxsize=None)(self._value)

    def _value(self, left: int, clicks: Clicks, bored: tuple[int, ...]) -> float:
        if not left:
            return 0.0
        return max(
            self._expected(slate, left, clicks, bored) for slate in product(range(self.c["num_items"]), repeat=2)
        )

    def _expected(self, slate: tuple[int, ...], left: int, clicks: Clicks, bored: tuple[int, ...]) -> float:
        c, total = self.c, 0.0
        scores = [0.0 if any(bored) else self.likings[item] for item in slate]
        chances = [
            0.0 if item in slate[:k] else c["position_decay"] ** k / (1 + math.exp(-c["slope"] * (score - c["offset"])))
            for k, (item, score) in enumerate(zip(slate, scores, strict=True))
        ]
        for answer in product((0, 1), repeat=2):
            weight = math.prod([p if a else 1 - p for p, a in zip(chances, answer, strict=True)])
            if weight > 0:
                clicked = [self.topics[item] for item, a in zip(slate, answer, strict=True) if a]
                total += weight * (sum(answer) + self.value(left - 1, *self._after(clicked, clicks, bored)))
        return total

    def _after(self, clicked: list[int], clicks: Clicks, bored: tuple[int, ...]) -> tuple[Clicks, tuple[int, ...]]:
        c = self.c
        aged = [(topic, ago + 1) for topic, ago in clicks] + [(topic, 0) for topic in clicked]
        kept = [(topic, ago) for topic, ago in aged[-c["memory"] :] if ago < c["boredom_window"]]
        counts = [sum(topic == j for topic, _ in kept) for j in range(c["num_topics"])]
        waiting = [max(b - 1, 0) for b in bored]
        again = [n >= c["boredom_threshold"] for n in counts]
        left = [c["boredom_timeout"] if w == 0 and a else w for w, a in zip(waiting, again, strict=True)]
        return tuple(kept), tuple(left)

    def start(self, state: kernel.State, lane: int) -> float:
        """The value at the start of a session, after the slate that it begins with."""
        order = np.argsort(state.log_slate[lane], kind="stable")
        log = [(int(state.log_topic[lane, k]), -int(state.log_slate[lane, k])) for k in order]
        clicks = tuple((topic, ago) for topic, ago in log if ago < self.c["boredom_window"])
        return self.value(self.c["horizon"], clicks, tuple(state.left[lane].tolist()))


def shares(user: int, lanes: int = 300, **changes: int) -> tuple[float, float, float]:
    """Optimum, the planner's mean return, and its standard error: one user in many sessions."""
    sim = make_family("boredom", lanes, split="test", **(SMALL | changes))
    sim.begin(np.arange(lanes), rng.bits_array(user, np.arange(lanes), 99))
    sim.lanes.user[:] = sim.lanes.user[0]
    optimum = Optimum(sim.lanes.user[0].copy(), sim)
    best = float(np.mean([optimum.start(sim.lanes, lane) for lane in range(lanes)]))
    plan, returns = sim.references()["planner"](), np.zeros(lanes)
    while not sim.over.all():
        returns += sim.step(plan()).rewards
    return best, float(returns.mean()), float(returns.std() / lanes**0.5)


def main() -> None:
    """Print a line for each length of boredom."""
    for timeout in (2, 4):
        found = np.array([shares(user, 1000, boredom_timeout=timeout) for user in range(4)])
        best, planned, error = found[:, 0].mean(), found[:, 1].mean(), np.sqrt((found[:, 2] ** 2).sum()) / len(found)
        print(f"bored for {timeout}: optimum {best:.3f}, planner {planned:.3f} +- {1.96 * error:.3f}, "
              f"share {planned / best:.3f} +- {1.96 * error / best:.3f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
