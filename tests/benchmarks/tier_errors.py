"""How often tiers are wrong: `python -m tests.benchmarks.tier_errors [DRAWS]`, for docs/statistics.md.

Agents of known value meet 100 common users; in each draw they are compared, and what was told apart is held against
the truth. `wrong`: share of draws in which any two agents of equal value were told apart, or any two in the wrong
order; `covered`: share in which every agent's true rank, and each of those that it shares with its equals, lies in its
interval; `found`: share of the pairs of different value that were told apart; `tiers`: their mean number.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence

import numpy as np

from leaderboard.stats import Sums, compare, influence, tiers
from tests.leaderboard.worlds_of_agents import draw_agents

USERS = 100
FEW_ODDS = 0.1  # chance a step that a session of the skewed world ends
SEEDS = ((1, 0.0), (5, 0.0), (2, 1.0), (3, 1.0), (5, 0.2), (5, 1.0), (10, 0.2), (10, 1.0), (5, None))
"""Training seeds, and the standard deviation between them; a session's is 1, and halves differ by 3."""


def skewed(generator: np.random.Generator, means: Sequence[float], seeds: int) -> list[Sums]:
    """Returns as they come here: a reward a step until the user leaves, at a step that is geometric."""
    common, found = generator.gamma(4.0, 0.25, USERS), []
    for k, mean in enumerate(means):
        odds = FEW_ODDS / (1 + mean * FEW_ODDS)  # so that the mean return moves by `mean` for the mean user
        values = generator.geometric(np.broadcast_to(odds, (seeds, USERS))) * common
        found.append(Sums(values, np.ones_like(values), f"agent {k}"))
    return found


def study(generator: np.random.Generator, means: np.ndarray, seeds: int, of_seeds: float | None) -> list[float]:
    """One draw: wrong, covered, found, tiers. `of_seeds` None is the skewed world, whose seeds do not differ."""
    if of_seeds is None:
        drawn = skewed(generator, means, seeds)
    else:
        drawn = draw_agents(generator, means, users=USERS, seeds=seeds, of_seeds=of_seeds)
    pairs = compare([influence(s) for s in drawn])
    found, truth = tiers(pairs), means[:, None] - means[None, :]
    wrong = (pairs.separate & (np.sign(pairs.value) != np.sign(truth))).any()
    best, worst = 1 + (truth < 0).sum(axis=1), len(means) - (truth > 0).sum(axis=1)
    covered = (np.array(found.rank_low) <= best).all() and (np.array(found.rank_high) >= worst).all()
    told = pairs.separate[truth != 0].mean() if (truth != 0).any() else np.nan
    return [float(wrong), float(covered), float(told), float(max(t or 0 for t in found.tier))]


def main(draws: int) -> None:
    """Print one line a setting."""
    print("| agents | truth | seeds | of seeds | wrong | covered | found | tiers |\n|---|---|---|---|---|---|---|---|")
    for number in (2, 10, 50, 200):
        worlds = {"all equal": np.zeros(number), "two halves": np.repeat([0.0, 3.0], number // 2)}
        for (truth, means), (seeds, of_seeds) in itertools.product(worlds.items(), SEEDS):
            generator = np.random.default_rng([number, seeds, draws])
            made = [study(generator, means, seeds, of_seeds) for _ in range(draws)]
            figures = "{:.3f} | {:.3f} | {:.2f} | {:.1f}".format(*np.mean(made, axis=0))
            spread = "skewed" if of_seeds is None else f"{of_seeds:g}"
            print(f"| {number} | {truth} | {seeds} | {spread} | {figures} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
