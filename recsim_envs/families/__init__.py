"""Environment families: one folder each, with its kernel and its simulator."""

from __future__ import annotations

import importlib
from typing import Any

from recsim_envs.errors import ConfigurationError
from recsim_envs.families.base import Simulator

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
    _check_options(simulator, family, options)
    built: Simulator = simulator(num_lanes, **options)
    return built


def _check_options(simulator: type[Simulator], family: str, options: dict[str, Any]) -> None:
    import difflib

    known = _known_options(simulator)
    for option in options:
        if known is not None and option not in known:
            close = difflib.get_close_matches(option, known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"options are {', '.join(known)}"
            raise ConfigurationError(f"family {family!r} has no option {option!r}; {hint}")


def _known_options(simulator: type[Simulator]) -> list[str] | None:
    """Keyword-only options of a constructor, and of the bases that it passes others on to; None if it takes any."""
    import inspect

    known: list[str] = []
    for constructor in (vars(cls).get("__init__") for cls in simulator.__mro__ if cls is not object):
        if constructor is None:
            continue
        parameters = inspect.signature(constructor).parameters.values()
        known += [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in known]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return known
    return None if known else []
