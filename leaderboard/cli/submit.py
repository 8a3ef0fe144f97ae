"""`longrec submit`: a run, an agent or a trace becomes a folder that is ready for a pull request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leaderboard.cli.executors import Workers
from leaderboard.cli.isolation import AGENT, Isolate, MemoryMb, StepSeconds
from leaderboard.cli.output import AsJson, Options, print_json, say, say_what_was_lost
from leaderboard.cli.record import RECORD
from leaderboard.cli.runs import (
    Cassette,
    Contact,
    Env,
    Episodes,
    Params,
    SuiteName,
    TrainedOnTest,
    Trials,
    Tuning,
    command,
    play,
)
from leaderboard.cli.tracks import Choice, Track, chosen_suite

if TYPE_CHECKING:
    from leaderboard.schema import Disclosure, SpentBudget, Suite


def submit(
    what: Annotated[
        str | None,
        typer.Argument(metavar="RUN|AGENT", help=f"Folder of a finished run; or an agent, run first: {AGENT}"),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Instead: a table of actions made elsewhere, .csv, .jsonl or .parquet with columns task, "
            "training_seed, episode, step, action.",
        ),
    ] = None,
    agent_name: Annotated[str | None, typer.Option(help="With --trace: whose actions they are.")] = None,
    trained_episodes: Annotated[
        int, typer.Option(min=0, help="With --trace: sessions that training used, for each task and training seed.")
    ] = 0,
    trained_steps: Annotated[int, typer.Option(min=0, help="With --trace: steps that training used, likewise.")] = 0,
    hidden_state: Annotated[
        bool, typer.Option("--hidden-state", help="With --trace: disclose that hidden state was used.")
    ] = False,
    suite: SuiteName = None,
    env: Env = None,
    episodes: Episodes = None,
    option: Options = None,
    track: Track = None,
    param: Params = None,
    isolate: Isolate = None,
    step_seconds: StepSeconds = None,
    memory_mb: MemoryMb = None,
    tuning: Tuning = "",
    trained_on_test: TrainedOnTest = False,
    trials: Trials = None,
    contact: Contact = "",
    cassette: Cassette = False,
    curve: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Learning curve of `longrec train --curve` to go with it, also if it is there already; may repeat.",
        ),
    ] = None,
    transcript: Annotated[
        bool,
        typer.Option(
            "--transcript/--no-transcript",
            help="What the agent told of its first sessions goes along, or is left out, and the board says so.",
        ),
    ] = True,
    out: Annotated[Path, typer.Option(help="Folder for the runs of agents and traces.")] = Path("runs"),
    to: Annotated[Path, typer.Option(help="Where submissions are kept.")] = RECORD,
    workers: Workers = 0,
    json: AsJson = False,
) -> None:
    """Prepare a submission for a pull request: from a finished run, an agent that is run first, or a trace.

    Given again, it goes on where it stopped. `longrec evaluate` has more options for running an agent.

    Example:  longrec submit my_agents:MyAgent --suite smoke-v1
    """
    from leaderboard.agents import parse_parameters
    from leaderboard.hosting.start import isolation_for
    from leaderboard.schema import Disclosure, SpentBudget
    from leaderboard.submit import submit as prepare
    from recsim_envs.errors import ConfigurationError

    if (what is None) == (trace is None):
        raise ConfigurationError("name a run or an agent, or give --trace FILE: one of them")
    if what is not None and _is_run(Path(what)):
        run = Path(what)
    else:
        chosen = chosen_suite(suite, env, episodes, option, Choice(track))
        disclosure = Disclosure(trained_on_test=trained_on_test, tuning=tuning, trials=trials)
        if trace is not None:
            spent = SpentBudget(episodes=trained_episodes, steps=trained_steps)
            run = _imported(trace, agent_name, chosen, out, spent, hidden_state, disclosure)
        else:
            assert what is not None
            _check_agent(what)
            isolation = isolation_for(what, isolate, step_seconds=step_seconds, memory_mb=memory_mb)
            parameters = parse_parameters(param or [], "agent parameter")
            run = play(
                what,
                parameters,
                chosen,
                out=out,
                isolation=isolation,
                disclosure=disclosure,
                workers=workers,
                quiet=json,
                contact=contact,
                record=cassette,
            )
    target = prepare(run, to, curve or (), transcript=transcript)
    if json:
        print_json({"path": target})
    else:
        _say_what_is_next(target)


def _is_run(path: Path) -> bool:
    return (path / "run.json").is_file() or (path / "submission.json").is_file()


def _check_agent(what: str) -> None:
    """Raise `AgentError` for what is no run and cannot be an agent either."""
    from leaderboard.agents import registered_agents
    from leaderboard.words import suggestion
    from recsim_envs.errors import AgentError

    if ":" not in what and what not in (known := registered_agents()):
        raise AgentError(
            f"{what} is neither the folder of a run (no submission.json or run.json is in it) nor an agent"
            f"{suggestion(what, list(known))}"
        )


def _imported(
    trace: Path,
    name: str | None,
    suite: Suite,
    out: Path,
    spent: SpentBudget,
    hidden_state: bool,
    disclosure: Disclosure,
) -> Path:
    from leaderboard.elsewhere import import_trace
    from recsim_envs.errors import ConfigurationError

    if name is None:
        raise ConfigurationError("whose actions are they? add --agent-name")
    path = out / suite.name / name
    return import_trace(
        trace, name, suite, path,
        spent=spent, hidden_state=hidden_state, command=command(), disclosure=disclosure,
    )  # fmt: skip


def _say_what_is_next(target: Path) -> None:
    from leaderboard.files import read_model
    from leaderboard.folder import FILES
    from leaderboard.schema import Submission

    submission = read_model(target / FILES[0], Submission)
    names = (*FILES, *submission.files)
    size = sum((target / name).stat().st_size for name in names)
    say(f"verified and copied to {target}: {', '.join(names)}, {size / 2**20:.1f} MiB")
    say_what_was_lost(submission)
    say("next, in your fork of the repository:")
    for line in (
        f"git switch -c submit-{target.parent.name}-{target.name}",
        f"git add {target}",
        f'git commit -m "Submit {target.parent.name} on {submission.suite.name}"',
        "git push -u origin HEAD   # and open a pull request: every step is replayed there",
    ):
        say(f"  {line}")
    say(f"the board with it: longrec leaderboard build {target.parents[1]}")
