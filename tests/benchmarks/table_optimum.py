"""What the planners that solve their problem by tables earn, against what their tables promise, also finer ones.

`python -m tests.benchmarks.table_optimum`. A table holds the value of the best plan, exact but for its grid and for the
candidate sets over which it averages. If the planner earns what its table promises, and one over eight times as many
candidate sets promises no more, then the planner is as near the optimum as the figures are to each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from recsim_envs.families.interest_exploration import references as exploration
from recsim_envs.families.satisfaction import kernel
from recsim_envs.families.satisfaction import references as satisfaction
from recsim_envs.gap import interval, session_seeds
from recsim_envs.policies import play
from recsim_envs.registration import make_simulator

Promise = Callable[[Any], np.ndarray]


def promised_exploration(simulator: Any) -> np.ndarray:
    """The value at the start of each session, nothing being familiar yet."""
    samples, values = exploration._samples(simulator), np.zeros((simulator.horizon + 1, exploration.POINTS))
    promised = np.zeros(simulator.num_lanes)
    for lane in range(simulator.num_lanes):
        simulator.user_values(lane, *samples, values)
        promised[lane] = values[-1, 0]
    return promised


def promised_satisfaction(simulator: Any) -> np.ndarray:
    """The value at the exposure with which each session begins."""
    satisfaction._values.cache_clear()
    table = satisfaction._values(simulator.rules, simulator.num_candidates, simulator.slate_size)[-1]
    exposures = simulator.hidden()["net_positive_exposure"]
    return np.array([kernel.value_at(table, exposure) for exposure in exposures])


def report(env_id: str, module: Any, promised: Promise, episodes: int) -> None:
    """Print both ratios with their 95 % intervals."""
    seeds, samples = session_seeds(episodes, 0), module.SAMPLES
    simulator = make_simulator(env_id, episodes, split="test")
    simulator.begin(np.arange(episodes), seeds)
    users, promise = simulator.user_ids(), promised(simulator)
    returns, _ = play(simulator, simulator.references()["planner"], seeds)
    simulator.begin(np.arange(episodes), seeds)
    module.SAMPLES = 8 * samples
    finer = promised(simulator)
    module.SAMPLES = samples
    for name, most in (("its own table", promise), ("a larger table", finer)):
        share = interval(users, lambda earned, most: earned / most, returns, most)
        print(f"{env_id}: earned {returns.mean():.2f}, promised by {name} {most.mean():.2f}, "
              f"share {share.value:.3f} [{share.low:.3f}, {share.high:.3f}]", flush=True)  # fmt: skip


if __name__ == "__main__":
    report("longrec/LongTermSatisfaction-v0", satisfaction, promised_satisfaction, 1000)
    report("longrec/InterestExploration-v0", exploration, promised_exploration, 30)
