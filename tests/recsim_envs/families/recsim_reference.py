"""The three RecSim families and their choice models in slow plain Python, from the words of the specification."""

from __future__ import annotations

import math

import numpy as np

from recsim_envs import rng

QUALITY_MEANS = [-3 + 3 * i / 13 for i in range(14)] + [3 * i / 5 for i in range(6)]


def as_observed(x):
    """What is observed as float32 is the truth: nothing of the state hides behind its last digits."""
    return float(np.float32(x))


def chances(model, scores, *, no_click, floor=0.0, attention=1.0, scaling=1.0):
    """Probability of each slot; what is missing to 1 is no click. None as score is an empty slot."""
    if model == "first":
        return [1.0] + [0.0] * (len(scores) - 1)
    if model in ("cascade", "exponential-cascade"):
        unread, found = 1.0, []
        for x in scores:
            raw = 0.0 if x is None else (math.exp(x) if model == "exponential-cascade" else x - floor)
            p = min(max(attention * scaling * raw, 0.0), 1.0)
            found.append(unread * p)
            unread *= 1.0 - p
        return found
    if model == "multinomial-logit":
        masses = [0.0 if x is None else math.exp(x) for x in scores]
        nothing = math.exp(no_click)
    else:
        masses = [0.0 if x is None else max(x - floor, 0.0) for x in scores]
        nothing = max(no_click - floor, 0.0)
    total = sum(masses) + nothing
    return [mass / total if total else 0.0 for mass in masses]


def drawn_slot(probabilities, u):
    """The slot that a uniform number takes, or None."""
    for slot, p in enumerate(probabilities):
        if u < p:
            return slot
        u -= p
    return None


class Session:
    """One user; `seed` is the session's seed, after the split."""

    def __init__(self, seed, *, model, horizon, repeats, persist, constants):
        self.seed, self.model, self.horizon, self.repeats, self.persist = seed, model, horizon, repeats, persist
        self.constants, self.steps, self.cause = constants, 0, ""

    def draw(self, kind, purpose, index=0, step=None):
        return getattr(rng, kind)(self.seed, self.steps if step is None else step, rng.FAMILY + purpose, index)

    def documents_step(self):
        return 0 if self.persist else self.steps

    def word(self, purpose, index, shift, width):
        return (int(self.draw("bits", purpose, index // 2, self.documents_step())) >> (shift * (index % 2))) % 2**width

    def take(self, slate, score, purpose):
        scores = [
            None if candidate in slate[:i] and not self.repeats else score(candidate)
            for i, candidate in enumerate(slate)
        ]
        found = chances(self.model, scores, **self.constants)
        return drawn_slot(found, self.draw("uniform", purpose))

    def end(self, gone):
        self.steps += 1
        self.cause = "out-of-time" if gone else "horizon" if self.steps >= self.horizon else ""
        return self.cause == "out-of-time", self.cause == "horizon"


class EvolutionSession(Session):
    def __init__(self, seed, **options):
        super().__init__(
            seed, constants={"no_click": 1.0, "floor": -1.0, "attention": 0.65, "scaling": 0.05}, **options
        )
        self.interests = [as_observed(2.0 * self.draw("uniform", 0, k) - 1.0) for k in range(20)]
        self.budget = 200.0

    def topic(self, candidate):
        return self.word(1, candidate, 32, 32) * 20 >> 32

    def quality(self, candidate):
        noise = self.draw("normal", 2, candidate, self.documents_step())
        return as_observed(QUALITY_MEANS[self.topic(candidate)] + 0.1 * noise)

    def step(self, slate):
        slot = self.take(slate, lambda candidate: self.interests[self.topic(candidate)], 3)
        watched = 0.0
        if slot is None:
            self.budget -= 0.5
        else:
            topic, quality = self.topic(slate[slot]), self.quality(slate[slot])
            watched = min(self.budget, 4.0)
            u = self.interests[topic]
            sign = 1 if self.draw("uniform", 4) < (u + 1) / 2 else -1
            self.interests[topic] = as_observed(min(max(u + sign * 0.3 * (1 - abs(u)) * (1 - u), -1.0), 1.0))
            self.budget += -watched + 0.9 / 3.4 * watched * quality
        return watched, *self.end(self.budget <= 0)


class ExplorationSession(Session):
    def __init__(self, seed, *, acquirers, **options):
        scaling = math.exp(-5.0) if options["model"] == "exponential-cascade" else 0.2
        super().__init__(seed, constants={"no_click": 5.0, "attention": 0.65, "scaling": scaling}, **options)
        means = (0.1, 0.7) if self.draw("uniform", 0) < 0.3 else (0.7, 0.1)
        self.affinity = [math.exp(means[k] + 0.1 * self.draw("normal", 1, k)) for k in range(2)]
        self.gain, self.familiarity = [0.0, 0.0], [0.0, 0.0]
        if self.draw("uniform", 5) < acquirers:
            self.gain[self.affinity.index(min(self.affinity))] = 4.0

    def topic(self, candidate):
        return 0 if self.word(2, candidate, 32, 32) < int(0.2 * 2**32) else 1

    def quality(self, candidate):
        point = int(self.draw("bits", 3, candidate // 2, self.documents_step()))
        radius = math.sqrt(-2 * math.log((point % 2**32 + 1) / 2**32))
        angle = 2 * math.pi * (point >> 32) / 2**32
        z = radius * (math.sin(angle) if candidate % 2 else math.cos(angle))
        return as_observed(math.exp((0.8, 0.2)[self.topic(candidate)] + 0.1 * z))

    def step(self, slate):
        gained = [a + g * f for a, g, f in zip(self.affinity, self.gain, self.familiarity, strict=True)]
        slot = self.take(slate, lambda candidate: gained[self.topic(candidate)] + self.quality(candidate), 4)
        seen = list(slate) if self.repeats else list(dict.fromkeys(slate))
        for k in range(2):
            share = sum(self.topic(candidate) == k for candidate in seen) / len(seen)
            self.familiarity[k] += 0.05 * (share - self.familiarity[k])
        return float(slot is not None), *self.end(False)


class SatisfactionSession(Session):
    def __init__(self, seed, *, sensitivity, clipped, **options):
        scaling = math.exp(-1.0) if options["model"] == "exponential-cascade" else 1.0
        super().__init__(seed, constants={"no_click": -math.inf, "scaling": scaling}, **options)
        self.sensitivity, self.clipped = sensitivity, clipped
        self.exposure = (self.draw("uniform", 0) - 0.5) / (1 - 0.7)

    def clickbait(self, candidate):
        return self.word(1, candidate, 24, 24) / 2**24

    def step(self, slate):
        slot = self.take(slate, self.clickbait, 2)
        reward, gained = 0.0, 0.0
        if slot is not None:
            x = self.clickbait(slate[slot])
            satisfaction = 1 / (1 + math.exp(-self.sensitivity * self.exposure))
            reward = math.exp(satisfaction * (5 * x + 4 * (1 - x)) + self.draw("normal", 3))
            reward = min(reward, 100.0) if self.clipped else reward
            gained = -2 * (x - 0.5)
        self.exposure = 0.7 * self.exposure + gained + 0.05 * self.draw("normal", 4)
        return reward, *self.end(self.steps + 1 >= 60)


def play_beside(simulator, sessions, slates_of):
    """Step the kernel and the slow sessions together until all are over; `slates_of(t)` gives (B, k) slates."""
    t = 0
    while not simulator.over.all():
        slates, over = slates_of(t), simulator.over
        rewards, terminated, truncated = simulator.step(slates)
        for b, session in enumerate(sessions):
            if over[b]:
                assert rewards[b] == 0.0
            else:
                reward, gone, capped = session.step(slates[b].tolist())
                assert math.isclose(rewards[b], reward, rel_tol=1e-5, abs_tol=1e-4), (t, b)
                assert (terminated[b], truncated[b]) == (gone, capped)
                assert simulator.causes()[b] == session.cause
        t += 1
        yield t
