"""A run's folder: what is finished in it, and what the same command, given again, may reuse.

run.json              the plan: agent, suite, worlds
learned/              of --load: a copy of what the agent had learned before
cells/000-1.training/ what the agent keeps while it trains, to go on after a kill
cells/000-1.played    sessions of the cell that have ended, until all have, see leaderboard.evaluate.played
cells/000-1.parquet   episodes of task 0 under training seed 1, its record in the footer; written atomically
cassette.jsonl        of --cassette: what language models answered so far
traces.parquet        all episodes, once every cell is finished
curve.json, ...       what goes with them, see leaderboard.evaluate.attach
submission.json       written last: where it exists, the run is complete
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from leaderboard.evaluate.build import Plan
from leaderboard.evaluate.cell import Answers, CellSpec
from leaderboard.files import read_model, write_json
from leaderboard.schema import OPTIONAL_FILES, Cell, Submission
from leaderboard.traces import Trace, read_trace
from recsim_envs.errors import ConfigurationError, SubmissionError
from recsim_envs.locks import LOCK

CASSETTE: Final = "cassette.jsonl"
"""Where answers are recorded while a run goes on; it is packed in the end."""

Discard = Literal["never", "other", "always"]

# What a killed write leaves behind, and what says that the folder is in use.
_SCRATCH = (*(f".{name}-" for name in ("run.json", "traces.parquet", "submission.json", *OPTIONAL_FILES)), LOCK)


class RunFolder:
    """The folder of one run, made if it does not exist, unless `make` is false: then it is as if it were empty.

    `discard` says what happens to an earlier run in it: "never" goes on with a run of the same plan and raises
    `ConfigurationError` for one of another, "other" replaces one of another plan, "always" replaces any.
    """

    def __init__(self, path: Path, plan: Plan, *, discard: Discard = "never", make: bool = True) -> None:
        self.path, self.plan = path, plan
        file = path / "run.json"
        if not make and not file.exists():
            return
        if discard == "always" and file.exists():
            self._clear()
        if not file.exists():
            if path.is_dir() and any(not p.name.startswith(_SCRATCH) for p in path.iterdir()):
                raise ConfigurationError(f"{path} holds other files; choose an empty or new folder")
            write_json(file, plan)
        elif (known := read_model(file, Plan, ConfigurationError)) != plan:
            self._replace(known, discard)

    def _replace(self, known: Plan, discard: Discard) -> None:
        if discard == "other":
            self._clear()
            write_json(self.path / "run.json", self.plan)
        else:
            raise ConfigurationError(
                f"{self.path} holds a run with another {_difference(known, self.plan)}; pass --fresh to discard it, or "
                "choose another folder"
            )

    def _clear(self) -> None:
        for name in ("submission.json", "traces.parquet", CASSETTE, *OPTIONAL_FILES):
            (self.path / name).unlink(missing_ok=True)
        for name in ("cells", "learned"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        (self.path / "run.json").unlink(missing_ok=True)  # last: until then this is a run that may be cleared again

    def submission(self) -> Submission | None:
        """The finished submission, if there is one."""
        file = self.path / "submission.json"
        return read_model(file, Submission) if file.exists() else None

    def specs(self, agent: str, num_lanes: int, answers: Answers | None = None) -> list[CellSpec]:
        """All cells of the run, in the submission's order."""
        suite, cells = self.plan.suite, self.path / "cells"
        return [
            CellSpec(self.plan, agent, task, seed, num_lanes, cells / f"{task:03d}-{seed}.parquet", answers)
            for task in range(len(suite.tasks))
            for seed in suite.training_seeds
        ]

    def is_whole(self) -> bool:
        """Whether every cell has its file."""
        return all(spec.path.exists() for spec in self.specs("", 1))

    def discard_cells(self) -> None:
        """Remove the cells' files once they are part of the submission."""
        shutil.rmtree(self.path / "cells", ignore_errors=True)


def is_settled(path: Path, discard: Discard) -> bool:
    """Whether a run's folder will only be read: the run is complete, and stays whatever is asked for."""
    return discard == "never" and (path / "submission.json").exists()


def is_finished(spec: CellSpec) -> bool:
    """Whether a cell's file is there and whole. A damaged one is removed, and so done again."""
    if not spec.path.exists():
        return False
    try:
        load_cell(spec)
    except SubmissionError:
        spec.path.unlink()
        return False
    return True


def load_cell(spec: CellSpec) -> tuple[Trace, Cell]:
    """The episodes and the record of a finished cell."""
    quota = spec.plan.suite.tasks[spec.task].episodes
    trace, footer = read_trace(spec.path, quota)
    try:
        cell = Cell.model_validate_json(footer.get("cell", ""))
    except ValidationError as error:
        raise SubmissionError(f"{spec.path} holds no record of its cell") from error
    if len(trace) != quota or (cell.task, cell.training_seed) != (spec.task, spec.training_seed):
        raise SubmissionError(f"{spec.path} holds another cell")
    return trace, cell


def _difference(known: Plan, plan: Plan) -> str:
    for what, a, b in (
        ("agent", (known.agent.name, known.agent.entry_point), (plan.agent.name, plan.agent.entry_point)),
        ("set of parameters", known.agent.parameters, plan.agent.parameters),
        ("suite", known.suite, plan.suite),
        ("world", known.worlds, plan.worlds),
        ("fingerprint of an environment", known.fingerprints, plan.fingerprints),
        ("log", known.logs, plan.logs),
        ("content of what was learned before", known.learned, plan.learned),
        ("isolation of the agent", known.isolation, plan.isolation),
    ):
        if a != b:
            return what
    return "version of the agent's source code"
