"""The boredom dynamics in slow plain Python, from the words of the page and with the reference's own bookkeeping."""

from __future__ import annotations

import math
from collections import deque

from recsim_envs import rng
from recsim_envs.families.boredom import kernel


def draw(seed, step, purpose, lane):
    return float(rng.uniform_array(seed, step, purpose, lane))


class ReferenceSession:
    """One user. `items` is a list of vectors, `c` the family's `Constants`."""

    def __init__(self, seed, items, c):
        self.seed, self.items, self.c = seed, items, c
        self.topics = [row.index(max(row)) for row in items]
        self.user = self.draw_user()
        self.log = deque(maxlen=c.memory)  # (topic, step)
        self.bored, self.timeout = [False] * c.num_topics, [c.boredom_timeout] * c.num_topics
        self.t = 0
        self.show([int(rng.below_array(len(items), seed, 0, kernel.FIRST, k)) for k in range(c.slate_size)])

    def draw_user(self):
        t = self.c.num_topics
        for attempt in range(1000):
            liked = [draw(self.seed, attempt, kernel.TOPICS, j) > 1 - 4 / t for j in range(t)]
            if 3 <= sum(liked) <= 5:
                break
        weights = [(1 - draw(self.seed, 0, kernel.INTEREST, j)) * liked[j] for j in range(t)]
        return unit(weights)

    def mood(self):
        """The user's vector as boredom leaves it."""
        if self.c.boredom == "user":
            return [0.0] * len(self.user) if any(self.bored) else self.user
        return [0.0 if bored else x for x, bored in zip(self.user, self.bored, strict=True)]

    def chance(self, item):
        score = sum(x * y for x, y in zip(self.mood(), self.items[item], strict=True))
        return 1 / (1 + math.exp(-self.c.slope * (score - self.c.offset)))

    def show(self, slate):
        """Number of clicks."""
        c, clicks = self.c, []
        for k, item in enumerate(slate):
            chance = c.click_propensity * c.position_decay**k * self.chance(item)
            copy = c.copies == "ignored" and item in slate[:k]
            clicks.append(int(not copy and draw(self.seed, self.t, kernel.CLICK, k) < chance))
        clicked = [item for item, click in zip(slate, clicks, strict=True) if click]
        self.log.extend((self.topics[item], self.t) for item in clicked)
        self.slate, self.clicks = slate, clicks
        self.t += 1
        self.tire()
        self.drift(clicked)
        return len(clicked)

    def tire(self):
        c = self.c
        while self.log and self.log[0][1] < self.t - c.boredom_window:
            self.log.popleft()
        for j in range(c.num_topics):
            self.timeout[j] -= self.bored[j]
            self.bored[j] = self.bored[j] and self.timeout[j] != 0
            if not self.bored[j]:
                self.timeout[j] = c.boredom_timeout
        counts = [sum(topic == j for topic, _ in self.log) for j in range(c.num_topics)]
        for j, count in enumerate(counts):
            self.bored[j] |= count >= c.boredom_threshold
        self.hist = [min(count / c.boredom_threshold, 1.0) for count in counts]

    def drift(self, clicked):
        c = self.c
        if not clicked or c.influence == "none":
            return
        mean = [sum(self.items[i][j] for i in clicked) / len(clicked) for j in range(c.num_topics)]
        if c.influence == "reference":
            mean = [sum(mean) / len(mean)] * len(mean)
        self.user = unit([c.omega * x + (1 - c.omega) * m for x, m in zip(self.user, mean, strict=True)])


def unit(vector):
    length = math.sqrt(sum(x * x for x in vector))
    return [x / length for x in vector]
