"""`longrec verify`, `reproduce` and `compare`: what makes a result checkable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leaderboard.cli.executors import Workers
from leaderboard.cli.output import AsJson, Progress, Stages, print_json, print_table, say
from leaderboard.cli.record import RECORD

if TYPE_CHECKING:
    from leaderboard.replay import Replayed
    from leaderboard.results import Difference
    from leaderboard.schema import Estimate
    from leaderboard.verification import Verdict


def verify(
    folders: Annotated[list[Path] | None, typer.Argument(help="Submission folders, or folders that hold some.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help=f"The submissions of record, in {RECORD}, and nothing else may lie there.")
    ] = False,
    strict: Annotated[
        bool, typer.Option(help="Refuse what the folder of a run may hold and that of a submission may not.")
    ] = False,
    allow_reported: Annotated[
        bool, typer.Option(help="Pass those that cannot be replayed here: another world, or another platform.")
    ] = False,
    workers: Workers = 0,
    seconds: Annotated[int, typer.Option(min=1, help="Processor time that one submission may take.")] = 600,
    memory_mb: Annotated[int, typer.Option(min=256, help="Memory that one submission may take.")] = 4096,
    json: AsJson = False,
) -> None:
    """Replay every action of submissions, without their agents. Goes on after one that fails, and ends with 1 then.

    Example:  longrec verify leaderboard/submissions
    """
    from dataclasses import asdict

    from leaderboard.bounded import Limits
    from leaderboard.folder import strays
    from leaderboard.submit import find
    from leaderboard.verification import Verdict, printable, verify_all
    from recsim_envs.errors import ConfigurationError

    if bool(folders) == every:
        raise ConfigurationError("name the folders to verify, or give --all")
    found, limits = find(folders or [RECORD]), Limits(seconds, memory_mb * 2**20)
    verdicts = (
        [Verdict(path, "failed", "it is no submission, and may not lie here") for path in strays(RECORD)]
        if every
        else []
    )
    with Stages(quiet=json) as stages:
        for done, verdict in enumerate(verify_all(found, strict=strict or every, workers=workers, limits=limits)):
            stages("replaying", done + 1, len(found))
            verdicts.append(verdict)
    verdicts.sort(key=lambda verdict: verdict.path)
    if json:
        print_json([asdict(verdict) | {"path": printable(str(verdict.path))} for verdict in verdicts])
    else:
        _tell(verdicts)
    passed = ("replayed", "reported") if allow_reported else ("replayed",)
    if failed := sum(verdict.status not in passed for verdict in verdicts):
        say(f"{failed} of {len(verdicts)} did not pass")
        raise typer.Exit(1)


def _tell(verdicts: Sequence[Verdict]) -> None:
    from leaderboard.verification import printable

    replayed = [v for v in verdicts if v.status == "replayed"]
    if replayed:
        print_table(
            "replayed, every step as claimed",
            ["agent", "episodes", "steps", "seconds", "suite", "folder"],
            [
                [v.agent, f"{v.episodes:,}", f"{v.steps:,}", f"{v.seconds:.2f}", v.suite, printable(str(v.path))]
                for v in replayed
            ],
            figures=3,
        )
    for verdict in verdicts:
        if verdict.status != "replayed":
            say(f"{verdict.status}: {printable(str(verdict.path))}: {verdict.error}")


def reproduce(
    row: Annotated[
        str, typer.Argument(help="A submission's folder, its AGENT/VERSION, or the first digits of its traces_sha256.")
    ],
    load: Annotated[
        Path | None,
        typer.Option(help="Folder of `longrec train` that the agent was loaded from. Default: the copy in the run."),
    ] = None,
    attest: Annotated[
        str, typer.Option(metavar="NAME", help="Your name: write down that you ran it again, for the badge re-run.")
    ] = "",
    isolate: Annotated[
        bool | None,
        typer.Option(help="In a process of its own. Default: as it ran, and always if it is no agent of this package."),
    ] = None,
    cassette: Annotated[
        bool | None,
        typer.Option(help="Answers of language models come from the submission's cassette. Default: where it has one."),
    ] = None,
    run_command: Annotated[
        bool, typer.Option("--run-command", help="Use the command, address or path that the submission names.")
    ] = False,
    workers: Workers = 0,
    json: AsJson = False,
) -> None:
    """Run the agent of a submission again and compare every action.

    Example:  longrec reproduce runs/smoke-v1/greedy
    """
    from leaderboard.folder import find_row
    from leaderboard.reproduce import reproduce as run
    from leaderboard.reruns import attest as write

    with Progress(quiet=json) as watch:
        folder = find_row(row, RECORD)
        done = run(
            folder, load=load, isolate=isolate, cassette=cassette, run_command=run_command, workers=workers, watch=watch
        )
    written = write(done, attest) if attest else None
    if json:
        print_json({"agent": done.submission.agent.name, "episodes": done.episodes, "steps": done.steps,
                    "how": done.how, "same_source": done.same_source, "attested": written})  # fmt: skip
        return
    say(f"reproduced: {done.episodes:,} episodes, {done.steps:,} actions, all the same")
    if done.how == "cassette":
        say("answers of its language model came from the submission's cassette; --no-cassette asks the model")
    if not done.same_source:
        say("the agent's source code is not the submission's, but acts the same")
    if written:
        say(f"attested in {written}   next: commit it")


def compare(
    first: Annotated[Path, typer.Argument(help="A submission folder.")],
    others: Annotated[list[Path], typer.Argument(help="Submission folders of the same suite.")],
    json: AsJson = False,
) -> None:
    """Differences between agents on the same users: the first less each other, with paired 95 % intervals.

    Besides: how likely the first gives a user more of a metric than the other, ties counting half, and the smallest
    difference that such a comparison finds with a probability of 80 %.

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
                {**asdict(d), "difference": d.difference, "improvement": d.improvement, "other": other.path}
                for other, differing in found
                for d in differing
            ]
        )
        return
    for other, differing in found:
        print_table(
            f"{_label(one)} less {_label(other)}",
            ["environment", "metric", "first", "second", "difference, 95 %", "gives a user more", "finds from"],
            [_cells(d) for d in differing],
        )


def _cells(d: Difference) -> list[str]:
    chance, least = d.improvement, d.detectable
    more = "" if chance is None else f"{chance.value:.2f}"
    if chance is not None and chance.low is not None and chance.high is not None:
        more += f"  {chance.low:.2f} to {chance.high:.2f}"
    figures = [f"{d.first:.3f}", f"{d.second:.3f}", _signed(d.difference)]
    return [d.env_id, d.metric, *figures, more, "" if least is None else f"{least:.3f}"]


def _label(replayed: Replayed) -> str:
    agent = replayed.submission.agent
    parameters = ", ".join(f"{key}={value}" for key, value in sorted(agent.parameters.items()))
    return f"{agent.name} ({parameters})" if parameters else agent.name


def _signed(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:+.3f}  ({estimate.note})"
    return f"{estimate.value:+.3f}  {estimate.low:+.3f} to {estimate.high:+.3f}"
