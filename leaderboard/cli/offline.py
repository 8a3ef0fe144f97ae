"""`longrec logs` and `longrec ope`: logs of behaviour policies, and what can be told from them about others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaderboard.cli.output import AsJson, Options, Stages, print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from leaderboard.ope.score import Report
    from leaderboard.schema import Estimate
    from recsim_envs.offline import DatasetSpec

app = typer.Typer()
LogId = Annotated[str, typer.Argument(help="A log's name, such as longrec/games/mixed-v0 (see `longrec logs list`).")]
Epsilon = Annotated[float | None, typer.Option(help="Share of random actions of the greedy policy. Default: 0.2.")]
Seed = Annotated[int, typer.Option(min=0, help="Which log of many.")]


@app.command("list")
def list_logs(json: AsJson = False) -> None:
    """Every log that can be made, of your own worlds too, and whether it lies in the home folder.

    Example:  longrec logs list
    """
    from recsim_envs import registered_ids
    from recsim_envs.offline import dataset_id, default_path
    from recsim_envs.offline.files import STEPS_FILE

    lines: list[dict[str, Any]] = []
    for env_id in registered_ids():
        for policy in _policies(env_id):
            name = dataset_id(env_id, policy)
            made = (default_path(name) / STEPS_FILE).exists()
            lines.append({"id": name, "env_id": env_id, "policy": policy, "made": made})
    if json:
        print_json(lines)
    else:
        print_table("logs", ["id", "made"], [(line["id"], "yes" if line["made"] else "") for line in lines])


def _policies(env_id: str) -> tuple[str, ...]:
    """The policies that can make a log of an environment; none, and a line about it, where it cannot be made itself."""
    from recsim_envs import make_simulator
    from recsim_envs.errors import LongrecError
    from recsim_envs.offline.policies import policies_of

    try:
        return policies_of(make_simulator(env_id, 1).task)
    except LongrecError as error:
        say(f"{env_id} is left out: {error}")
        return ()


@app.command()
def make(
    name: LogId,
    sessions: Annotated[int | None, typer.Option(min=1, help="Sessions of train users. Default: 10,000.")] = None,
    seed: Seed = 0,
    epsilon: Epsilon = None,
    option: Options = None,
    minari: Annotated[bool, typer.Option("--minari", help="Write a Minari dataset too.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder that gets the log's folder; also Minari's. Default: the home folder.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Make a log: two Parquet files, the same bytes whenever it is made. A log that is there is replaced.

    Example:  longrec logs make longrec/games/mixed-v0 --sessions 1000 --out runs/logs
    """
    import time

    from recsim_envs.offline import default_path, generate, write_log
    from recsim_envs.offline.files import check_place

    spec = _spec(name, sessions, seed, epsilon, option)
    path = default_path(spec.id) if out is None else out / spec.id
    check_place(path)
    if minari:
        _check_minari(spec.id, out)
    started = time.perf_counter()
    log = generate(spec)
    write_log(log, path)
    seconds = time.perf_counter() - started
    dataset = _minari(log, out) if minari else None
    if json:
        print_json({"path": path, "minari": dataset, "rows": len(log.rewards), **log.facts})
        return
    say(f"{spec.id}: {len(log):,} sessions, {len(log.rewards):,} steps in {seconds:.1f} s, in {path}")
    if dataset is not None:
        say(f"Minari dataset in {dataset}")
    say(f"next: longrec ope {spec.id} --target popular")


@app.command()
def show(
    log: Annotated[str, typer.Argument(help="A log's folder, or the name of one in the home folder.")],
    json: AsJson = False,
) -> None:
    """What a log is: environment, policy, seeds, versions, sizes, and what its sessions earned. Checks every row.

    Example:  longrec logs show longrec/games/mixed-v0
    """
    from recsim_envs.errors import LogError
    from recsim_envs.offline import default_path, load_log, spec_of

    path = Path(log) if Path(log).is_dir() else default_path(log)
    if not path.is_dir():
        raise LogError(f"{log} is not made, nor is it a folder; make it with `longrec logs make {spec_of(log).id}`")
    found = load_log(path)
    ends, counts = _counts(found.ends)
    facts: dict[str, Any] = {
        "path": path,
        **found.facts,
        "rows": len(found.rewards),
        "mean return": round(float(found.returns().mean()), 4),
        "mean length": round(float(found.lengths.mean()), 4),
        "ends": dict(zip(ends, counts, strict=True)),
        "smallest propensity": float(found.propensities.min()),
    }
    if json:
        print_json(facts)
    else:
        print_facts(facts)


def ope(
    name: LogId,
    target: Annotated[str, typer.Option(help="The policy to judge: random, popular, epsilon-greedy, mixed or greedy.")],
    sessions: Annotated[int | None, typer.Option(min=1, help="Sessions of a log. Default: 10,000.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Logs, each with a seed of its own.")] = 1,
    steps: Annotated[int | None, typer.Option(min=1, help="Value of the first so many steps. Default: all.")] = None,
    truth_sessions: Annotated[int, typer.Option(min=2, help="Sessions that the target plays itself.")] = 20_000,
    seed: Seed = 0,
    epsilon: Epsilon = None,
    option: Options = None,
    json: AsJson = False,
) -> None:
    """Off-policy evaluation against the truth: what estimators make of a policy from the logs of another.

    Logs are made anew, in memory, and the true value is simulated. ESS is the effective number of sessions.

    Example:  longrec ope longrec/games/mixed-v0 --target popular --repeats 5
    """
    from leaderboard.ope.score import score

    spec = _spec(name, sessions, seed, epsilon, option)
    with Stages(quiet=json) as stages:
        report = score(
            spec, target, repeats=repeats, steps=steps, truth_sessions=truth_sessions,
            progress=lambda done: stages("logs", done, repeats),
        )  # fmt: skip
    if json:
        print_json(_record(report))
    else:
        _print(report)


def _spec(name: str, sessions: int | None, seed: int, epsilon: float | None, option: list[str] | None) -> DatasetSpec:
    from leaderboard.agents import parse_parameters
    from recsim_envs.offline import spec_of

    given: dict[str, Any] = {"sessions": sessions, "epsilon": epsilon}
    changes = {key: value for key, value in given.items() if value is not None}
    return spec_of(name, seed=seed, options=parse_parameters(option or [], "option"), **changes)


def _minari(log: Any, out: Path | None) -> Path:
    from recsim_envs.offline.to_minari import write_minari

    return write_minari(log, _minari_root(out))


def _check_minari(name: str, out: Path | None) -> None:
    from recsim_envs.offline.to_minari import check_free

    check_free(name, _minari_root(out))


def _minari_root(out: Path | None) -> Path | None:
    return None if out is None else out / "minari"


def _counts(words: Any) -> tuple[list[str], list[int]]:
    kinds = sorted(set(words.tolist()))
    return kinds, [int((words == kind).sum()) for kind in kinds]


def _record(report: Report) -> dict[str, Any]:
    from dataclasses import asdict

    record = asdict(report)
    record["truth"] = report.truth.model_dump()
    record["id"] = report.spec.id
    for line, scored in zip(record["scores"], report.scores, strict=True):
        line["ess"] = _number(scored.ess)
        line["estimates"] = [
            {"estimate": e.estimate and e.estimate.model_dump(), "ess": _number(e.ess), "note": e.note}
            for e in scored.estimates
        ]
    return record


def _number(value: float) -> float | None:
    """None for what is no number, which JSON cannot hold."""
    return None if value != value else value


def _print(report: Report) -> None:
    first = "first step" if report.steps == 1 else f"first {report.steps} steps"
    what = "session" if report.steps is None else f"session's {first}"
    say(f"the log's own policy earns {report.behaviour:.3f} a {what}, the target truly {_interval(report.truth)}")
    title = f"{report.target}, from {report.repeats} x {report.spec.sessions:,} sessions of {report.spec.id}"
    (_print_one if report.repeats == 1 else _print_many)(report, title)
    for note in sorted({e.note for s in report.scores for e in s.estimates if ":" in e.note}):
        say(note)


def _print_one(report: Report, title: str) -> None:
    lines = [["truth", _interval(report.truth), "", "", ""]]
    for s in report.scores:
        ess = _decimal(_number(s.ess), 1)
        lines.append([s.name, _interval(s.estimates[0].estimate), _decimal(s.bias), ess, "; ".join(s.notes)])
    print_table(title, ["", "value", "error", "ESS", ""], lines, figures=3)


def _print_many(report: Report, title: str) -> None:
    lines = [["truth", _decimal(report.truth.value), "", "", "", "", ""]]
    for s in report.scores:
        covered = "" if s.covered is None else f"{s.covered:.0%} of {s.intervals}"
        notes = "; ".join(f"{note} ({times})" for note, times in s.notes.items())
        figures = [_decimal(value) for value in (s.mean, s.bias, s.rmse)]
        lines.append([s.name, *figures, covered, _decimal(_number(s.ess), 1), notes])
    print_table(title, ["", "mean", "bias", "RMSE", "covered", "ESS", ""], lines, figures=5)


def _interval(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _decimal(value: float | None, places: int = 3) -> str:
    return "" if value is None else f"{value:.{places}f}"
