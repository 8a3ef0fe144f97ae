"""From a sweep file to the runs that it asks for: agents and parameters, each on a suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from leaderboard.agents import agent_record
from leaderboard.evaluate.build import Plan, make_plan, suite_worlds, tracks_of
from leaderboard.evaluate.logs import log_reference
from leaderboard.files import first_fault, read_model
from leaderboard.schema import AgentRecord, Suite, Task, canonical_json, json_hash
from leaderboard.suites import builtin_suites, load_suite, on_track, part
from leaderboard.sweep.schema import (
    AgentChoice,
    EnvironmentChoice,
    Match,
    SweepFile,
    TrackChoice,
    combinations,
)
from recsim_envs.errors import ConfigurationError, LongrecError

T = TypeVar("T")


@dataclass(frozen=True)
class Combination:
    """One run: an agent under its parameters on a suite, and the plan that they make.

    agent       as the file names it
    label       a folder's name for the suite
    """

    agent: str
    parameters: Mapping[str, Any]
    plan: Plan
    label: str
    tuning: str

    @property
    def folder(self) -> str:
        """Where its run lives in a sweep's folder: named after everything that determines its results."""
        return f"runs/{self.label}/{self.plan.agent.name}-{digest(self.plan)}"


@dataclass(frozen=True)
class Expanded:
    """A sweep's runs, in the file's order; `left_out` says which agents cannot be on which tracks."""

    sweep: SweepFile
    runs: tuple[Combination, ...]
    left_out: tuple[str, ...]


def digest(plan: Plan) -> str:
    """A short hash of everything that determines a run's results, the source code of its agent among it."""
    return json_hash(plan.model_dump(mode="json"))[:10]


def read_sweep(file: Path) -> SweepFile:
    """Raises `ConfigurationError` naming the file, the field, and the nearest right spelling."""
    sweep = read_model(file, SweepFile, ConfigurationError)
    if sweep.name in builtin_suites():
        raise ConfigurationError(f"{file}: field name: {sweep.name!r} is a built-in suite; give yours another name")
    return sweep


def expand(sweep: SweepFile, source: str) -> Expanded:
    """All runs of a sweep, checked before any is run.

    Raises `ConfigurationError` naming `source` and the field for what does not exist or does not fit together: agents,
    parameters, environments, options, logs, suites, exclusions that leave out nothing, combinations that come twice,
    seeds and episodes for suites, which have their own.
    """
    _check_used(sweep, source)
    agents = list(_agents(sweep, source))
    runs: list[Combination] = []
    left_out: list[str] = []
    used: set[int] = set()
    for suite, label, of_environment in _suites(sweep, source):
        for field, choice, parameters, record in agents:
            hits = {
                n for n, m in enumerate(sweep.exclude) if _matches(m, choice.agent, parameters, suite, of_environment)
            }
            used |= hits
            allowed = tracks_of(record)
            if suite.track not in allowed:
                left_out.append(f"{record.name} on track {suite.track}: it can be on {', '.join(allowed)}")
            elif not hits:
                plan = at(source, field, partial(make_plan, choice.agent, parameters, suite))
                runs.append(Combination(choice.agent, parameters, plan, label, choice.tuning))
    for n, match in enumerate(sweep.exclude):
        if n not in used:
            told = canonical_json(match.model_dump(mode="json", exclude_none=True))
            raise ConfigurationError(f"{source}: field exclude.{n}: {told} leaves out nothing; is it spelt right?")
    _check_distinct(runs, source)
    if not runs:
        raise ConfigurationError(f"{source}: nothing is left to run; {'; '.join(left_out) or 'all is excluded'}")
    return Expanded(sweep, tuple(runs), tuple(dict.fromkeys(left_out)))


def at(source: str, field: str, call: Callable[[], T]) -> T:
    """What `call` returns. Raises `ConfigurationError` for its errors, with the file and the field before them."""
    try:
        return call()
    except ValidationError as fault:
        raise ConfigurationError(f"{source}: field {field}: {first_fault(fault)}") from None
    except LongrecError as error:
        raise ConfigurationError(f"{source}: field {field}: {error}") from error


def _agents(sweep: SweepFile, source: str) -> Iterator[tuple[str, AgentChoice, dict[str, Any], AgentRecord]]:
    for n, choice in enumerate(sweep.agents):
        for parameters in combinations(choice.parameters, choice.grid):
            field = f"agents.{n}"
            yield field, choice, parameters, at(source, field, partial(agent_record, choice.agent, parameters))


def _suites(sweep: SweepFile, source: str) -> Iterator[tuple[Suite, str, bool]]:
    """Suites with their labels, and whether each is of one environment: one task, so that others may come and go."""
    for track in sweep.tracks or (TrackChoice(track="scarce"),):
        for n, environment in enumerate(sweep.environments):
            for task in at(source, f"environments.{n}", partial(tasks, environment, track, sweep.episodes)):
                make = partial(Suite, name=sweep.name, track=track.track, limit=track.limit, tasks=(task,))
                suite = at(source, f"environments.{n}", partial(make, training_seeds=sweep.training_seeds))
                at(source, f"environments.{n}", partial(suite_worlds, suite))  # else agents are blamed for it
                yield suite, f"{task.env_id.rpartition('/')[2]}-{track_label(track)}", True
    for n, choice in enumerate(sweep.suites):
        suite = at(source, f"suites.{n}", partial(load_suite, choice.suite))
        for track in sweep.tracks or (TrackChoice(track=suite.track, limit=suite.limit),):
            on = at(source, f"suites.{n}", partial(_on_track, suite, track))
            if choice.env_ids:
                on = at(source, f"suites.{n}", partial(part, on, *choice.env_ids))
            at(source, f"suites.{n}", partial(suite_worlds, on))
            yield on, on.name, False


def tasks(choice: EnvironmentChoice, track: TrackChoice, episodes: int) -> list[Task]:
    """The tasks of an environment, one for each combination of its options, with a log on track offline."""
    made = []
    for options in combinations(choice.options, choice.grid):
        log = log_reference(choice.log, choice.env_id, options) if track.track == "offline" else None
        made.append(Task(env_id=choice.env_id, options=options, episodes=episodes, log=log))
    return made


def _on_track(suite: Suite, track: TrackChoice) -> Suite:
    offline = track.track == "offline"
    logs = [task.log or log_reference("mixed", task.env_id, task.options) for task in suite.tasks] if offline else None
    return on_track(suite, track.track, logs=logs, limit=track.limit)


def track_label(track: TrackChoice) -> str:
    """A track in the name of a folder or in a table, with a budget below its own."""
    limit = {} if track.limit is None else track.limit.model_dump(exclude_none=True)
    return "-".join([track.track, *(f"{n}-{unit}" for unit, n in limit.items())])


def _matches(match: Match, agent: str, parameters: Mapping[str, Any], suite: Suite, of_environment: bool) -> bool:
    """Whether an exclusion speaks of this run; environments and their options only of runs with one task."""
    task = suite.tasks[0] if of_environment else None
    return (
        match.agent in (None, agent)
        and match.track in (None, suite.track)
        and match.suite in (None, suite.name)
        and (match.env_id is None or (task is not None and task.env_id == match.env_id))
        and (match.options is None or (task is not None and _within(match.options, task.options)))
        and (match.parameters is None or _within(match.parameters, parameters))
    )


def _within(part: Mapping[str, Any], whole: Mapping[str, Any]) -> bool:
    return all(key in whole and canonical_json(whole[key]) == canonical_json(value) for key, value in part.items())


def _check_used(sweep: SweepFile, source: str) -> None:
    """Refuse what would be ignored. The model cannot: it also reads `sweep.json`, where defaults are written out."""
    for name in () if sweep.environments else ("training_seeds", "episodes"):
        if name in sweep.model_fields_set:
            raise ConfigurationError(f"{source}: field {name}: it belongs to environments; a suite has its own")


def _check_distinct(runs: Sequence[Combination], source: str) -> None:
    seen: set[str] = set()
    for run in runs:
        if run.folder in seen:
            parameters = canonical_json(dict(run.parameters))
            raise ConfigurationError(f"{source}: {run.agent} with {parameters} comes twice on {run.label}; remove one")
        seen.add(run.folder)
