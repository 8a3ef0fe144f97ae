"""Choosing slates with the true model, as compiled code: what the reference policies stand on.

What a slate earns and what it costs in temper are both sums over its videos of a constant part and a part in
proportion to the video's similarity to the rest, so that slates can be built video by video.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from recsim_envs.families.session.kernel import (
    BEHAVIOURS,
    CAUSE,
    HATE,
    RUNNING,
    SLATE,
    STEPS,
    USER,
    alike,
    base_chance,
    sated,
    seen,
)  # fmt: skip
from recsim_envs.families.session.network import ask
from recsim_envs.families.session.synthetic_log import CLICK, LONG_VIEW

# Rows of an appraisal (6, n).
GAIN: Final = 0  # expected reward of a video that is like no other
GAIN_LOST: Final = 1  # what similarity 1 takes from it
EASE: Final = 2  # expected relief of temper
EASE_LOST: Final = 3
GAIN_SATED: Final = 4  # what being all that was shown of late takes from it
EASE_SATED: Final = 5
ROWS: Final = 6

CAUTION: Final = 1.6
"""How much dearer than its present exchange rate the planner holds temper, because slates that earn more now also wear
out what would earn later. By trial on train users: 1 returns 2.5 % less, 2 about the same."""
NEARLY_SPENT: Final = 0.6
"""Expected temper left below which the planner takes a request for the last: the end is at 1, answers vary."""
LEAST_LOSS: Final = 0.05  # keeps the price finite where a slate would cost no temper


@njit(cache=True)
def appraise(net, rules, rows, lane, state, queries, out):
    """Fill an appraisal of all videos for one user as they are now."""
    ask(net, rows, state.hidden[lane], queries)
    for item in range(len(net.items)):
        gain, ease, all_gain, all_ease = 0.0, 0.0, 0.0, 0.0
        clicked = viewed = hated = 0.0
        for b in range(BEHAVIOURS):
            p = base_chance(net, rules, queries, b, item)
            all_gain += rules.weights[b]
            all_ease += rules.temper_weights[b]
            if b == HATE:
                hated = p
            else:
                gain += rules.weights[b] * p
                ease += rules.temper_weights[b] * p
            if b == CLICK:
                clicked = p
            elif b == LONG_VIEW:
                viewed = p
        ease -= rules.regret * max(clicked - viewed, 0.0)
        gain_hated, ease_hated = rules.weights[HATE] * hated, rules.temper_weights[HATE] * hated
        if rules.reference:
            out[GAIN, item], out[GAIN_LOST, item] = gain + gain_hated, rules.rho * all_gain
            out[EASE, item], out[EASE_LOST, item] = ease + ease_hated, rules.rho * all_ease
            out[GAIN_SATED, item] = out[EASE_SATED, item] = 0.0
        else:  # all but hate falls with the appeal, hate rises
            again = sated(net, item, state.satiety[lane])
            worn = rules.satiety * again + (rules.repeat if seen(state.items[lane], item) else 0.0)
            gain, ease = gain - gain_hated, ease - ease_hated
            out[GAIN, item] = gain * (1.0 - worn) + 2.0 * gain_hated
            out[EASE, item] = ease * (1.0 - worn) + 2.0 * ease_hated - rules.tedium * again
            out[GAIN_LOST, item], out[EASE_LOST, item] = rules.rho * gain, rules.rho * ease + rules.tedium
            out[GAIN_SATED, item], out[EASE_SATED, item] = rules.satiety * gain, rules.satiety * ease + rules.tedium


@njit(cache=True)
def build(net, rules, appraisal, price, foresight, barred, slate, worth, strain):
    """Fill `slate` video by video with what adds most to reward + price * relief of temper; returns both, per video.

    `foresight` is the share counted in of the satiety that the slate would bring, were it shown for ever. `barred`
    bool (n,): videos that may not be shown, where repeats are forbidden; else (0,). `worth` and `strain` are scratch
    (n,): what a video adds alone, and what it loses where it meets one of similarity 1.
    """
    count, no_repeat = len(net.items), len(barred) > 0
    for i in range(count):
        strain[i] = appraisal[GAIN_LOST, i] + price * appraisal[EASE_LOST, i]
        strain[i] += foresight * (appraisal[GAIN_SATED, i] + price * appraisal[EASE_SATED, i])
        worth[i] = appraisal[GAIN, i] + price * appraisal[EASE, i] - strain[i] / SLATE
        if no_repeat and barred[i]:
            worth[i] = -np.inf
    for k in range(SLATE):
        best = np.argmax(worth)
        slate[k] = best
        for i in range(count):
            worth[i] -= alike(net, rules, i, best) * (strain[best] + strain[i]) / SLATE
        if no_repeat:
            worth[best] = -np.inf
    gain = ease = 0.0
    for item in slate:
        similar = 0.0
        for other in slate:
            similar += alike(net, rules, item, other) / SLATE
        gain += appraisal[GAIN, item] - similar * (appraisal[GAIN_LOST, item] + foresight * appraisal[GAIN_SATED, item])
        ease += appraisal[EASE, item] - similar * (appraisal[EASE_LOST, item] + foresight * appraisal[EASE_SATED, item])
    return gain / SLATE, ease / SLATE


@njit(cache=True)
def choose(profile_rows, net, rules, state, barred, foresight, rounds, prices, slates):
    """A slate for every running lane into `slates` (B, 6).

    With `rounds` 0 the immediate reward alone counts, and so it does in what is probably a session's last request.
    Else `prices` (B,) holds what a unit of temper is worth to each lane, and is brought towards `CAUTION` times the
    reward earned per temper spent. At once that rate, the best slate is the one with the highest such ratio
    (Dinkelbach, "On nonlinear fractional programming", Management Science 13, 1967).
    """
    count = len(net.items)
    queries = np.empty((BEHAVIOURS, net.items.shape[1]), np.float32)
    appraisal, worth, strain = np.empty((ROWS, count)), np.empty(count), np.empty(count)
    for lane in range(len(slates)):
        if state.counts[CAUSE, lane] == RUNNING:
            rows, forbidden = profile_rows[state.counts[USER, lane]], barred[lane]
            appraise(net, rules, rows, lane, state, queries, appraisal)
            left, temper = rules.horizon - state.counts[STEPS, lane], max(state.temper[lane] - 1.0, LEAST_LOSS)
            last = rounds == 0 or left == 1
            if not last:
                for _ in range(rounds):
                    gain, ease = build(
                        net, rules, appraisal, prices[lane], foresight, forbidden, slates[lane], worth, strain
                    )
                    lost = min(max(rules.patience - ease, LEAST_LOSS), rules.worst)
                    spent = lost * left / temper  # below 1, temper would outlast the session, and is worth less
                    prices[lane] = CAUTION * gain / lost if spent >= 1.0 else prices[lane] * spent
                last = state.temper[lane] - lost < NEARLY_SPENT
            if last:
                build(net, rules, appraisal, 0.0, 0.0, forbidden, slates[lane], worth, strain)


@njit(cache=True)
def appraise_all(profile_rows, net, rules, state, out):
    """Fill `out` (6, n) with the mean appraisal over all lanes, which must hold sessions."""
    queries = np.empty((BEHAVIOURS, net.items.shape[1]), np.float32)
    one = np.empty(out.shape)
    out[:] = 0.0
    for lane in range(len(state.seeds)):
        appraise(net, rules, profile_rows[state.counts[USER, lane]], lane, state, queries, one)
        out += one / len(state.seeds)
