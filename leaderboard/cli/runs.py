"""`longrec quickstart`, `evaluate` and `train`: commands that run agents."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaderboard.cli.output import AsJson, Options, Progress, Stages, print_json, print_rows, say

if TYPE_CHECKING:
    from leaderboard.schema import Suite

Workers = Annotated[int, typer.Option(min=0, help="Processes; 0 is one a core. No result depends on it.")]
Params = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", metavar="KEY=VALUE", help="A parameter of the agent; may repeat."),
]


def quickstart(
    out: Annotated[Path, typer.Option(help="Folder for runs, submissions and the board.")] = Path("runs/quickstart"),
    workers: Workers = 0,
    json: AsJson = False,
) -> None:
    """Evaluate every registered agent on the suite smoke-v1, verify by replay, build the board. A few minutes.

    Given again, it goes on where it stopped.

    Example:  longrec quickstart --out runs/quickstart
    """
    from leaderboard.cli.quickstart import run

    pages, rows, failures = run(out, workers, quiet=json)
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
    param: Params = None,
    out: Annotated[Path, typer.Option(help="Folder for runs; each gets a folder of its own in it.")] = Path("runs"),
    workers: Workers = 0,
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
    from leaderboard.replay import verify
    from leaderboard.results import rows as make_rows
    from leaderboard.schema import Disclosure

    chosen = _suite(suite, env, episodes, option)
    parameters = parse_parameters(param or [], "agent parameter")
    path = run_path(out, chosen, agent, parameters)
    disclosure = Disclosure(trained_on_test=trained_on_test, tuning=tuning)
    job = Job(agent, path, parameters, command(), disclosure, "always" if fresh else "never")
    with Progress(quiet=json) as watch:
        run(job, chosen, workers=workers, num_lanes=lanes, watch=watch)
    rows = make_rows([verify(path)])
    if json:
        print_json({"path": path, "rows": rows})
        return
    print_rows(rows)
    say(f"submission: {path}   next: longrec submit {path}")


def train(
    agent: Annotated[str, typer.Argument(help="A registered agent or module:Class.")],
    env: Annotated[str, typer.Option(help="Environment id; training uses its train users.")],
    out: Annotated[Path, typer.Option(help="New folder for what was learned.")],
    episodes: Annotated[int | None, typer.Option(min=1, help="Budget in sessions that end.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Budget in steps. Default: 100 episodes.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Training seed.")] = 0,
    curve: Annotated[
        bool,
        typer.Option("--curve", help="Play the same unseen users after more and more training; goes on if killed."),
    ] = False,
    curve_at: Annotated[
        str | None,
        typer.Option(metavar="N,N,...", help="With --curve: budgets. Default: 0,10,25,50,100 up to --episodes."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, max=64, help="With --curve: training seeds, from --seed on. Default: 1.")
    ] = None,
    sessions: Annotated[
        int | None, typer.Option(min=2, help="With --curve: test sessions a point and seed. Default: 200.")
    ] = None,
    option: Options = None,
    param: Params = None,
    json: AsJson = False,
) -> None:
    """Train an agent on an environment within a budget and save what it learned.

    Example:  longrec train fixed-cycle --env longrec/Games-v0 --episodes 100 --out runs/cycle
    """
    from leaderboard.agents import parse_parameters
    from leaderboard.evaluate.cell import recent
    from leaderboard.evaluate.learn import train_and_save

    _check_curve(curve, steps, curve_at, seeds, sessions)
    if episodes is None and steps is None:
        episodes = 100
    parameters, options = parse_parameters(param or [], "agent parameter"), parse_parameters(option or [], "option")
    if curve:
        from leaderboard.cli.curves import train_curve

        train_curve(
            agent, parameters, env, options, out=out, episodes=episodes or 100, at=curve_at,
            first_seed=seed, seeds=seeds or 1, sessions=sessions, json=json,
        )  # fmt: skip
        return
    with Stages(quiet=json) as stages:
        record = train_and_save(
            agent, parameters, env, options, episodes=episodes, steps=steps, seed=seed, out=out,
            progress=lambda done, earned, length: stages(
                "training sessions", done, episodes or 0, recent(earned, length)
            ),
        )  # fmt: skip
    if json:
        print_json(record)
    else:
        used = f"{record.spent.episodes} episodes, {record.spent.steps} steps, {record.seconds:g} s"
        say(f"trained on {used}; saved to {out}")


def _check_curve(curve: bool, steps: int | None, curve_at: str | None, seeds: int | None, sessions: int | None) -> None:
    """Raise `ConfigurationError` for options that do not go together."""
    from recsim_envs.errors import ConfigurationError

    if curve and steps is not None:
        raise ConfigurationError("a learning curve counts training in episodes; give --episodes instead of --steps")
    if not curve and not (curve_at is None and seeds is None and sessions is None):
        raise ConfigurationError("--curve-at, --seeds and --sessions belong to --curve; add it")


def _suite(name: str | None, env: str | None, episodes: int | None, option: list[str] | None) -> Suite:
    from leaderboard.agents import parse_parameters
    from leaderboard.suites import custom_suite, load_suite
    from recsim_envs.errors import ConfigurationError

    if env is None:
        if episodes is not None or option:
            raise ConfigurationError("--episodes and --option belong to --env; a suite fixes both")
        return load_suite(name or "smoke-v1")
    if name is not None:
        raise ConfigurationError("give either --suite or --env, not both")
    return custom_suite(env, episodes=episodes or 100, options=parse_parameters(option or [], "option"))


def command() -> tuple[str, ...]:
    """The command as it was given, for the record."""
    arguments: list[Any] = sys.argv[1:]
    return ("longrec", *arguments)
