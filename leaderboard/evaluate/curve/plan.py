"""What a learning curve is to be, and what it is found to be: the models that are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from leaderboard.agents import agent_record
from leaderboard.evaluate.build import checked_fingerprint, simulator_for, world_of
from leaderboard.files import first_fault
from leaderboard.schema import (
    AgentRecord,
    Count,
    Estimate,
    Finite,
    Json,
    Name,
    Sha256,
    SpentBudget,
    Stored,
    Task,
    TrainingSeed,
    World,
)
from recsim_envs.errors import AgentError, ConfigurationError

BUDGETS: Final = (0, 10, 25, 50, 100)
"""Training episodes at which curves are read off by default, as far as they go."""

SESSIONS: Final = 200
"""Test sessions at each point by default."""

METRICS: Final = ("R_traj", "Len", "R_each", "repeats")
"""What is measured at each point; see `leaderboard.metrics`."""


class CurvePlan(Stored):
    """`curve.json`: everything that determines a learning curve."""

    schema_version: Literal[1] = 1
    agent: AgentRecord
    task: Task = Field(description="its episodes are the test sessions of each point")
    world: World
    fingerprint: Sha256
    at: tuple[Count, ...] = Field(min_length=2, max_length=64, description="budgets in training episodes, ascending")
    training_seeds: tuple[TrainingSeed, ...] = Field(min_length=1, max_length=64)


class CurvePoint(Stored):
    """What was found after `episodes` of training. Sequences have one entry for each training seed, in order.

    `less_first` is each metric less that of the curve's first point, paired by user and training seed; it is empty
    at the first point. `measures` are means of what the agents tell of themselves, None where any does not; `facts`
    is all that they tell, without lists of more than 32 entries.
    """

    episodes: Count
    spent: tuple[SpentBudget, ...]
    metrics: dict[Name, Estimate]
    less_first: dict[Name, Estimate]
    by_seed: dict[Name, tuple[Finite | None, ...]]
    measures: dict[Name, Finite | None]
    facts: tuple[Json, ...]


class LearningCurve(Stored):
    """`learning_curve.json`."""

    schema_version: Literal[1] = 1
    plan: CurvePlan
    users: Annotated[int, Field(ge=1, description="distinct test users met")]
    points: tuple[CurvePoint, ...]

    def verdict(self, metric: str) -> str:
        """Whether a metric has changed from the first point to the last, as far as the sample can tell."""
        change = self.points[-1].less_first.get(metric)
        if change is None or change.low is None or change.high is None:
            return "no change was seen" if change is not None and change.value == 0 else "cannot be told"
        return "learning shows" if change.low > 0 else "it gets worse" if change.high < 0 else "no change is resolved"


def default_budgets(episodes: int) -> tuple[int, ...]:
    """`BUDGETS` below `episodes`, and `episodes` itself."""
    return (*(n for n in BUDGETS if n < episodes), episodes)


def make_curve_plan(
    agent: str,
    parameters: Mapping[str, Any],
    env_id: str,
    options: Mapping[str, Any],
    *,
    at: Sequence[int],
    training_seeds: Sequence[int],
    sessions: int = SESSIONS,
) -> CurvePlan:
    """Resolve names once, before anything is run.

    Raises `AgentError` for an agent that does not learn, `ConfigurationError` for budgets that make no curve, and
    whatever `make_simulator` raises for an environment that does not exist.
    """
    record = agent_record(agent, parameters)
    if not record.trains:
        raise AgentError(f"agent {agent!r} has nothing to learn, so it has no learning curve; evaluate it as it is")
    if len(at) < 2 or list(at) != sorted(set(at)) or at[0] < 0:
        given = ", ".join(map(str, at))
        raise ConfigurationError(f"a curve needs two or more budgets in ascending order, from 0 on; got {given}")
    try:
        task = Task(env_id=env_id, options=dict(options), episodes=sessions)
        return CurvePlan(
            agent=record,
            task=task,
            world=world_of(simulator_for(task, 1)),
            fingerprint=checked_fingerprint(task),
            at=tuple(at),
            training_seeds=tuple(training_seeds),
        )
    except ValidationError as fault:
        raise ConfigurationError(f"cannot make a learning curve on {env_id!r}: {first_fault(fault)}") from None
