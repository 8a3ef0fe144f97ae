"""`longrec quickstart` and `evaluate`: commands that run agents on suites."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaderboard.cli.executors import Address, ExecutorName, Lanes, Workers
from leaderboard.cli.isolation import AGENT, Isolate, MemoryMb, StepSeconds
from leaderboard.cli.output import AsJson, Options, Progress, print_json, print_rows, say, say_what_was_lost
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

if TYPE_CHECKING:
    from leaderboard.evaluate.checkpoint import Discard
    from leaderboard.schema import Disclosure, Isolation, Suite

SuiteName = Annotated[str | None, typer.Option(help="A built-in suite, or a JSON file. Default: smoke-v1.")]
Env = Annotated[str | None, typer.Option(help="One environment id; with --suite, the suite's tasks on it.")]
Episodes = Annotated[int | None, typer.Option(min=1, help="With --env: episodes a training seed. Default: 100.")]
Tuning = Annotated[str, typer.Option(help="Disclose how the agent was tuned, in your words.")]
TrainedOnTest = Annotated[bool, typer.Option("--trained-on-test", help="Disclose it.")]
Trials = Annotated[
    int | None, typer.Option(min=1, help="Disclose how many configurations were compared before this one.")
]
Contact = Annotated[str, typer.Option(help="How to reach you, for the record; may be left out.")]
Cassette = Annotated[
    bool, typer.Option("--cassette", help="Record what language models answer, so that others need none to run it.")
]
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
    agent: Annotated[str, typer.Argument(help=AGENT)],
    suite: SuiteName = None,
    env: Env = None,
    episodes: Episodes = None,
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
    lanes: Lanes = 256,
    isolate: Isolate = None,
    step_seconds: StepSeconds = None,
    memory_mb: MemoryMb = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Discard what an earlier run left in the folder.")] = False,
    tuning: Tuning = "",
    trained_on_test: TrainedOnTest = False,
    trials: Trials = None,
    contact: Contact = "",
    cassette: Cassette = False,
    json: AsJson = False,
) -> None:
    """Run an agent on a suite and write a submission: metadata and the trace of every action.

    Given again, it goes on where it stopped.

    Example:  longrec evaluate greedy --suite smoke-v1
    """
    from leaderboard.agents import parse_parameters
    from leaderboard.hosting.start import isolation_for
    from leaderboard.replay import verify
    from leaderboard.results import rows as make_rows
    from leaderboard.schema import Disclosure

    choice = Choice(track, log, log_sessions, log_seed, budget_episodes, budget_steps)
    given = on_device(agent, parse_parameters(param or [], "agent parameter"), device)
    if load is None:
        chosen, parameters = chosen_suite(suite, env, episodes, option, choice), given
    else:
        chosen = of_training(load, suite, env, option, episodes, choice)
        parameters = learned_parameters(load, agent, given)
    path = play(
        agent, parameters, chosen, out=out, fresh=fresh, load=load, quiet=json, workers=workers, executor=executor,
        address=address, lanes=lanes, contact=contact, record=cassette,
        disclosure=Disclosure(trained_on_test=trained_on_test, tuning=tuning, trials=trials),
        isolation=isolation_for(agent, isolate, step_seconds=step_seconds, memory_mb=memory_mb),
    )  # fmt: skip
    replayed = verify(path)
    rows = make_rows([replayed])
    if json:
        print_json({"path": path, "rows": rows})
        return
    print_rows(rows)
    say_what_was_lost(replayed.submission)
    say(f"submission: {path}   next: longrec submit {path}")


def play(
    agent: str,
    parameters: Mapping[str, Any],
    suite: Suite,
    *,
    out: Path,
    isolation: Isolation | None,
    disclosure: Disclosure,
    workers: int,
    quiet: bool,
    executor: str = "local",
    address: str | None = None,
    lanes: int = 256,
    fresh: bool = False,
    load: Path | None = None,
    contact: str = "",
    record: bool = False,
) -> Path:
    """Run an agent on a suite and show how it goes; the folder of the run, by default where an earlier one stopped.

    Raises `ConfigurationError` where answers would be recorded on other machines.
    """
    from leaderboard.evaluate.batch import Job, evaluate, run_path
    from leaderboard.evaluate.executor import make_executor
    from recsim_envs.errors import ConfigurationError

    if record and executor != "local":
        raise ConfigurationError("a cassette is one file on this machine; leave --cassette or --executor out")
    path, place = run_path(out, suite, agent, parameters), make_executor(executor, workers=workers, address=address)
    discard: Discard = "always" if fresh else "never"
    job = Job(agent, path, parameters, command(), disclosure, discard, load, isolation, contact, record)
    with Progress(quiet=quiet) as watch:
        evaluate(job, suite, executor=place, num_lanes=lanes, watch=watch)
    return path


def command() -> tuple[str, ...]:
    """The command as it was given, for the record."""
    arguments: list[Any] = sys.argv[1:]
    return ("longrec", *arguments)
