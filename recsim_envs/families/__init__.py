"""Environment families: one folder each, with its kernel and its simulator."""

from __future__ import annotations

import importlib
from typing import Any

from recsim_envs.errors import ConfigurationError
from recsim_envs.families.base import Simulator
from recsim_envs.families.options import check_names

FAMILIES = {
    "boredom": "recsim_envs.families.boredom.simulator:BoredomSimulator",
    "changing-departure": "recsim_envs.families.departure.changing:ChangingDepartureSimulator",
    "departure": "recsim_envs.families.departure.simulator:DepartureSimulator",
    "feedback": "recsim_envs.families.feedback.simulator:FeedbackSimulator",
    "session": "recsim_envs.families.session.simulator:SessionSimulator",
    "retention": "recsim_envs.families.retention.simulator:RetentionSimulator",
    "interest-evolution": "recsim_envs.families.interest_evolution.simulator:InterestEvolutionSimulator",
    "interest-exploration": "recsim_envs.families.interest_exploration.simulator:InterestExplorationSimulator",
    "satisfaction": "recsim_envs.families.satisfaction.simulator:SatisfactionSimulator",
}


def make_family(family: str, num_lanes: int, **options: Any) -> Simulator:
    """Build a simulator by family name or by `module:Class`, with the family's options.

    Raises `ConfigurationError` naming the family or the option that does not exist.
    """
    module, _, name = FAMILIES.get(family, family).partition(":") if isinstance(family, str) else ("", "", "")
    if not (module and name):
        raise ConfigurationError(f"family {family!r} does not exist; use one of {sorted(FAMILIES)} or 'module:Class'")
    try:
        simulator = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"family {family!r} cannot be imported: {error}") from error
    check_names(simulator, f"family {family!r}", options)
    built: Simulator = simulator(num_lanes, **options)
    return built
