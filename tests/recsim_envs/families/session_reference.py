"""The session dynamics in slow plain Python and double precision, from the words of the page."""

from __future__ import annotations

import math

from recsim_envs import rng

NAMES = ("click", "long_view", "like", "comment", "forward", "follow", "hate")


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def normalised(vector):
    mean = sum(vector) / len(vector)
    variance = sum((x - mean) ** 2 for x in vector) / len(vector)
    return [(x - mean) / math.sqrt(variance + 1e-5) for x in vector]


class ReferenceUser:
    """The response model of one user: a gated recurrent unit and seven queries. `model` is a `ResponseModel`."""

    def __init__(self, model, profile):
        self.net = {name: array.tolist() for name, array in model.arrays._asdict().items()}
        self.rows = model.profile_rows[profile].tolist()
        net = self.net
        first = list(net["start_bias"])
        for f in self.rows:
            first = [x + y for x, y in zip(first, net["start_users"][f], strict=True)]
        self.hidden = [math.tanh(x) for x in first]

    def fits(self, item):
        """Matches of the seven queries with an item, in -1..1."""
        net, width = self.net, len(self.net["items"][0])
        columns = zip(*net["query_hidden"], strict=True)
        asked = [b + dot(self.hidden, column) for b, column in zip(net["query_bias"], columns, strict=True)]
        for f in self.rows:
            asked = [x + y for x, y in zip(asked, net["query_users"][f], strict=True)]
        queries = [normalised(asked[b * width : (b + 1) * width]) for b in range(7)]
        return [dot(q, net["items"][item]) / width for q in queries]

    def remember(self, item, answers):
        net, size = self.net, len(self.hidden)
        given = list(net["item_gates"][item])
        for b, answer in enumerate(answers):
            if answer:
                given = [x + y for x, y in zip(given, net["response_gates"][b], strict=True)]
        columns = zip(*net["hidden_gates"], strict=True)
        carried = [b + dot(self.hidden, column) for b, column in zip(net["hidden_bias"], columns, strict=True)]
        for j, old in enumerate(list(self.hidden)):
            reset, update = (sigmoid(given[k * size + j] + carried[k * size + j]) for k in (0, 1))
            new = math.tanh(given[2 * size + j] + reset * carried[2 * size + j])
            self.hidden[j] = (1 - update) * new + update * old


class ReferenceSession:
    """Fatigue and temper of one user, from the page's words."""

    def __init__(self, user, past, *, mode, reference, single_response, rho, initial_temper, horizon):
        """`past`: the items shown before the session; `user` has remembered them."""
        self.user, self.items, self.temper = user, list(past), initial_temper
        self.mode, self.reference, self.rho, self.horizon = mode, reference, rho, horizon
        self.weights = [1, 0, 0, 0, 0, 0, 0] if single_response else [1, 1, 1, 1, 1, 1, 0]
        self.satiety, self.steps, self.cause = [0.0] * len(user.net["items"][0]), 0, ""

    def cosine(self, a, b):
        return dot(a, b) / len(a)

    def chances(self, slate):
        encodings = [self.user.net["items"][item] for item in slate]
        return [self.chances_of(item, encodings) for item in slate]

    def chances_of(self, item, encodings):
        own, fits, net = self.user.net["items"][item], self.user.fits(item), self.user.net
        if self.reference:
            similar = sum(self.cosine(own, other) / 64 for other in encodings) / 6
            return [min(max(sigmoid(sigmoid(fit)) - self.rho * similar, 0), 1) for fit in fits]
        similar, again = self.sameness(own, encodings)
        appeal = max(1 - self.rho * similar - 0.2 * again - 0.3 * (item in self.items[-60:]), 0)
        p = [sigmoid(s * fit + b) for s, fit, b in zip(net["scale"], fits, net["bias"], strict=True)]
        p[1] *= p[0]
        return [x * appeal for x in p[:6]] + [min(p[6] * (2 - appeal), 1)]

    def sameness(self, own, encodings):
        similar = sum(min(max(self.cosine(own, other), 0), 1) for other in encodings) / 6
        return similar, min(max(self.cosine(own, self.satiety), 0), 1)

    def step(self, slate, answers):
        """Reward, terminated, truncated when the user answered so."""
        encodings = [self.user.net["items"][item] for item in slate]
        same = sum(sum(self.sameness(own, encodings)) for own in encodings) / 6
        for item, given in zip(slate, answers, strict=True):
            self.user.remember(item, given)
        self.items += slate
        self.satiety = [0.8 * s + 0.2 * sum(e[j] for e in encodings) / 6 for j, s in enumerate(self.satiety)]
        reward = sum(dot(self.weights, given) for given in answers) / 6
        self.temper -= self.loss(reward, same, answers)
        self.steps += 1
        self.cause = "temper" if self.temper < 1 else "horizon" if self.steps >= self.horizon else ""
        return reward, self.cause == "temper", self.cause == "horizon"

    def loss(self, reward, same, answers):
        if self.mode == "request":
            return 1.0
        if self.reference:
            return min(max(2 - reward, 0), 2)
        vain = sum(given[0] and not given[1] for given in answers) / 6
        relief = sum(2 * sum(given[2:6]) - 4 * given[6] for given in answers) / 6
        return min(max(0.25 + 2 * vain + 3 * same - relief, 0), 4)

    def draws(self, seed):
        """The uniform draws (6 x 7) that decide the answers of the next request."""
        indices = [[k * 7 + (0 if b == 1 and not self.reference else b) for b in range(7)] for k in range(6)]
        return rng.uniform_array(seed, self.steps, rng.FAMILY + 3, indices).tolist()
