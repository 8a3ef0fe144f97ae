"""`longrec quickstart` and `evaluate`: commands that run agents on suites."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from leaderboard.cli.executors import Address, ExecutorName
from leaderboard.cli.output import AsJson, Options, Progress, print_json, print_rows, say
from leaderboard.cli.tracks import (
    Choice,
    Device,
    Log,
    LogSeed,
    LogSessions,
    Track,
    chosen_suite,
    learned_parameters,
    of_training,
    on_device,
)

Workers = Annotated[int, typer.Option(min=0, help="Processes; 0 is one a core. No result depends on it.")]
Params = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", metavar="KEY=VALUE", help="A parameter of the agent; may repeat."),
]


def quickstart(
    out: Annotated[Path, typer.Option(help="Folder for runs, submissions and the board.")] = Path("runs/quickstart"),
    workers: Workers = 0,
    every: Annotated[
        bool, typer.Option("--every", help="All registered agents that take no log, instead of some of every kind.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Evaluate agents of every kind on the suite smoke-v1, verify by replay, build the board. A minute or two.

    Given again, it goes on where it stopped.

    Example:  longrec quickstart --out runs/quickstart
    """
    from leaderboard.cli.quickstart import run

    pages, rows, failures = run(out, workers, every=every, quiet=json)
    if json:
        print_json({"board": pages, "rows": rows, "failures": {name: str(e) for name, e in failures.items()}})
    else:
        print_rows(rows)
        say(f"every row was replayed; the board is {pages / 'index.html'} (open it in a browser)")
    if failures:
        say(f"{len(failures)} agents failed: {', '.join(failures)}")
        raise typer.Exit(1)


def evaluate(
    agent: Annotated[str, typer.Argument(help="A registered agent (see `longrec agents list`) or module:Class.")],
    suite: Annotated[str | None, typer.Option(help="A built-in suite, or a JSON file. Default: smoke-v1.")] = None,
    env: Annotated[str | None, typer.Option(help="One environment id instead of a suite.")] = None,
    episodes: Annotated[
        int | None, typer.Option(min=1, help="With --env: episodes a training seed. Default: 100.")
    ] = None,
    option: Options = None,
    track: Track = None,
    budget_episodes: Annotated[
        int | None, typer.Option(min=1, help="Train on fewer sessions that end than the track allows.")
    ] = None,
    budget_steps: Annotated[int | None, typer.Option(min=1, help="Train on fewer steps than the track allows.")] = None,
    log: Log = None,
    log_sessions: LogSessions = None,
    log_seed: LogSeed = 0,
    param: Params = None,
    device: Device = None,
    load: Annotated[
        Path | None,
        typer.Option(help="Folder of `longrec train`: play what was learned there, where it was, instead of training."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for runs; each gets a folder of its own in it.")] = Path("runs"),
    workers: Workers = 0,
    executor: ExecutorName = "local",
    address: Address = None,
    lanes: Annotated[int, typer.Option(min=1, help="Concurrent sessions of one cell. No result depends on it.")] = 256,
    fresh: Annotated[bool, typer.Option("--fresh", help="Discard what an earlier run left in the folder.")] = False,
    tuning: Annotated[str, typer.Option(help="Disclose how the agent was tuned, in your words.")] = "",
    trained_on_test: Annotated[bool, typer.Option("--trained-on-test", help="Disclose it.")] = False,
    json: AsJson = False,
) -> None:
    """Run an agent on a suite and write a submission: metadata and the trace of every action.

    Given again, it goes on where it stopped.

    Example:  longrec evaluate greedy --suite smoke-v1
    """
    from leaderboard.agents import parse_parameters
    from leaderboard.evaluate.batch import Job, run_path
    from leaderboard.evaluate.batch import evaluate as run
    from leaderboard.evaluate.executor import make_executor
    from leaderboard.replay import verify
    from leaderboard.results import rows as make_rows
    from leaderboard.schema import Disclosure

    place = make_executor(executor, workers=workers, address=address)
    choice = Choice(track, log, log_sessions, log_seed, budget_episodes, budget_steps)
    given = on_device(agent, parse_parameters(param or [], "agent parameter"), device)
    if load is None:
        chosen, parameters = chosen_suite(suite, env, episodes, option, choice), given
    else:
        chosen = of_training(load, suite, env, option, episodes, choice)
        parameters = learned_parameters(load, agent, given)
    path = run_path(out, chosen, agent, parameters)
    disclosure = Disclosure(trained_on_test=trained_on_test, tuning=tuning)
    job = Job(agent, path, parameters, command(), disclosure, "always" if fresh else "never", load)
    with Progress(quiet=json) as watch:
        run(job, chosen, executor=place, num_lanes=lanes, watch=watch)
    rows = make_rows([verify(path)])
    if json:
        print_json({"path": path, "rows": rows})
        return
    print_rows(rows)
    say(f"submission: {path}   next: longrec submit {path}")


def command() -> tuple[str, ...]:
    """The command as it was given, for the record."""
    arguments: list[Any] = sys.argv[1:]
    return ("longrec", *arguments)
