"""Which suite, on which track and within which budget: options that commands share, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaderboard.cli.output import say

if TYPE_CHECKING:
    from leaderboard.schema import LogRef, SpentBudget, Suite

Track = Annotated[
    str | None,
    typer.Option(help="zero-shot, scarce, online or offline. Default: the suite's; scarce with --env."),
]
Log = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|PATH",
        help="Log to learn from: a name such as longrec/games/mixed-v0, its policy (mixed), a log's folder, or a "
        "Parquet file with columns session, action and reward.",
    ),
]
LogSessions = Annotated[int | None, typer.Option(min=1, help="Sessions of a named log. Default: 10,000.")]
LogSeed = Annotated[int, typer.Option(min=0, help="Which of many logs of one name.")]
Device = Annotated[
    str | None, typer.Option(help="Where agents that can compute: cpu, cuda, cuda:1, mps. Default: the agent's own.")
]


@dataclass(frozen=True)
class Choice:
    """What was asked for beside the suite or the environment; None is not given."""

    track: str | None = None
    log: str | None = None
    log_sessions: int | None = None
    log_seed: int = 0
    episodes: int | None = None
    steps: int | None = None

    def limit(self) -> SpentBudget | None:
        """The budget that was given."""
        from leaderboard.schema import SpentBudget

        none = self.episodes is None and self.steps is None
        return None if none else SpentBudget(episodes=self.episodes, steps=self.steps)

    def reference(self, env_id: str, options: dict[str, Any]) -> LogRef:
        """The log for one environment: what was named, else that of the mixed policy."""
        from leaderboard.evaluate.logs import DEFAULT, log_reference

        return log_reference(self.log or DEFAULT, env_id, options, self.log_sessions, self.log_seed)

    def check(self) -> None:
        """Raise `ConfigurationError` for options that do not go together, or a track that does not exist."""
        from leaderboard.schema import TRACKS
        from leaderboard.words import suggestion
        from recsim_envs.errors import ConfigurationError

        if self.track is not None and self.track not in TRACKS:
            raise ConfigurationError(f"track {self.track!r} does not exist{suggestion(self.track, list(TRACKS))}")
        if self.track != "offline" and (self.log is not None or self.log_sessions is not None or self.log_seed):
            raise ConfigurationError("a log is learnt from on track offline only; add --track offline")


def chosen_suite(
    name: str | None, env: str | None, episodes: int | None, option: list[str] | None, choice: Choice
) -> Suite:
    """The suite that a command runs on.

    Raises `ConfigurationError` for options that do not go together, or a budget beyond the track's.
    """
    from leaderboard.agents import parse_parameters
    from leaderboard.suites import custom_suite, load_suite, on_track, part
    from recsim_envs.errors import ConfigurationError

    choice.check()
    if env is None or name is not None:
        if episodes is not None or option:
            raise ConfigurationError("--episodes and --option belong to --env without --suite; a suite fixes both")
        suite = load_suite(name or "smoke-v1")
        track = choice.track or suite.track
        limit = choice.limit() or (suite.limit if track == suite.track else None)
        logs = [task.log for task in suite.tasks]
        if choice.track == "offline" and (choice.log is not None or suite.track != "offline"):
            logs = [choice.reference(task.env_id, task.options) for task in suite.tasks]
        chosen = on_track(suite, track, logs=logs if track == "offline" else None, limit=limit)
        return chosen if env is None else part(chosen, env)
    options, track = parse_parameters(option or [], "option"), choice.track or "scarce"
    log = choice.reference(env, options) if track == "offline" else None
    return custom_suite(env, episodes=episodes or 100, options=options, track=track, log=log, limit=choice.limit())


def of_training(
    folder: Path, name: str | None, env: str | None, option: list[str] | None, episodes: int | None, choice: Choice
) -> Suite:
    """The suite of what was learned in a folder: its environment, options, training seed and log.

    Raises `ConfigurationError` for options that choose something else, `AgentError` for a folder without training.
    """
    from leaderboard.evaluate.learned import read_training
    from leaderboard.suites import custom_suite
    from recsim_envs.errors import ConfigurationError

    choice.check()
    if not (name is None and env is None and option is None and choice.log is None and choice.limit() is None):
        raise ConfigurationError("--load takes environment, options, log and budget from the training; leave them out")
    found = read_training(folder)
    return custom_suite(
        found.env_id,
        episodes=episodes or 100,
        training_seeds=(found.training_seed,),
        track=choice.track or ("scarce" if found.log is None else "offline"),
        options=found.options,
        log=found.log_reference,
    )


def learned_parameters(folder: Path, agent: str, given: dict[str, Any]) -> dict[str, Any]:
    """The parameters of what an agent learned in a folder, unless some are given: then these, which must be the same.

    The device is not part of it: what was learned on one is played on any, by default the agent's own.
    """
    from leaderboard.evaluate.learned import read_training, without_device
    from recsim_envs.errors import AgentError

    found, chosen = read_training(folder).agent, without_device(given)
    if agent not in (found.name, found.entry_point):
        raise AgentError(
            f"{folder} was learned by {found.name}, not by {agent}; evaluate {found.name}, or train {agent}"
        )
    device = {key: value for key, value in given.items() if key not in chosen}
    return (chosen or without_device(found.parameters)) | device


def on_device(agent: str, parameters: dict[str, Any], device: str | None) -> dict[str, Any]:
    """The agent's parameters with its device; says so where the agent has none to choose."""
    from leaderboard.agents import default_parameters, load_class
    from recsim_envs.errors import ConfigurationError

    if device is None:
        return parameters
    if "device" in parameters:
        raise ConfigurationError("--device and -p device=... say the same twice; give one of them")
    known = default_parameters(load_class(agent))
    if "device" not in known:
        say(f"{agent} computes on the CPU only: --device {device} changes nothing")
        return parameters
    return parameters if known["device"] == device else {**parameters, "device": device}
