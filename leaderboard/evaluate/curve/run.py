"""`learning_curve`: train with each budget, play the same unseen users after each, write down what was found.

curve.json                    the plan
points/0-25.parquet           test sessions after 25 episodes under training seed 0; written atomically
points/0-25.train.parquet     sessions of train users after the same training
points/0-25.training/         what the agent keeps while it trains, to go on after a kill
agent/, training.json         as of `longrec train`: the first seed's agent after the largest budget
learning_curve.json, .svg     written last; without times and durations: the same plan gives the same bytes

Each budget is trained for from the start, as a run with that budget would be: an agent may plan ahead for what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError

from leaderboard.evaluate.curve.picture import picture
from leaderboard.evaluate.curve.plan import CurvePlan, LearningCurve
from leaderboard.evaluate.curve.point import PointSpec
from leaderboard.evaluate.curve.results import Found, found
from leaderboard.evaluate.executor import Event, run_cells
from leaderboard.evaluate.executor_local import LocalExecutor
from leaderboard.files import alone_in, atomic_path, read_model, write_json
from leaderboard.schema import Cell
from leaderboard.traces import read_trace
from recsim_envs.errors import ConfigurationError, SubmissionError
from recsim_envs.locks import LOCK

Progress = Callable[[str, float, int, str], None]
"""(which training seed, points done, points to do, what is done now)."""


def learning_curve(
    agent: str, plan: CurvePlan, out: Path, progress: Progress | None = None, *, workers: int = 1
) -> LearningCurve:
    """Make the curve of `plan` in the folder `out`; given again, go on where it stopped.

    `agent` is the name that the plan was made with. `workers` is the number of processes, 0 for one a core; no result
    depends on it. Raises `AgentError` naming training seed and budget if the agent fails, `ConfigurationError` if
    `out` holds something else, or another process is at work in it.
    """
    with alone_in(out):
        _open_folder(out, plan)
        specs = [PointSpec(plan, agent, seed, budget, out) for seed in plan.training_seeds for budget in plan.at]
        todo = [spec for spec in specs if not spec.path.exists()]
        failures = run_cells(todo, LocalExecutor(workers), _Watch(specs, todo, progress)) if todo else {}
        if failures:
            raise failures[min(failures)]
        curve = found(plan, load_points(out, plan))
        write_json(out / "learning_curve.json", curve)
        with atomic_path(out / "learning_curve.svg") as scratch:
            scratch.write_text(picture([curve]), "utf-8")
    return curve


def load_points(out: Path, plan: CurvePlan) -> list[list[Found]]:
    """What is stored of each point: for each budget one entry for each training seed.

    Raises `SubmissionError` naming the file that is missing, damaged or of another point.
    """
    return [[_load(PointSpec(plan, "", seed, budget, out)) for seed in plan.training_seeds] for budget in plan.at]


class _Watch:
    """Turns news of points into the progress of training seeds."""

    def __init__(self, specs: Sequence[PointSpec], todo: Sequence[PointSpec], progress: Progress | None) -> None:
        self._todo, self._send = todo, progress
        self._shares = {spec.path: 0.0 if spec in todo else 1.0 for spec in specs}
        self._of_seed = {s.training_seed: [t.path for t in specs if t.training_seed == s.training_seed] for s in specs}

    def __call__(self, event: Event) -> None:
        if self._send is None or event.phase in ("slow", "lost"):
            return
        spec, part = self._todo[event.cell], event.done / event.total if event.total else 0.0
        share = {"start": 0.0, "done": 1.0, "failed": 1.0}.get(
            event.phase, part / 2 + (0.5 if event.phase.startswith("test") else 0.0)
        )
        self._shares[spec.path] = max(self._shares[spec.path], share)
        paths = self._of_seed[spec.training_seed]
        done = sum(self._shares[path] for path in paths)
        doing = f"{spec.plan.words(spec.budget)}: {event.phase}"
        self._send(f"training seed {spec.training_seed}", round(done, 2), len(paths), doing)


def _open_folder(out: Path, plan: CurvePlan) -> None:
    file = out / "curve.json"
    if not file.exists():
        if any(not p.name.startswith((".curve.json-", LOCK)) for p in out.iterdir()):
            raise ConfigurationError(f"{out} exists and holds no learning curve; choose a new folder")
        write_json(file, plan)
        return
    known = read_model(file, CurvePlan, ConfigurationError)
    if known != plan:
        other = next(name for name in CurvePlan.model_fields if getattr(known, name) != getattr(plan, name))
        raise ConfigurationError(
            f"{out} holds a learning curve of another plan (field {other} of curve.json; of the agent, its source code "
            "counts too); choose a new folder"
        )


def _load(spec: PointSpec) -> Found:
    path, quota, many = spec.path, spec.plan.task.episodes, spec.plan.train_sessions
    again = "delete it and give the command again"
    trace, footer = read_trace(path, quota)
    try:
        cell = Cell.model_validate_json(footer.get("cell", ""))
    except ValidationError as error:
        raise SubmissionError(f"{path} holds no record of its point; {again}") from error
    if len(trace) != quota or cell.training_seed != spec.training_seed:
        raise SubmissionError(f"{path} holds another point; {again}")
    train = read_trace(spec.train_path, many)[0] if many else None
    if train is not None and len(train) != many:
        raise SubmissionError(f"{spec.train_path} holds another point; delete it and {path.name}, {again[10:]}")
    return Found(trace, train, cell)
