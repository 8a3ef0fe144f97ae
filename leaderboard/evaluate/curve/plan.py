"""What a learning curve is to be, and what it is found to be: the models that are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from leaderboard.agents import agent_record
from leaderboard.evaluate.build import checked_fingerprint, simulator_for, world_of
from leaderboard.evaluate.learn import check_learner
from leaderboard.files import first_fault
from leaderboard.schema import (
    AgentRecord,
    Count,
    Estimate,
    Finite,
    Json,
    LogRef,
    Name,
    Sha256,
    SpentBudget,
    Stored,
    Task,
    TrainingSeed,
    World,
)
from recsim_envs.errors import ConfigurationError

Unit = Literal["episodes", "steps", "sessions"]
"""What budgets count: training episodes, training steps, or sessions of a log."""

UNITS: Final[dict[str, str]] = {
    "episodes": "training episodes",
    "steps": "training steps",
    "sessions": "logged sessions",
}

BUDGETS: Final[dict[str, tuple[int, ...]]] = {
    "episodes": (0, 10, 25, 50, 100, 1_000, 10_000, 100_000),
    "steps": (1_000, 10_000, 100_000, 1_000_000),
    "sessions": (10, 100, 1_000, 10_000, 100_000),
}
"""Budgets at which curves are read off by default, as far as they go."""

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
    unit: Unit = "episodes"
    at: tuple[Count, ...] = Field(min_length=2, max_length=64, description="budgets in this unit, ascending")
    training_seeds: tuple[TrainingSeed, ...] = Field(min_length=1, max_length=64)
    train_sessions: Count = Field(default=0, description="sessions of train users at each point, for the gap")

    def budget(self, amount: int) -> SpentBudget:
        """The interaction that a point at this budget allows: none where agents learn from a log."""
        if self.unit == "sessions":
            return SpentBudget(episodes=0, steps=0)
        return SpentBudget(**{self.unit: amount})

    def words(self, amount: int) -> str:
        """A budget, as "100 training episodes"."""
        return f"{amount} {UNITS[self.unit]}"


class CurvePoint(Stored):
    """What was found at one `budget`. Sequences have one entry for each training seed, in order.

    `less_first` is each metric less that of the curve's first point, paired by user and training seed; it is empty
    at the first point. `spread` is the standard deviation over training seeds, None for fewer than two. `train` is
    each metric on train users after training, and `gap` that less the metric on test users, with intervals over both
    groups of users; both are empty where no train users were asked for. `measures` are means of what the agents tell
    of themselves, None where any does not; `facts` is all that they tell, without lists of more than 32 entries.
    """

    budget: Count
    spent: tuple[SpentBudget, ...]
    metrics: dict[Name, Estimate]
    less_first: dict[Name, Estimate]
    by_seed: dict[Name, tuple[Finite | None, ...]]
    spread: dict[Name, Finite | None]
    train: dict[Name, Estimate]
    gap: dict[Name, Estimate]
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


def default_budgets(largest: int, unit: str = "episodes") -> tuple[int, ...]:
    """`BUDGETS` of the unit below `largest`, and `largest` itself."""
    return (*(n for n in BUDGETS[unit] if n < largest), largest)


def make_curve_plan(
    agent: str,
    parameters: Mapping[str, Any],
    env_id: str,
    options: Mapping[str, Any],
    *,
    at: Sequence[int],
    training_seeds: Sequence[int],
    sessions: int = SESSIONS,
    train_sessions: int = 0,
    unit: Unit = "episodes",
    log: LogRef | None = None,
) -> CurvePlan:
    """Resolve names once, before anything is run.

    Where a `log` is learnt from, budgets count its sessions. Raises `AgentError` for an agent that does not learn in
    this way, `ConfigurationError` for budgets that make no curve, and whatever `make_simulator` raises for an
    environment that does not exist.
    """
    record = agent_record(agent, parameters)
    check_learner(record, log)
    unit = unit if log is None else "sessions"
    if len(at) < 2 or list(at) != sorted(set(at)) or at[0] < 0:
        given = ", ".join(map(str, at))
        raise ConfigurationError(f"a curve needs two or more budgets in ascending order, from 0 on; got {given}")
    if log is not None and at[-1] > log.sessions:
        raise ConfigurationError(
            f"log {log.name} has {log.sessions} sessions, fewer than {at[-1]}; ask for a larger one"
        )
    try:
        task = Task(env_id=env_id, options=dict(options), episodes=sessions, log=log)
        return CurvePlan(
            agent=record,
            task=task,
            world=world_of(simulator_for(task, 1)),
            fingerprint=checked_fingerprint(task),
            unit=unit,
            at=tuple(at),
            training_seeds=tuple(training_seeds),
            train_sessions=train_sessions,
        )
    except ValidationError as fault:
        raise ConfigurationError(f"cannot make a learning curve on {env_id!r}: {first_fault(fault)}") from None
