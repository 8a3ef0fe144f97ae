"""How a user chooses from a slate, as compiled code: five models that the families share.

A model turns the scores of a slate's slots into click masses, and a draw picks one slot or none. The first four are
RecSim's (Ie et al., "RecSim: A Configurable Simulation Platform for Recommender Systems", 2019, section 4, and its
`choice_model.py`); with score x_i of slot i:

- "multinomial-logit": p_i ~ exp(x_i), no click ~ exp(no_click);
- "proportional": p_i ~ x_i - floor, no click ~ no_click - floor;
- "cascade": slots are looked at from the top; slot i is taken with probability attention * scaling * (x_i - floor);
- "exponential-cascade": the same with attention * scaling * exp(x_i);
- "first": the first slot is always taken.

RecSim stops where a mass is negative or a cascade's probability exceeds 1; here they are clipped. A slot with score
-inf is empty: it is never taken and no other slot suffers from it.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numba import njit

LOGIT: Final = 0
PROPORTIONAL: Final = 1
CASCADE: Final = 2
EXPONENTIAL_CASCADE: Final = 3
FIRST: Final = 4

MODELS: Final = ("multinomial-logit", "proportional", "cascade", "exponential-cascade", "first")
"""Names of the models, in the order of their codes."""

NOTHING: Final = -1  # no slot was taken
_ROUNDS: Final = 50  # of Dinkelbach's iteration, which ends after a handful


class Choice(NamedTuple):
    """A choice model with its constants; those that a model does not name have no effect on it."""

    model: int
    no_click: float
    floor: float
    attention: float = 1.0
    scaling: float = 1.0


@njit(cache=True, inline="always")
def taken(choice, score):
    """Probability in [0, 1] that a cascade's user takes a slot that is looked at."""
    raw = math.exp(score) if choice.model == EXPONENTIAL_CASCADE else max(score - choice.floor, 0.0)
    return min(choice.attention * choice.scaling * raw, 1.0)


@njit(cache=True)
def weigh(choice, scores):
    """Turn the scores of the slots (float64, k) into click masses in place; returns the mass of no click."""
    slots = len(scores)
    if choice.model == LOGIT:
        top = choice.no_click
        for i in range(slots):
            top = max(top, scores[i])
        for i in range(slots):
            scores[i] = math.exp(scores[i] - top)
        return math.exp(choice.no_click - top)
    if choice.model == PROPORTIONAL:
        for i in range(slots):
            scores[i] = max(scores[i] - choice.floor, 0.0)
        return max(choice.no_click - choice.floor, 0.0)
    if choice.model == FIRST:
        for i in range(slots):
            scores[i] = 1.0 if i == 0 else 0.0
        return 0.0
    unread = 1.0
    for i in range(slots):
        p = taken(choice, scores[i])
        scores[i] = unread * p
        unread *= 1.0 - p
    return unread


@njit(cache=True)
def pick(masses, nothing, u):
    """The slot that a uniform draw `u` in [0, 1) takes, or NOTHING; masses are summed from the first slot on."""
    total = 0.0
    for i in range(len(masses)):
        total += masses[i]
    point, reached = u * (total + nothing), 0.0
    for i in range(len(masses)):
        reached += masses[i]
        if point < reached:
            return i
    return NOTHING


@njit(cache=True)
def choose(choice, scores, u):
    """The slot that is taken, or NOTHING; `scores` (float64, k) are overwritten."""
    return pick(scores, weigh(choice, scores), u)


@njit(cache=True)
def empty_repeats(slate, scores):
    """Give every slot whose candidate stands further up in the slate the score of an empty slot."""
    for i in range(1, len(slate)):
        for j in range(i):
            if slate[i] == slate[j]:
                scores[i] = -np.inf


@njit(cache=True)
def best_slate(choice, scores, values, nothing, repeats, out):
    """The slate of the highest expected value, exactly; fills `out` (int64, k) and returns its value.

    `scores` and `values` (float64, C) are a candidate's score and what follows when it is taken, `nothing` what
    follows when none is. With `repeats` a candidate shown twice counts twice; otherwise the second is an empty slot,
    and a slate may so be shorter than k.
    """
    if choice.model == FIRST:
        out[:] = np.argmax(values)
        return values[out[0]]
    if choice.model == CASCADE or choice.model == EXPONENTIAL_CASCADE:
        return _best_cascade(choice, scores, values, nothing, repeats, out)
    return _best_ratio(choice, scores, values, nothing, repeats, out)


@njit(cache=True)
def _best_ratio(choice, scores, values, nothing, repeats, out):
    """Maximise (sum m_i v_i + m_0 v_0) / (sum m_i + m_0) over slates (Dinkelbach, Management Science 13, 1967).

    At the best value x, the best slate maximises the sum of m_i (v_i - x), which is a sort.
    """
    masses = scores.copy()
    mass = weigh(choice, masses)
    value, trial = -np.inf, np.empty_like(out)
    for _ in range(_ROUNDS):
        floor = value if value > -np.inf else nothing
        order = np.argsort(-(masses * (values - floor)), kind="mergesort")
        above, below = mass * nothing, mass
        for slot in range(len(out)):
            i = order[0] if repeats else order[slot]
            kept = slot == 0 or repeats or masses[i] * (values[i] - floor) > 0.0
            trial[slot] = i if kept else order[0]
            if kept:
                above += masses[i] * values[i]
                below += masses[i]
        found = above / below if below > 0.0 else nothing
        if found <= value:
            break
        value = found
        out[:] = trial
    return value


@njit(cache=True)
def _best_cascade(choice, scores, values, nothing, repeats, out):
    """The best list: by backward induction over candidates in falling value, the order that any best list has."""
    slots, count = len(out), len(values)
    out[:] = 0
    order = np.argsort(-values, kind="mergesort")
    rest = np.full((count + 1, slots + 1), nothing)
    if repeats:
        worth = nothing
        for slot in range(slots - 1, -1, -1):
            best, worth_then = 0, -np.inf
            for i in range(count):
                p = taken(choice, scores[i])
                if p * values[i] + (1.0 - p) * worth > worth_then:
                    best, worth_then = i, p * values[i] + (1.0 - p) * worth
            out[slot], worth = best, worth_then
        return worth
    for at in range(count - 1, -1, -1):
        p = taken(choice, scores[order[at]])
        for left in range(1, slots + 1):
            show = p * values[order[at]] + (1.0 - p) * rest[at + 1, left - 1]
            rest[at, left] = max(rest[at + 1, left], show)
    used = 0
    for at in range(count):
        p, left = taken(choice, scores[order[at]]), slots - used
        if left and p * values[order[at]] + (1.0 - p) * rest[at + 1, left - 1] > rest[at + 1, left]:
            out[used] = order[at]
            used += 1
    worth = rest[0, slots]
    if used == 0:  # no click is worth more than any candidate, and yet one must be shown: the least harmful
        for i in range(count):
            if _loss(choice, scores[i], values[i], nothing) < _loss(choice, scores[out[0]], values[out[0]], nothing):
                out[0] = i
        used, worth = 1, nothing - _loss(choice, scores[out[0]], values[out[0]], nothing)
    out[used:] = out[0]
    return worth


@njit(cache=True)
def _loss(choice, score, value, nothing):
    return taken(choice, score) * (nothing - value)
