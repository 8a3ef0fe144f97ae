"""`longrec train`: training alone, once or as a curve against the budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaderboard.cli.executors import Workers
from leaderboard.cli.output import AsJson, Options, Stages, print_json, say
from leaderboard.cli.runs import Params
from leaderboard.cli.tracks import Choice, Device, Log, LogSeed, LogSessions, on_device

if TYPE_CHECKING:
    from leaderboard.evaluate.curve.plan import CurvePlan, Unit
    from leaderboard.schema import LogRef


def train(
    agent: Annotated[str, typer.Argument(help="A registered agent or module:Class.")],
    env: Annotated[str, typer.Option(help="Environment id; training uses its train users.")],
    out: Annotated[Path, typer.Option(help="New folder for what was learned.")],
    episodes: Annotated[int | None, typer.Option(min=1, help="Budget in sessions that end.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Budget in steps. Default: 100 episodes.")] = None,
    log: Log = None,
    log_sessions: LogSessions = None,
    log_seed: LogSeed = 0,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Training seed.")] = 0,
    curve: Annotated[
        bool,
        typer.Option("--curve", help="Play the same unseen users after more and more training; goes on if killed."),
    ] = False,
    curve_at: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...",
            help="With --curve: budgets in episodes, with --log in logged sessions; 1k and 1M are understood. "
            "Default: 0,10,25,50,100 and decades, up to --episodes.",
        ),
    ] = None,
    curve_steps: Annotated[
        str | None, typer.Option(metavar="N,N,...", help="With --curve: budgets in steps, such as 1k,10k,100k,1M.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, max=64, help="With --curve: training seeds, from --seed on. Default: 1.")
    ] = None,
    sessions: Annotated[
        int | None, typer.Option(min=2, help="With --curve: test sessions a point and seed. Default: 200.")
    ] = None,
    train_sessions: Annotated[
        int | None,
        typer.Option(min=0, help="With --curve: sessions of train users, for the gap. Default: as many; 0: none."),
    ] = None,
    workers: Workers = 1,
    option: Options = None,
    param: Params = None,
    device: Device = None,
    json: AsJson = False,
) -> None:
    """Train an agent within a budget or from a log, and save what it learned; with --curve, with each of many budgets.

    Example:  longrec train fixed-cycle --env longrec/Games-v0 --episodes 100 --out runs/cycle
    """
    from leaderboard.agents import parse_parameters

    given = {"curve_at": curve_at, "curve_steps": curve_steps, "seeds": seeds, "sessions": sessions,
             "train_sessions": train_sessions}  # fmt: skip
    _check(curve, episodes, steps, log, given)
    parameters = on_device(agent, parse_parameters(param or [], "agent parameter"), device)
    choice = Choice("offline", log, log_sessions, log_seed, episodes, steps)
    asked = _Asked(agent, parameters, env, parse_parameters(option or [], "option"), choice, seed)
    if curve:
        from leaderboard.cli.curves import train_curve

        train_curve(agent, _plan(asked, given), out=out, workers=workers, json=json)
    else:
        _train(asked, out, json)


@dataclass(frozen=True)
class _Asked:
    """Who is to be trained and where; `choice` has the log or the budget, `seed` is the first of a curve."""

    agent: str
    parameters: Mapping[str, Any]
    env: str
    options: dict[str, Any]
    choice: Choice
    seed: int

    def log(self) -> LogRef | None:
        """What is learnt from; None: from interaction."""
        return None if self.choice.log is None else self.choice.reference(self.env, self.options)


def _train(asked: _Asked, out: Path, json: bool) -> None:
    from leaderboard.evaluate.learn import train_and_save
    from leaderboard.evaluate.player import recent

    episodes, steps = asked.choice.episodes, asked.choice.steps
    if episodes is None and steps is None:
        episodes = 100
    with Stages(quiet=json) as stages:
        record = train_and_save(
            asked.agent, asked.parameters, asked.env, asked.options, episodes=episodes, steps=steps, seed=asked.seed,
            out=out, log=asked.log(),
            progress=lambda done, earned, length: stages(
                "training sessions", done, episodes or 0, recent(earned, length)
            ),
            updates=lambda done, total: stages("updates", done, total),
        )  # fmt: skip
    if json:
        print_json(record)
        return
    used = f"{record.spent.episodes} episodes, {record.spent.steps} steps"
    if record.log is not None:
        used = f"{record.log.sessions} sessions of {record.log.name} ({record.log.sha256[:12]})"
    say(f"trained on {used}, {record.seconds:g} s; saved to {out}")


def _plan(asked: _Asked, given: Mapping[str, Any]) -> CurvePlan:
    from leaderboard.cli.curves import budgets
    from leaderboard.evaluate.curve.plan import SESSIONS, make_curve_plan

    log, choice, sessions = asked.log(), asked.choice, given["sessions"] or SESSIONS
    unit: Unit
    if log is not None:
        unit, at = "sessions", budgets(given["curve_at"], log.sessions, "sessions")
    elif given["curve_steps"] is not None or choice.steps is not None:
        unit, at = "steps", budgets(given["curve_steps"], choice.steps or 0, "steps")
    else:
        unit, at = "episodes", budgets(given["curve_at"], choice.episodes or 100)
    return make_curve_plan(
        asked.agent, asked.parameters, asked.env, asked.options,
        at=at, unit=unit, log=log, training_seeds=range(asked.seed, asked.seed + (given["seeds"] or 1)),
        sessions=sessions, train_sessions=sessions if given["train_sessions"] is None else given["train_sessions"],
    )  # fmt: skip


def _check(curve: bool, episodes: int | None, steps: int | None, log: str | None, given: Mapping[str, Any]) -> None:
    """Raise `ConfigurationError` for options that do not go together."""
    from recsim_envs.errors import ConfigurationError

    if not curve and any(value is not None for value in given.values()):
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ConfigurationError(f"{names} belong to --curve; add it")
    if log is not None and not (episodes is None and steps is None and given["curve_steps"] is None):
        raise ConfigurationError("a log is learnt from without interaction; leave budgets of episodes or steps out")
    if curve and sum(x is not None for x in (given["curve_at"] or episodes, given["curve_steps"] or steps)) > 1:
        raise ConfigurationError("a learning curve counts training in episodes or in steps; give budgets of one kind")
