"""The conformance suite: which checks an id must pass, in the order of the report; of markets see `check.markets`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from recsim_envs.check import faces, gap, markets, rules
from recsim_envs.check.finding import Finding, finding
from recsim_envs.markets import registered_markets
from recsim_envs.registration import make_simulator

Check = Callable[[str], str]

CHECKS: dict[str, Check] = {
    "gymnasium": faces.gymnasium_checker,
    "stable-baselines3": faces.stable_baselines3_checker,
    "vector = scalar": faces.vector_equals_scalar,
    "same bits in another process": faces.same_in_another_process,
    "lanes and seeds are independent": rules.independence,
    "copies go on alike": rules.copies,
    "spaces and rewards are kept": rules.bounds,
    "wrong actions are refused": rules.refusals,
    "sessions end, and lanes restart alone": rules.ends,
    "arrays belong to the caller": rules.own_arrays,
    "nothing hidden is shown": rules.hygiene,
    "speed": gap.speed,
    "horizon gap": gap.horizon_gap,
}
SLOW: Final = ("speed", "horizon gap")


def check_environment(env_id: str, *, fast: bool = False) -> Iterator[Finding]:
    """Run all checks on a registered id, each reported whether or not the others pass, as soon as it is done.

    `env_id` is that of a Gymnasium environment, or the name of a PettingZoo one such as "creator_market_v0". `fast`
    leaves out speed and horizon gap. Raises `ConfigurationError` for an id that is not registered.
    """
    market = env_id in registered_markets()
    if not market:
        make_simulator(env_id, 1)  # unknown ids and broken worlds raise their own errors, with suggestions
    for name, check in (markets.CHECKS if market else CHECKS).items():
        if not (fast and name in SLOW):
            yield finding(name, lambda check=check: check(env_id))  # type: ignore[misc]
