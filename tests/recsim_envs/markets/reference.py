"""The markets in slow plain Python, from the words of their pages. Draws are the package's, keyed by the same seed."""

from __future__ import annotations

import math

from recsim_envs import rng
from recsim_envs.markets.creator import kernel as creator
from recsim_envs.markets.duopoly import kernel as duopoly
from recsim_envs.markets.slate_team import kernel as slate_team


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def unit(vector):
    norm = math.sqrt(sum(x * x for x in vector))
    return [x / norm for x in vector]


def near(topic, topics, seed, purpose, user):
    """A unit vector near a topic."""
    noise = [0.3 * rng.normal(seed, 0, purpose, user * topics + k) for k in range(topics)]
    return unit([x + (k == topic) for k, x in enumerate(noise)])


class Creators:
    """One creator market. `cause` says why a creator stopped."""

    def __init__(self, seed, *, creators, users, mechanism, viability, fatigue_gain, horizon):
        self.seed, self.mechanism, self.viability, self.horizon = seed, mechanism, viability, horizon
        self.gain, self.round = fatigue_gain, 0
        weights = [0.2 + rng.uniform(seed, 0, creator.CROWD, k) for k in range(5)]
        self.tastes = []
        for u in range(users):
            draw = rng.uniform(seed, 0, creator.CLUSTER, u) * sum(weights)
            cluster = next((k for k in range(5) if draw < sum(weights[: k + 1])), 4)
            self.tastes.append(near(cluster, 5, seed, creator.TASTE, u))
        self.fatigue, self.habit = [0.0] * users, [0.8] * users
        self.audience, self.cause = [25.0] * creators, [""] * creators

    def step(self, actions):
        """Rewards of all creators, 0 for those who are gone."""
        playing = [i for i, cause in enumerate(self.cause) if not cause]
        items = {i: (actions[i] // 9, actions[i] // 3 % 3 / 2, actions[i] % 3 / 2) for i in playing}
        clicks = dict.fromkeys(playing, 0)
        for u in range(len(self.tastes)):
            clicked = self.visit(u, items)
            if clicked is not None:
                clicks[clicked] += 1
        self.round += 1
        rewards = [0.0] * len(actions)
        for i in playing:
            rewards[i] = clicks[i] - 0.5 * items[i][1] ** 2
            self.audience[i] = 0.96 * self.audience[i] + clicks[i]
            self.cause[i] = "left" if self.audience[i] < self.viability else ""
            if not self.cause[i] and self.round == self.horizon:
                self.cause[i] = "horizon"
        return rewards

    def visit(self, u, items):
        """What one user clicks, if they come."""
        fatigue, self.fatigue[u] = self.fatigue[u], 0.95 * self.fatigue[u]
        if rng.uniform(self.seed, self.round, creator.VISIT, u) >= self.habit[u]:
            self.habit[u] += 0.01 * (0.5 - self.habit[u])
            return None
        logits = {i: self.tastes[u][k] + 0.3 * q + 0.5 * b - 0.5 * b * fatigue for i, (k, q, b) in items.items()}
        scores = {i: self.score(u, i, item, logits[i]) + self.noise(u, i) for i, item in items.items()}
        slate = sorted(items, key=lambda i: (-scores[i], i))[:5]
        weights = [math.exp(logits[i]) for i in slate]
        draw = rng.uniform(self.seed, self.round, creator.CLICK, u) * (sum(weights) + math.exp(1))
        place = next((n for n in range(len(slate)) if draw < sum(weights[: n + 1])), None)
        if place is None:
            return None
        k, q, b = items[slate[place]]
        self.fatigue[u] += self.gain * b
        self.habit[u] += 0.1 * (sigmoid(3 * (self.tastes[u][k] + q - 1.5 * b - 0.5)) - self.habit[u])
        return slate[place]

    def score(self, u, i, item, logit):
        k, q, b = item
        if self.mechanism == "quality":
            return self.tastes[u][k] + q - b
        return logit + (1 - min(1, self.audience[i] / 25) if self.mechanism == "viability" else 0)

    def noise(self, u, i, purpose=creator.NOISE):
        words = -(-len(self.cause) // 4)  # four creators share a draw
        word = int(rng.bits(self.seed, self.round, purpose, u * words + i // 4))
        return 0.5 * (word >> 16 * (i % 4) & 0xFFFF) / 2**16


class Slots:
    """One slate team."""

    def __init__(self, seed, *, slots, tiring, horizon):
        self.seed, self.slots, self.tiring, self.horizon, self.round = seed, slots, tiring, horizon, 0
        self.tastes = [-0.5 + 1.5 * rng.normal(seed, 0, slate_team.TASTE, k) for k in range(12)]
        self.exposure, self.weariness, self.patience, self.cause = [0.0] * 12, 0.0, 10.0, ""

    def step(self, topics):
        """Clicks on the slate."""
        clicks = 0
        for n, k in enumerate(topics):
            chance = 0.9**n * sigmoid(self.tastes[k] - self.weariness - 0.3 * topics[:n].count(k))
            clicks += rng.uniform(self.seed, self.round, slate_team.CLICK, n) < chance
        shares = [topics.count(k) / self.slots for k in range(12)]
        redundancy = sum(x * e for x, e in zip(shares, self.exposure, strict=True))
        self.exposure = [0.8 * e + 0.2 * x for x, e in zip(shares, self.exposure, strict=True)]
        self.weariness = 0.95 * self.weariness + self.tiring * max(0, redundancy - 1 / 12)
        self.patience = min(10, self.patience + clicks - 0.3 * self.slots)
        self.round += 1
        self.cause = "left" if self.patience < 0 else "horizon" if self.round == self.horizon else ""
        return float(clicks)


class Platforms:
    """One duopoly."""

    def __init__(self, seed, *, users, harm, horizon):
        self.seed, self.harm, self.horizon, self.round, self.cause = seed, harm, horizon, 0, ""
        favourites = [rng.below(4, seed, 0, duopoly.FAVOURITE, u) for u in range(users)]
        self.tastes = [near(k, 4, seed, duopoly.TASTE, u) for u, k in enumerate(favourites)]
        self.satisfaction = [
            [0.4 + 0.2 * rng.uniform(seed, 0, duopoly.FIRST, 2 * u + p) for p in (0, 1)] for u in range(users)
        ]
        self.habit, self.returning = [[1 / 3, 1 / 3] for _ in range(users)], [0.7] * users

    def step(self, actions):
        """Rewards of both platforms."""
        time = [0.0, 0.0]
        for u in range(len(self.tastes)):
            if rng.uniform(self.seed, self.round, duopoly.VISIT, u) < self.returning[u]:
                for p, share in enumerate(self.visit(u, actions)):
                    time[p] += share
            else:
                self.returning[u] += 0.01 * (0.7 - self.returning[u])
        self.round += 1
        self.cause = "horizon" if self.round == self.horizon else ""
        return [10 * time[p] / len(self.tastes) - 0.5 * (actions[p] // 3 % 3 / 2) ** 2 for p in (0, 1)]

    def visit(self, u, actions):
        """The shares of one user's time, and what they leave behind."""
        shares = self.split(u, actions)
        felt = [sigmoid(3 * (match + q - self.harm * b - 0.5)) for match, q, b in self.offers(u, actions)]
        worth = sum(s * f for s, f in zip(shares, [*felt, 0.5], strict=True))
        for p in (0, 1):
            self.satisfaction[u][p] += 0.3 * shares[p] * (felt[p] - self.satisfaction[u][p])
            self.habit[u][p] += 0.1 * (shares[p] - self.habit[u][p])
        self.returning[u] += 0.1 * (worth - self.returning[u])
        return shares[:2]

    def offers(self, u, actions):
        return [(self.match(u, a // 9), a // 3 % 3 / 2, a % 3 / 2) for a in actions]

    def split(self, u, actions):
        """The time of a user who comes: shares of both platforms and of everything else."""
        logits = [
            2 * self.satisfaction[u][p] + 1.5 * self.habit[u][p] + match + 0.5 * q + b
            for p, (match, q, b) in enumerate(self.offers(u, actions))
        ]
        weights = [math.exp(x) for x in (*logits, 2.5)]
        return [w / sum(weights) for w in weights]

    def match(self, u, feed):
        weights = [1 / 4] * 4 if feed == 0 else [0.7 if k == feed - 1 else 0.1 for k in range(4)]
        return sum(w * t for w, t in zip(weights, self.tastes[u], strict=True))
