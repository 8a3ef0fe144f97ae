"""`longrec submit`, `verify`, `reproduce` and `compare`: what makes a result checkable."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leaderboard.cli.output import AsJson, Progress, Stages, print_json, print_table, say

if TYPE_CHECKING:
    from leaderboard.replay import Replayed
    from leaderboard.schema import Estimate


def submit(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run, as `longrec evaluate` names it.")],
    to: Annotated[Path, typer.Option(help="Where submissions are kept.")] = Path("leaderboard/submissions"),
    json: AsJson = False,
) -> None:
    """Verify a finished run and copy it among the submissions, ready for a pull request.

    Example:  longrec submit runs/smoke-v1/greedy
    """
    from leaderboard.submit import submit as copy

    target = copy(run, to)
    if json:
        print_json({"path": target})
    else:
        say(f"verified and copied to {target}   next: longrec leaderboard build {to}")


def verify(
    folders: Annotated[list[Path], typer.Argument(help="Submission folders, or folders that hold some.")],
    json: AsJson = False,
) -> None:
    """Replay every action of submissions, without their agents; stops at the first that does not replay.

    Example:  longrec verify leaderboard/submissions
    """
    from leaderboard.replay import verify as replay
    from leaderboard.submit import find

    lines, found = [], find(folders)
    with Stages(quiet=json) as stages:
        for done, folder in enumerate(found):
            stages("replaying", done, len(found))
            start = time.perf_counter()
            replayed = replay(folder)
            seconds = time.perf_counter() - start
            s = replayed.submission
            episodes = sum(o.left.size for o in replayed.outcomes)
            lines.append((folder, s.agent.name, s.suite.name, episodes, replayed.steps, seconds))
        stages("replaying", len(found), len(found))
    if json:
        names = ("path", "agent", "suite", "episodes", "steps", "seconds")
        print_json([dict(zip(names, line, strict=True)) for line in lines])
        return
    print_table(
        "replayed, every step as claimed",
        ["agent", "episodes", "steps", "seconds", "suite", "folder"],
        [[a, f"{e:,}", f"{n:,}", f"{t:.2f}", s, str(f)] for f, a, s, e, n, t in lines],
        figures=3,
    )


def reproduce(
    folder: Annotated[Path, typer.Argument(help="A submission folder.")],
    load: Annotated[
        Path | None,
        typer.Option(help="Folder of `longrec train` that the agent was loaded from. Default: the copy in the run."),
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 is one a core.")] = 0,
    json: AsJson = False,
) -> None:
    """Run the agent of a submission again and compare every action.

    Example:  longrec reproduce runs/smoke-v1/greedy
    """
    from leaderboard.reproduce import reproduce as run

    with Progress(quiet=json) as watch:
        done = run(folder, load=load, workers=workers, watch=watch)
    if json:
        print_json({"agent": done.submission.agent.name, "episodes": done.episodes, "steps": done.steps,
                    "same_source": done.same_source})  # fmt: skip
        return
    say(f"reproduced: {done.episodes:,} episodes, {done.steps:,} actions, all the same")
    if not done.same_source:
        say("the agent's source code is not the submission's, but acts the same")


def compare(
    first: Annotated[Path, typer.Argument(help="A submission folder.")],
    others: Annotated[list[Path], typer.Argument(help="Submission folders of the same suite.")],
    json: AsJson = False,
) -> None:
    """Differences between agents on the same users: the first less each other, with paired 95 % intervals.

    Example:  longrec compare runs/smoke-v1/greedy runs/smoke-v1/greedy-no-repeat
    """
    from dataclasses import asdict

    from leaderboard.replay import verify as replay
    from leaderboard.results import differences

    one = replay(first)
    found = [(other, differences(one, other)) for other in map(replay, others)]
    if json:
        print_json(
            [
                {**asdict(d), "difference": d.difference, "other": other.path}
                for other, differing in found
                for d in differing
            ]
        )
        return
    for other, differing in found:
        print_table(
            f"{_label(one)} less {_label(other)}",
            ["environment", "metric", "first", "second", "difference, 95 %"],
            [[d.env_id, d.metric, f"{d.first:.3f}", f"{d.second:.3f}", _signed(d.difference)] for d in differing],
        )


def _label(replayed: Replayed) -> str:
    agent = replayed.submission.agent
    parameters = ", ".join(f"{key}={value}" for key, value in sorted(agent.parameters.items()))
    return f"{agent.name} ({parameters})" if parameters else agent.name


def _signed(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:+.3f}  ({estimate.note})"
    return f"{estimate.value:+.3f}  {estimate.low:+.3f} to {estimate.high:+.3f}"
