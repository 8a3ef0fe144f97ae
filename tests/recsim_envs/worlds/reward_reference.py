"""The reward models in slow plain Python: one user, one number after the other, rounded to float32 at every step."""

from __future__ import annotations

import numpy as np

from recsim_envs.numerics import hyperbolic, sigmoid

F = np.float32


def total(terms, start=0.0):
    """The float32 sum of `terms`, one after the other."""
    found = F(start)
    for term in terms:
        found = F(found + F(term))
    return found


def products(a, b):
    return [F(F(x) * F(y)) for x, y in zip(a, b, strict=True)]


def relu(x):
    return x if x > 0 else F(0.0)


class ReferenceUser:
    """What a user of a world gives an item now, and how that moves them."""

    def __init__(self, world, user):
        self.model, self.a, self.user = world.info.reward_model, world.arrays, user
        self.low, self.high = (F(x) for x in world.info.reward_range)
        self.state = list(self.a["user_states"][user]) if self.model == "gru" else []

    def rate(self, item):
        """The reward, a float32."""
        if self.model == "table":
            return F(self.a["rewards"][self.user, item])
        raw = self.calibrate(self.raw(item))
        return min(max(raw, self.low), self.high)

    def raw(self, item):
        a, u = self.a, self.user
        bias = total([a["item_bias"][item]], a["user_bias"][u])
        factors = total(products(self.looks_for(), a["item_factors"][item]), bias)
        return F(factors + self.deep(item)) if self.model == "deepfm" else factors

    def looks_for(self):
        own = self.a["user_factors"][self.user]
        if self.model != "gru":
            return own
        columns = self.a["query_weights"].T
        return [total(products(self.state, column), p) for p, column in zip(own, columns, strict=True)]

    def deep(self, item):
        a = self.a
        first = [relu(F(x + y)) for x, y in zip(a["user_hidden"][self.user], a["item_hidden"][item], strict=True)]
        pairs = zip(a["deep_bias"], a["deep_weights"].T, strict=True)
        second = [relu(total(products(first, column), bias)) for bias, column in pairs]
        return total(products(second, a["deep_out"]))

    def calibrate(self, raw):
        if "calibration" not in self.a:
            return raw
        xs, ys = self.a["calibration"].astype(float)
        if raw <= xs[0] or raw >= xs[-1]:
            return F(ys[0] if raw <= xs[0] else ys[-1])
        right = next(k for k, x in enumerate(xs) if x > raw)
        share = (float(raw) - xs[right - 1]) / (xs[right] - xs[right - 1])
        return min(F(ys[right - 1] + share * (ys[right] - ys[right - 1])), F(ys[right]))

    def show(self, item):
        """The reward; and the user moves on."""
        reward = self.rate(item)
        if self.model == "gru":
            self.state = self.moved(item, reward)
        return reward

    def moved(self, item, reward):
        a, width = self.a, len(self.state)
        given = [
            [F(x + F(reward * v)) for x, v in zip(*gate, strict=True)]
            for gate in zip(a["item_gates"][item], a["value_gates"], strict=True)
        ]
        carried = [
            [
                total(products(self.state, a["hidden_gates"][:, gate, j]), a["hidden_bias"][gate, j])
                for j in range(width)
            ]
            for gate in range(3)
        ]
        after = []
        for j, h in enumerate(self.state):
            reset, update = (F(sigmoid(F(given[gate][j] + carried[gate][j]))) for gate in (0, 1))
            new = F(hyperbolic(F(given[2][j] + F(reset * carried[2][j]))))
            after.append(F(new + F(update * F(h - new))))
        return after
