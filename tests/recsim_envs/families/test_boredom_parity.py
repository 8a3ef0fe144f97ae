"""The reference mode against returns measured on SARDINE itself.

Both sides use items of their own, drawn by one recipe, so a target is met when the means over sessions differ by less
than three standard errors, where the error is made of three parts: that of the reference's mean (its standard
deviation over about 40 sessions, which is what the published intervals amount to), that of ours, and the standard
deviation between item seeds, measured once over seeds 0 to 7 with 1,000 sessions each. A target fails by chance with
probability 0.27 %, one of the 18 with 5 %; the seeds are fixed, so these either pass or do not.
"""

from __future__ import annotations

import numpy as np
import pytest

from recsim_envs import rng
from recsim_envs.families import make_family

THEIR_SESSIONS = 40
OUR_SESSIONS = 150

# (layout, variant): policy -> the reference's mean, standard deviation between item seeds, and between sessions
RETURNS = {
    ("single", "static"): {"random": (8.6, 0.13, 3.2), "greedy": (100.0, 0.0, 0.1)},
    ("single", "influence"): {"random": (9.1, 0.14, 3.4), "greedy": (50.1, 0.04, 1.34)},
    ("single", "uncertain"): {"random": (11.4, 0.07, 3.3), "greedy": (95.6, 0.07, 3.4)},
    ("topk", "bored"): {"random": (41.6, 0.22, 8.0), "greedy": (147.8, 1.2, 34.9)},
    ("topk", "influence"): {"random": (40.6, 0.21, 8.6), "greedy": (150.5, 1.5, 34.8)},
    ("topk", "uncertain"): {"random": (69.1, 0.65, 8.3), "greedy": (139.6, 1.1, 24.0)},
    ("rerank", "static"): {"random": (14.3, 0.27, 4.5), "greedy": (21.1, 0.40, 5.0)},
    ("rerank", "bored"): {"random": (12.1, 0.59, 3.1), "greedy": (14.1, 0.52, 2.9)},
}
# The same for the share of steps in which a user of the greedy policy is bored; the last between sessions.
BORED = {("single", "influence"): (0.50, 0.001, 0.014), ("topk", "bored"): (0.72, 0.002, 0.07)}


def random_slates(simulator, t):
    shape = (simulator.num_lanes, *simulator.task.action_space.shape)
    slots = np.arange(int(np.prod(shape)))
    return rng.below_array(simulator.task.catalogue.num_items, 3, t, rng.POLICY, slots).reshape(shape)


def greedy(simulator, t):
    """The k different items of highest relevance, as the reference's oracle shows them."""
    relevances, slots = simulator.relevances(), simulator.task.slate_size or 1
    best = np.argpartition(-relevances, slots - 1, axis=1)[:, :slots]
    order = np.argsort(-np.take_along_axis(relevances, best, 1), axis=1, kind="stable")
    slates = np.take_along_axis(best, order, 1)
    return slates if simulator.task.slate_size else slates[:, 0]


def play(layout, variant, act):
    """Mean return and share of bored steps over sessions of two item seeds."""
    returns, bored = [], []
    for item_seed in (0, 1):
        simulator = make_family(
            "boredom", OUR_SESSIONS // 2, layout=layout, variant=variant, reference=True, item_seed=item_seed
        )
        seeds = rng.bits_array(rng.derive_seed("parity", layout, variant), np.arange(simulator.num_lanes), item_seed)
        simulator.begin(np.arange(simulator.num_lanes), seeds)
        total = np.zeros(simulator.num_lanes)
        for t in range(simulator.task.horizon):
            bored.append(simulator.hidden()["bored"].mean())
            total += simulator.step(act(simulator, t)).rewards
        returns.append(total.mean())
    return np.mean(returns), np.mean(bored)


def tolerance(between, within):
    return 3 * np.sqrt(within**2 / THEIR_SESSIONS + within**2 / OUR_SESSIONS + 1.5 * between**2)  # their seed, our two


@pytest.mark.parametrize(("layout", "variant"), RETURNS)
def test_returns_are_those_of_the_reference(layout, variant):
    for name, act in (("random", random_slates), ("greedy", greedy)):
        mean, between, within = RETURNS[layout, variant][name]
        found, bored = play(layout, variant, act)
        assert found == pytest.approx(mean, abs=tolerance(between, within)), name
        if name == "greedy" and (layout, variant) in BORED:
            share, between, within = BORED[layout, variant]
            assert bored == pytest.approx(share, abs=tolerance(between, within))
