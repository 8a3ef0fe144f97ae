"""From a tuning file to its trials: the agent's own values, then a grid or random draws, within the budget."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from leaderboard.agents import agent_record
from leaderboard.evaluate.build import Plan, make_plan
from leaderboard.files import first_fault, read_model
from leaderboard.schema import Suite, canonical_json
from leaderboard.sweep.expand import at, tasks
from leaderboard.sweep.schema import Range, TuneFile, combinations
from recsim_envs import rng
from recsim_envs.errors import ConfigurationError

GRID_LIMIT: Final = 10_000
_DIGITS: Final = 4  # significant ones of a number drawn from a range: what is written down is what was run


@dataclass(frozen=True)
class Search:
    """The trials that a file asks for, and their plans: the same file gives the same."""

    tuning: TuneFile
    trials: tuple[dict[str, Any], ...]
    plans: tuple[Plan, ...]

    @property
    def cells_a_trial(self) -> int:
        """Environments times training seeds."""
        suite = self.plans[0].suite
        return len(suite.tasks) * len(suite.training_seeds)


def read_tuning(file: Path) -> TuneFile:
    """Raises `ConfigurationError` naming the file, the field, and the nearest right spelling."""
    return read_model(file, TuneFile, ConfigurationError)


def make_search(tuning: TuneFile, source: str) -> Search:
    """All trials and their plans.

    Raises `ConfigurationError` naming `source` and the field for what does not exist or does not fit, and for a search
    that its budget does not allow.
    """
    suite = _suite(tuning, source)
    trials = _trials(tuning, _allowed(tuning, suite, source), source)
    first = at(source, "agent", partial(make_plan, tuning.agent, trials[0], suite, tuning=True))
    records = [at(source, "search", partial(agent_record, tuning.agent, parameters)) for parameters in trials]
    return Search(tuning, tuple(trials), tuple(first.model_copy(update={"agent": record}) for record in records))


def _suite(tuning: TuneFile, source: str) -> Suite:
    found = []
    for n, environment in enumerate(tuning.environments):
        found += at(source, f"environments.{n}", partial(tasks, environment, tuning.track, tuning.episodes))
    try:
        return Suite(
            name=tuning.name,
            track=tuning.track.track,
            limit=tuning.track.limit,
            training_seeds=tuning.training_seeds,
            tasks=tuple(found),
        )
    except ValidationError as fault:
        raise ConfigurationError(f"{source}: {first_fault(fault)}") from None


def _allowed(tuning: TuneFile, suite: Suite, source: str) -> int | None:
    """How many trials the budget of interaction pays for if each uses all that its track allows; None: any number.

    Raises `ConfigurationError` for a budget in a unit that the track does not count in, and for one below two trials.
    """
    cells = len(suite.tasks) * len(suite.training_seeds)
    found = None
    for unit in ("episodes", "steps"):
        budget, limit = getattr(tuning.budget, unit), getattr(suite.budget, unit)
        if budget is None:
            continue
        if limit is None:
            raise ConfigurationError(
                f"{source}: field budget.{unit}: track {suite.track} does not limit {unit}; state the budget in "
                f"{'episodes' if unit == 'steps' else 'steps'}, or give track a limit"
            )
        if limit:
            found = min(budget // (limit * cells), GRID_LIMIT if found is None else found)
            if found < 2:
                raise ConfigurationError(
                    f"{source}: field budget.{unit}: {budget} pays for {found} trials of {limit * cells} {unit} "
                    f"({cells} cells of {limit}); it takes two to choose"
                )
    return found


def _trials(tuning: TuneFile, allowed: int | None, source: str) -> list[dict[str, Any]]:
    """The agent's own values first, then the grid, or random draws where a number is asked for or a range is given."""
    first = dict(tuning.parameters)
    lists = {name: values for name, values in tuning.search.items() if isinstance(values, tuple)}
    if tuning.trials is None and len(lists) == len(tuning.search):
        size = int(np.prod([len(values) for values in lists.values()], dtype=object))
        most = GRID_LIMIT if allowed is None else allowed
        if size + 1 > most:
            raise ConfigurationError(
                f"{source}: field search: a grid of {size} and the agent's own values are {size + 1} trials, and "
                f"{most} are allowed; raise the budget, shorten the lists, or set trials to draw from them"
            )
        return [first, *combinations(tuning.parameters, lists)]
    if tuning.trials is None and allowed is None:
        raise ConfigurationError(f"{source}: field trials: say how many, since nothing else limits random draws")
    number = allowed if tuning.trials is None else tuning.trials + 1
    assert number is not None
    if allowed is not None and number > allowed:
        raise ConfigurationError(
            f"{source}: field trials: {tuning.trials} and the agent's own values are {number} trials, and the budget "
            f"allows {allowed}"
        )
    drawn = [first, *({**first, **_draw(tuning, n)} for n in range(number - 1))]
    return list({canonical_json(parameters): parameters for parameters in drawn}.values())  # what repeats is dropped


def _draw(tuning: TuneFile, number: int) -> dict[str, Any]:
    """The values of one random trial: a function of the file's seed, the trial's number and the names."""
    return {
        name: _value(values, rng.uniform_array(rng.derive_seed("tuning", tuning.seed, name), number, rng.POLICY).item())
        for name, values in tuning.search.items()
    }


def _value(values: tuple[Any, ...] | Range, where: float) -> Any:
    """What lies at 0 <= `where` < 1."""
    if isinstance(values, tuple):
        return values[int(where * len(values))]
    low, high = values.low, values.high
    if values.whole:
        high += 1
    if values.scale == "log":
        found = float(np.exp(np.log(low) + where * (np.log(high) - np.log(low))))
    else:
        found = low + where * (high - low)
    if values.whole:
        return min(int(found), int(values.high))
    return min(max(float(f"{found:.{_DIGITS}g}"), values.low), values.high)
