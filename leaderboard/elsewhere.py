"""Traces made elsewhere: a table of actions, replayed here for what they earn, and kept as any run is.

Nothing is known of who chose the actions: the agent's entry point says so, and nobody can run it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import ValidationError

from leaderboard import seeds
from leaderboard.agents import ELSEWHERE
from leaderboard.evaluate.batch import Job, finish, open_run
from leaderboard.evaluate.build import check_track, plan_for, simulator_for
from leaderboard.evaluate.cell import CellSpec
from leaderboard.evaluate.checkpoint import is_finished
from leaderboard.evaluate.simulate import simulate
from leaderboard.files import alone_in, file_sha256, first_fault
from leaderboard.schema import AgentRecord, Cell, Disclosure, SpentBudget, Suite
from leaderboard.traces import Trace, write_trace
from recsim_envs.errors import AgentError, SubmissionError
from recsim_envs.spec import Agent, Batch, Sessions, TaskSpec

COLUMNS: Final = ("task", "training_seed", "episode", "step", "action")
"""Columns of the table. `task` (a number, from 0) and `training_seed` may be left out where there is only one."""

_READERS: Final[dict[str, Callable[[Path], pl.DataFrame]]] = {
    ".csv": pl.read_csv,
    ".jsonl": pl.read_ndjson,
    ".parquet": pl.read_parquet,
}
_LANES: Final = 256


@dataclass(frozen=True, eq=False)
class Actions:
    """The actions of one cell: episode i has rows `offsets[i]:offsets[i + 1]` of `actions`, (steps,) or (steps, k)."""

    offsets: NDArray[np.int64]
    actions: NDArray[np.int64]


class Recited(Agent):
    """Says what a table says. Raises `AgentError` where a session goes on and the table does not.

    keys: uint64 (episodes,), those that the sessions will have, by which they are told apart.
    """

    def __init__(self, said: Actions, keys: NDArray[np.uint64]) -> None:
        self._said, self._order, self._keys = said, np.argsort(keys), np.sort(keys)

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """The table's next actions of these sessions."""
        episodes = self._order[np.searchsorted(self._keys, sessions.keys)]
        rows = self._said.offsets[episodes] + sessions.steps
        if (short := rows >= self._said.offsets[episodes + 1]).any():
            row = int(short.argmax())
            raise AgentError(
                f"episode {episodes[row]} goes on at step {sessions.steps[row]}, and the table has no action for it; "
                "add what is missing: the user has not left"
            )
        return self._said.actions[rows]


def import_trace(
    file: Path,
    name: str,
    suite: Suite,
    out: Path,
    *,
    spent: SpentBudget | None = None,
    hidden_state: bool = False,
    command: Sequence[str] = (),
    disclosure: Disclosure | None = None,
) -> Path:
    """Replay a table of actions and write a run into the folder `out`, which is returned.

    `file` is CSV, JSON lines or Parquet with the `COLUMNS`; where slates are shown, an action is a list of items, in
    CSV a text with spaces between them. `spent` is what training used of each cell's budget, and `hidden_state` whether
    the actions were chosen by it: claims, as the agent's `name` is one.

    Raises `SubmissionError` for a table that is malformed or does not hold every session of the suite to its end, and
    `AgentError` for an action that cannot be.
    """
    spent = spent or SpentBudget(episodes=0, steps=0)
    plan = plan_for(_record(file, name, spent, hidden_state), suite)
    check_track(plan.agent, suite.track)
    job = Job(ELSEWHERE, out, command=tuple(command), disclosure=disclosure or Disclosure())
    table = _read(file, suite)
    with alone_in(out):
        folder = open_run(job, plan).folder
        if folder.submission() is None:
            for spec in folder.specs(ELSEWHERE, _LANES):
                if not is_finished(spec):
                    _write(file, table, spec, spent)
            finish(job, folder)
    return out


def _record(file: Path, name: str, spent: SpentBudget, hidden_state: bool) -> AgentRecord:
    try:
        return AgentRecord(
            name=name,
            entry_point=ELSEWHERE,
            source_sha256=file_sha256(file),
            privileged=hidden_state,
            trains=bool(spent.episodes or spent.steps),
        )
    except FileNotFoundError:
        raise SubmissionError(f"{file} does not exist; check the path") from None
    except OSError as error:
        raise SubmissionError(f"{file} cannot be read: {error.strerror}; give a table that you may read") from None
    except ValidationError as fault:
        raise SubmissionError(f"agent {name!r} cannot be stored in a submission: {first_fault(fault)}") from None


def _write(file: Path, table: pl.DataFrame, spec: CellSpec, spent: SpentBudget) -> None:
    """Replay one cell and write its file."""
    plan, task, seed = spec.plan, spec.plan.suite.tasks[spec.task], spec.training_seed
    where = f"{file}: task {spec.task}, training seed {seed}"
    simulator = simulator_for(task, min(_LANES, task.episodes))
    rows = table.filter(pl.col("task") == spec.task, pl.col("training_seed") == seed)
    said = _actions(where, rows, task.episodes, simulator.task)
    keys = seeds.session_keys(plan.seed_name, task.env_id, seed, task.episodes)
    episodes = seeds.episode_seeds(plan.seed_name, task.env_id, task.episodes)
    try:
        trace = simulate(Recited(said, keys), simulator, episodes, keys, task=spec.task, training_seed=seed)
    except AgentError as error:
        raise AgentError(f"{where}: {error}") from error
    _check_ends(where, said, trace)
    cell = Cell(task=spec.task, training_seed=seed, spent=spent, train_seconds=0.0, test_seconds=0.0)
    write_trace(spec.path, trace, {"cell": cell.model_dump_json()})


def _check_ends(where: str, said: Actions, trace: Trace) -> None:
    if (more := np.diff(said.offsets) > trace.lengths).any():
        episode = int(more.argmax())
        raise SubmissionError(
            f"{where}, episode {episode} ends at step {trace.lengths[episode] - 1} by {trace.ends[episode]!r}, and the "
            "table goes on; leave out what comes after"
        )


def _read(file: Path, suite: Suite) -> pl.DataFrame:
    """The table with all of `COLUMNS`, sorted. Raises `SubmissionError` for another table."""
    if file.suffix not in _READERS:
        raise SubmissionError(f"{file} is read by its ending, which must be {', '.join(_READERS)}")
    try:
        table: Any = _READERS[file.suffix](file)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SubmissionError(f"{file} cannot be read: {str(error)[:200]}") from error
    if len(suite.tasks) == 1 and "task" not in table.columns:
        table = table.with_columns(task=pl.lit(0))
    if len(suite.training_seeds) == 1 and "training_seed" not in table.columns:
        table = table.with_columns(training_seed=pl.lit(suite.training_seeds[0]))
    if missing := [column for column in COLUMNS if column not in table.columns]:
        raise SubmissionError(f"{file} has no column {missing[0]!r}; it needs {', '.join(COLUMNS)}")
    for column in COLUMNS:
        _check_column(file, table[column])
    try:
        table = table.select(COLUMNS).with_columns(pl.col(COLUMNS[:4]).cast(pl.Int64)).sort(COLUMNS[:4])
    except pl.exceptions.PolarsError as error:
        raise SubmissionError(f"{file}: {', '.join(COLUMNS[:4])} must be whole numbers ({str(error)[:200]})") from error
    _check_cells(file, table, suite)
    return table


def _check_column(file: Path, column: pl.Series) -> None:
    """Raise `SubmissionError` for empty cells, and for fractions, which a cast to integers would cut off unsaid."""
    if column.null_count():
        row = column.is_null().arg_max()
        raise SubmissionError(
            f"{file}, row {row} (from 0): {column.name} is empty; every row needs {', '.join(COLUMNS)}"
        )
    if column.dtype.is_float() and (broken := column != column.floor()).any():
        row = int(broken.to_numpy().argmax())
        raise SubmissionError(f"{file}, row {row} (from 0): {column.name} must be a whole number, and is {column[row]}")


def _check_cells(file: Path, table: pl.DataFrame, suite: Suite) -> None:
    known = {(n, seed) for n in range(len(suite.tasks)) for seed in suite.training_seeds}
    for cell in table.select("task", "training_seed").unique().rows():
        if cell not in known:
            raise SubmissionError(f"{file}: task {cell[0]} under training seed {cell[1]} is not part of {suite.name}")


def _actions(where: str, rows: pl.DataFrame, episodes: int, task: TaskSpec) -> Actions:
    """The actions of one cell, once every session of the quota is there with its steps, from 0, each once."""
    number, step = (rows[column].to_numpy() for column in ("episode", "step"))
    lengths = np.bincount(number[(number >= 0) & (number < episodes)], minlength=episodes)
    if lengths.sum() < len(number) or not lengths.all():
        which = int(number[(number < 0) | (number >= episodes)][0]) if lengths.all() else int(lengths.argmin())
        raise SubmissionError(f"{where}: episode {which} is {'not asked for' if lengths.all() else 'missing'}")
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    if (wrong := step != np.arange(len(step)) - offsets[number]).any():
        row = int(wrong.argmax())
        raise SubmissionError(
            f"{where}, episode {number[row]}: its steps must be 0, 1, 2, ..., each once; there is {step[row]} in the "
            f"place of {row - offsets[number[row]]}"
        )
    items, last = _items(where, rows["action"], task), task.catalogue.num_items - 1
    if (beyond := ((items < 0) | (items > last)).reshape(len(items), -1).any(axis=1)).any():
        row = int(beyond.argmax())
        raise SubmissionError(
            f"{where}, episode {number[row]}, step {step[row]}: action {items[row]} is out of range; "
            f"items are 0..{last}"
        )
    return Actions(offsets, items)


def _items(where: str, column: pl.Series, task: TaskSpec) -> NDArray[np.int64]:
    """Actions as integers, (steps,) or (steps, k)."""
    size = task.slate_size
    try:
        if size is None:
            return column.cast(pl.Int64).to_numpy()
        lists = column.str.split(" ") if column.dtype == pl.String else column
        return lists.cast(pl.List(pl.Int64)).list.to_array(size).to_numpy()
    except pl.exceptions.PolarsError as error:
        wanted = "one item" if size is None else f"a list of {size} items, in CSV with spaces between them"
        raise SubmissionError(f"{where}: every action must be {wanted} ({str(error)[:200]})") from error
