"""The horizon gap: what planning is worth in an environment, between policies that all know the true user model.

    gap = (V_planner - V_myopic) / |V_planner|

V is the mean return of a session of test users; V_myopic the best of: the item or slate of the highest expected
reward now ("myopic"), the same without repeats, whatever else a family calls "myopic-...", and the best fixed cycle,
shown to all. All play the same sessions (common random numbers), so intervals are paired; users are resampled, with
all their sessions (cluster bootstrap, Davison & Hinkley, "Bootstrap Methods and their Application", 1997, section
3.8). Beside them stand the random policy, the most popular items, and what a family calls "rule-...": rules of thumb
that were made for its dynamics. These are plans, thought out once, so they do not count as myopic; pages tell what
they leave. An environment under `RANKED_FROM` is no test of long-term recommendation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.cycles import best_cycle
from recsim_envs.families.base import Reference, Simulator
from recsim_envs.policies import fixed_cycle, play, popular, uniform
from recsim_envs.registration import make_simulator

RANKED_FROM: Final = 0.2
REPLICATES: Final = 2000
CYCLE: Final = "best-cycle"
PLANNER: Final = "planner"
Progress = Callable[[str], None]
MakeSimulator = Callable[[int, str], Simulator]
"""Builds a simulator of so many lanes for a split, "train" or "test"."""
Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Gap:
    """Returns of the reference policies on one environment, and the gap between planning and not planning.

    `scores` are mean returns a session; `lengths` mean steps; `cycle` the best fixed cycle (items, or slates), empty
    where items do not persist; `best_myopic` the name of the strongest policy that does not plan.
    """

    env_id: str
    options: dict[str, Any]
    episodes: int
    seed: int
    scores: dict[str, Interval]
    lengths: dict[str, float]
    cycle: list[Any]
    best_myopic: str
    gap: Interval

    @property
    def ranked(self) -> bool:
        """Whether planning is worth enough for the environment to be ranked."""
        return self.gap.value >= RANKED_FROM

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def horizon_gap(
    env_id: str, *, episodes: int = 500, seed: int = 0, progress: Progress | None = None, **options: Any
) -> Gap:
    """Measure the gap of a registered id on `episodes` sessions of test users. Deterministic in its arguments.

    Options are those of `gymnasium.make`. The cycle is searched for on train users only. `progress` is told what is
    being played. Raises `ConfigurationError` for an id or option that does not exist.
    """

    def make(lanes: int, split: str) -> Simulator:
        return make_simulator(env_id, lanes, split=split, **options)

    return measured_gap(make, env_id, episodes=episodes, seed=seed, progress=progress, options=options)


def measured_gap(
    make: MakeSimulator,
    name: str,
    *,
    episodes: int = 500,
    seed: int = 0,
    progress: Progress | None = None,
    options: dict[str, Any] | None = None,
) -> Gap:
    """The gap of simulators that need no id: `make(lanes, split)` builds one. `name` and `options` are for the record.

    The same simulators give what `horizon_gap` gives.
    """
    tell = progress or (lambda _: None)
    tell(f"{CYCLE} (searching)")
    cycle = best_cycle(lambda lanes: make(lanes, "train"), seed)
    simulator = make(episodes, "test")
    seeds = session_seeds(episodes, seed)
    returns, lengths = {}, {}
    for policy, maker in reference_policies(simulator, cycle, seeds).items():
        tell(policy)
        returns[policy], steps = play(simulator, maker, seeds)
        lengths[policy] = float(steps.mean())
    users = simulator.user_ids()
    informed = [policy for policy in returns if policy == CYCLE or policy.startswith("myopic")]
    best = max(informed, key=lambda policy: returns[policy].mean())
    return Gap(
        env_id=name,
        options=options or {},
        episodes=episodes,
        seed=seed,
        scores={policy: interval(users, lambda mean: mean, values) for policy, values in returns.items()},
        lengths=lengths,
        cycle=cycle.tolist(),
        best_myopic=best,
        gap=interval(users, share_lost, returns[PLANNER], returns[best]),
    )


def share_lost(planner: Any, myopic: Any) -> Any:
    """The gap between two mean returns, numbers or arrays: the share of the planner's that not planning loses."""
    return (planner - myopic) / np.abs(planner)


def session_seeds(episodes: int, seed: int) -> NDArray[np.uint64]:
    """The seeds of the sessions that a gap is measured on, uint64 (episodes,)."""
    return rng.bits_array(rng.derive_seed("horizon-gap", seed), np.arange(episodes), rng.EPISODE) >> np.uint64(1)


def reference_policies(
    simulator: Simulator, cycle: NDArray[np.int64], seeds: NDArray[np.uint64]
) -> dict[str, Callable[[], Reference]]:
    """What a gap is measured between, by name, each with a function that makes one for this simulator."""
    found: dict[str, Callable[[], Reference]] = {"random": lambda: uniform(simulator, seeds)}
    if not simulator.task.candidates:
        found["popular"] = lambda: popular(simulator)
    if len(cycle):
        found[CYCLE] = lambda: fixed_cycle(simulator, cycle)
    return found | simulator.references()


def interval(users: NDArray[np.int64], statistic: Callable[..., Any], *samples: Floats) -> Interval:
    """A statistic of the means of paired samples (B,), with a percentile interval over resampled users (B,)."""
    _, cluster = np.unique(users, return_inverse=True)
    count = int(cluster.max()) + 1
    size = np.bincount(cluster, minlength=count).astype(np.float64)
    sums = [np.bincount(cluster, values, count) for values in samples]
    drawn = rng.below_array(count, 0, np.arange(REPLICATES)[:, None], rng.POLICY, np.arange(count))
    weights = np.stack([np.bincount(row, minlength=count) for row in drawn]).astype(np.float64)
    total = weights @ size
    low, high = np.quantile(statistic(*(weights @ s / total for s in sums)), [0.025, 0.975])
    return Interval(float(statistic(*(s.sum() / size.sum() for s in sums))), float(low), float(high))
