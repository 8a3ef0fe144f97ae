"""What `longrec quickstart` does: agents of every kind that can run here, from evaluation to the board."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from leaderboard.agents import load_class, missing_requirements, registered_agents
from leaderboard.board.build import build
from leaderboard.cli.output import Progress, say
from leaderboard.evaluate.batch import Job, evaluate_all, run_path
from leaderboard.schema import Row
from leaderboard.submit import submit
from leaderboard.suites import load_suite
from recsim_envs.errors import LongrecError

SUITE = "smoke-v1"
KINDS: Final = (
    "random", "popular", "best-rated", "fixed-cycle", "greedy", "greedy-no-repeat", "mmr", "calibrated", "oracle",
    "linucb", "dqn", "ppo", "exact-no-repeat", "act-only", "react", "reflexion", "billp", "billp-plus",
)  # fmt: skip
"""A few agents of every kind that takes no log: all there are would take a quarter of an hour."""

GIVEN: Final[dict[str, dict[str, str]]] = {"billp": {"model": "scripted"}}
"""Parameters of agents that would take minutes otherwise, where seconds have to do."""


def run(out: Path, workers: int, *, every: bool, quiet: bool) -> tuple[Path, list[Row], dict[str, LongrecError]]:
    """Returns the board's folder, its rows, and what made agents fail, by their names.

    The agents are `KINDS`, or with `every` all that are registered. Agents whose requirements are not installed are
    left out, which is said even where `quiet`: no figure shows it. So are those that learn from logs, which the suite's
    track does not give.
    A run that other code or other worlds left in `out` is replaced; one of the same goes on.
    """
    suite, names = load_suite(SUITE), [n for n in registered_agents() if every or n in KINDS]
    missing = missing_requirements(names)
    for reason in missing.values():
        say(f"left out: {reason}")
    names = [name for name in names if name not in missing]
    from_logs = [name for name in names if load_class(name).learns_from_log]
    if from_logs and not quiet:
        say(f"left out, as they learn from logs: {', '.join(from_logs)}; evaluate them with --track offline")
    names = [name for name in names if name not in from_logs]
    jobs = [_job(name, run_path(out / "runs", suite, name, GIVEN.get(name, {}))) for name in names]
    if not quiet:
        say(f"{len(jobs)} agents, {len(suite.tasks)} environments, {len(suite.training_seeds)} training seeds each")
    with Progress(quiet=quiet) as watch:
        failures = evaluate_all(jobs, suite, workers=workers, watch=watch)
    finished = [job for i, job in enumerate(jobs) if i not in failures]
    folders = [submit(job.path, out / "submissions") for job in finished]
    built = build(folders, out / "board", strict=True)  # replays every one again: the board trusts no folder
    return out / "board", built.board.rows, {names[i]: error for i, error in failures.items()}


def _job(name: str, path: Path) -> Job:
    given = GIVEN.get(name, {})
    words = [word for key, value in given.items() for word in ("-p", f"{key}={value}")]
    return Job(name, path, given, command=("longrec", "evaluate", name, "--suite", SUITE, *words), discard="other")
