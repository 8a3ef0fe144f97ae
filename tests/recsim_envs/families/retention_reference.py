"""The retention dynamics in slow plain Python, from the words of the documentation page."""

from __future__ import annotations

import math

from recsim_envs import rng
from recsim_envs.families.retention import kernel
from recsim_envs.families.retention.parameters import GAP_LOGITS, Constants

WORTH = {"sessions": (1, 0), "days": (0, 1), "both": (1, 1)}


def logistic(x):
    return 1 / (1 + math.exp(-x))


def draw(seed, step, purpose, index=0):
    return float(rng.uniform_array(seed, step, purpose, index))


def gauss(seed, step, purpose, index=0):
    return float(rng.normal_array(seed, step, purpose, index))


def hazard(day, inclination):
    """Chance to be back on this day, if not before."""
    return logistic(GAP_LOGITS[min(day, len(GAP_LOGITS) - 1)] + inclination)


def reference_return_days(p):
    """Chances of KuaiSim's return days 1..10: a softmax over log P + d log(1 - P)."""
    weights = [math.exp(math.log(p) + d * math.log(1 - p)) for d in range(10)]
    return [w / sum(weights) for w in weights]


def reference_p(effect, response):
    return min(max(effect + 0.1 * response + 0.4, 0.001), 0.999)


class Life:
    """One user: `items` are (topic, quality, bait), `seed` that of the session."""

    def __init__(self, seed, items, topics=20, *, days, horizon, reward, reference=False):
        self.seed, self.items, self.c = seed, items, Constants()
        self.days, self.horizon, self.reward, self.reference = days, horizon, reward, reference
        rest, self.favourites = list(range(topics)), []
        for n in range(4):
            chosen = int(rng.below_array(len(rest), seed, 0, kernel.ORDER, n))
            self.favourites.append(rest.pop(chosen))
        self.nature = [
            (0.6 + 0.4 * u if k in self.favourites else 0.2 * u)
            for k, u in enumerate(draw(seed, 0, kernel.TASTE, k) for k in range(topics))
        ]
        self.interest, self.satiation = list(self.nature), [0.0] * topics
        self.trust, self.habit, self.mood, self.views = 0.55, 0.3, 0.2, 0
        self.effect = 0.3 * gauss(seed, 0, kernel.CHARACTER)
        if reference:
            self.effect = (2 * draw(seed, 0, kernel.CHARACTER) - 1) / math.sqrt(192)
        self.day, self.gap, self.visit, self.visit_step, self.steps, self.today = 0, 0, 1, 0, 0, 1
        self.shown, self.cause = [], ""

    def step(self, slate):
        """Reward, terminated, truncated."""
        reward = 0.0
        if self.visit_step == 0 and not self.reference:
            visit, day = WORTH[self.reward]
            reward = visit + (day if self.today == 1 else 0)
        answers = [self.meet(item, slot) for slot, item in enumerate(slate)]
        clicks, views = (sum(a[i] for a in answers) for i in (1, 2))
        enjoyment = (views - (clicks - views)) / len(slate)
        self.mood += 0.4 * (enjoyment - self.mood)
        self.views += views
        self.visit_step += 1
        if self.leaves(enjoyment):
            away = self.return_after((clicks + views) / len(slate))
            if self.reference:
                reward = -away / 10
        self.steps += 1
        if not self.cause and self.steps == self.horizon:
            self.cause = "horizon"
        return reward, self.cause == "churned", self.cause not in ("", "churned")

    def meet(self, item, slot):
        (topic, quality, bait), c = self.items[item], self.c
        match = self.interest[topic] - self.satiation[topic]
        if not self.reference and item in [i for i, *_ in self.recent(slot)]:
            match -= 0.4
        both = int(rng.bits_array(self.seed, self.steps, kernel.RESPONSE, slot))
        click = (both >> 32) / 2**32 < 0.85**slot * logistic(c.click_base + 6 * match + 3 * self.trust * bait)
        view = click and (both % 2**32) / 2**32 < logistic(c.view_base + 6 * match + 3 * quality)
        if click and not self.reference:
            self.satiation[topic] += 0.06
            if view:
                self.interest[topic] += 0.04 * (1 - self.interest[topic])
                self.trust += 0.03 * (1 - self.trust)
            else:
                self.trust -= 0.06 * self.trust
        self.shown.append((item, int(click), int(view)))
        return self.shown[-1]

    def recent(self, slot):
        """The last 25 items before the slate, and the slate so far."""
        before = self.shown[: len(self.shown) - slot]
        return before[-25:] + self.shown[len(self.shown) - slot :]

    def leaves(self, enjoyment):
        if self.reference:
            return self.visit_step == 5
        chance = logistic(self.c.leave_base - 4 * enjoyment + 0.15 * (self.visit_step - 1))
        return self.visit_step == 10 or draw(self.seed, self.steps, kernel.LEAVE) < chance

    def pull(self):
        return self.effect + 6 * (self.mood - 0.2) + 4 * (self.trust - 0.55) + 3 * (self.habit - 0.3)

    def return_after(self, response):
        u = draw(self.seed, self.steps, kernel.RETURN)
        if self.reference:
            shares = reference_return_days(reference_p(self.effect, response))
            away = next((d for d in range(1, 10) if u < sum(shares[:d])), 10)
            if self.visit == 6:
                self.cause = "sessions-end"
        else:
            self.habit += 0.1 * min(self.views / 12, 1) * (1 - self.habit)
            away = self.drawn_days(u)
            if away is None:
                self.cause = "churned"
            elif self.day + away >= self.days:
                self.cause = "calendar-end"
            elif away:
                self.be_away(away)
        if not self.cause:
            self.day, self.gap, self.visit, self.visit_step = self.day + away, away, self.visit + 1, 0
            self.today = 1 if away else self.today + 1
            self.mood, self.views = 0.2, 0
        return away

    def drawn_days(self, u):
        still_away = 1.0
        for day in range(1 if self.today == 2 else 0, 17):
            still_away *= 1 - hazard(day, self.pull())
            if u >= still_away:
                return day
        return None

    def be_away(self, days):
        self.habit *= math.exp(-days / 5)
        self.trust = 0.55 + (self.trust - 0.55) * math.exp(-days / 60)
        for k in range(len(self.nature)):
            self.satiation[k] *= math.exp(-days / 2)
            grown = (self.interest[k] - self.nature[k]) * math.exp(-days / 30)
            wandered = self.nature[k] + 0.02 * math.sqrt(days) * gauss(self.seed, self.steps, kernel.DRIFT, k)
            self.interest[k] = min(max(wandered + grown, 0), 1)
            self.nature[k] = min(max(wandered, 0), 1)
