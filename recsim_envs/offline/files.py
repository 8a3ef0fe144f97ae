"""Logs on disk: a folder of two Parquet files, `steps.parquet` and `sessions.parquet`, with the facts in their footers.

The same log gives the same bytes. What is read was perhaps written by others: columns, sizes, numbers and order are
checked before anything is believed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recsim_envs.errors import LogError, WorldError
from recsim_envs.offline.log import TABLES, OfflineLog
from recsim_envs.offline.spec import RESERVED
from recsim_envs.worlds.storage import atomic_folder

STEPS_FILE: Final = "steps.parquet"
SESSIONS_FILE: Final = "sessions.parquet"
FACTS: Final = b"longrec"
START: Final = "start_"
MAX_ROWS: Final = 2**31 - 1
ROW_GROUP: Final = 2**20

_WORD = pa.dictionary(pa.int8(), pa.string())
_STEP_COLUMNS: Final = (
    "session",
    "step",
    "action",
    "reward",
    "propensity",
    "component",
    "terminated",
    "truncated",
    "end",
)
_SESSION_COLUMNS: Final = {
    "session": pa.int32(),
    "episode_seed": pa.uint64(),
    "component": _WORD,
    "steps": pa.int32(),
    "terminated": pa.bool_(),
    "end": _WORD,
}
_WANTED: Final[dict[str, type | tuple[type, ...]]] = {
    "id": str, "env_id": str, "options": dict, "split": str, "world": str, "world_sha256": str, "policy": str,
    "parameters": dict, "components": list, "sessions": int, "seed": int, "version": int, "horizon": int,
    "num_items": int, "slate_size": (int, type(None)), "observations": str,
}  # fmt: skip


def write_log(log: OfflineLog, path: Path) -> None:
    """Write the folder `path`, atomically; a log that is there is replaced, any other folder is not.

    Raises `LogError` where it cannot be written.
    """
    if (
        path.is_symlink()
        or path.is_file()
        or (path.is_dir() and any(path.iterdir()) and not (path / STEPS_FILE).exists())
    ):
        raise LogError(f"{path} exists and is no log, so it is not replaced; choose a new folder")
    footer = {FACTS: json.dumps(dict(log.facts), sort_keys=True, ensure_ascii=False)}
    try:
        with atomic_folder(path) as scratch, ThreadPoolExecutor(2) as pool:
            parts = ((scratch / STEPS_FILE, _steps), (scratch / SESSIONS_FILE, _sessions))
            list(pool.map(lambda part: _write(part[0], part[1](log).replace_schema_metadata(footer)), parts))
    except WorldError as error:
        raise LogError(str(error)) from error


def _write(file: Path, table: pa.Table) -> None:
    words = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    pq.write_table(
        table, file, compression="zstd", compression_level=1, use_dictionary=words, row_group_size=ROW_GROUP
    )  # fmt: skip


def _steps(log: OfflineLog) -> pa.Table:
    last, sessions = log.last_rows(), log.sessions()
    left = log.terminated[sessions]
    words, codes = _codes(log.ends)
    ends = np.where(last, codes[sessions], 0).astype(np.int8)
    columns = {
        "session": pa.array(sessions.astype(np.int32)),
        "step": pa.array(log.steps().astype(np.int32)),
        "action": _lists(log.actions),
        "reward": pa.array(log.rewards),
        "propensity": pa.array(log.propensities),
        "component": _words(log.components[sessions], log.component_names),
        "terminated": pa.array(last & left),
        "truncated": pa.array(last & ~left),
        "end": _words(ends, words),
    }
    return pa.table(columns)


def _sessions(log: OfflineLog) -> pa.Table:
    words, codes = _codes(log.ends)
    columns: dict[str, Any] = {
        "session": pa.array(np.arange(len(log), dtype=np.int32)),
        "episode_seed": pa.array(log.seeds),
        "component": _words(log.components, log.component_names),
        "steps": pa.array(log.lengths.astype(np.int32)),
        "terminated": pa.array(log.terminated),
        "end": _words(codes, words),
    }
    return pa.table(columns | {f"{START}{key}": _lists(array) for key, array in sorted(log.starts.items())})


def _codes(ends: NDArray[Any]) -> tuple[list[str], NDArray[np.int8]]:
    """The different causes, "" first, and the number of each session's."""
    words = ["", *sorted(set(ends.tolist()) - {""})]
    numbers = {word: number for number, word in enumerate(words)}
    return words, np.array([numbers[word] for word in ends.tolist()], np.int8)


def _words(codes: NDArray[np.int8], words: Any) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(list(words), pa.string()))


def _lists(array: NDArray[Any]) -> pa.Array:
    flat = np.ascontiguousarray(array).reshape(-1)
    if array.ndim == 1:
        return pa.array(flat)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), int(array.shape[1]))


def load_log(path: Path) -> OfflineLog:
    """Read a log.

    Raises `LogError` naming the file and what is wrong: missing, damaged, other columns, impossible numbers.
    """
    path = Path(path)
    sessions, facts = _read(path / SESSIONS_FILE)
    steps, other = _read(path / STEPS_FILE)
    if facts != other:
        raise LogError(f"{path}: {STEPS_FILE} and {SESSIONS_FILE} are of different logs; copy the whole folder again")
    _check_columns(path, steps, sessions, facts)
    log = _from_tables(path, steps, sessions, facts)
    _check(path, log, steps)
    return log


def _unreadable(file: Path, error: Exception) -> LogError:
    if isinstance(error, FileNotFoundError):
        return LogError(f"{file} is missing: {file.parent} is no log; make one with `longrec logs make`")
    return LogError(f"{file} is truncated, damaged or no Parquet file ({str(error)[:200]}); make the log again")


def _read(file: Path) -> tuple[pa.Table, dict[str, Any]]:
    try:
        with pq.ParquetFile(file, read_dictionary=["component", "end"]) as parquet:
            if parquet.metadata.num_rows > MAX_ROWS:
                raise LogError(
                    f"{file}: {parquet.metadata.num_rows} rows are more than {MAX_ROWS}; it is no log of ours"
                )
            facts = _facts(file, parquet.schema_arrow)
            return parquet.read(), facts
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(file, error) from error


def _facts(file: Path, schema: pa.Schema) -> dict[str, Any]:
    try:
        facts = json.loads((schema.metadata or {})[FACTS])
    except (KeyError, ValueError, RecursionError):
        raise LogError(f"{file} has no facts of a log in its footer; make it with `longrec logs make`") from None
    for name, kind in _WANTED.items():
        if not (isinstance(facts, dict) and name in facts and isinstance(facts[name], kind)):
            raise LogError(f"{file}: field {name} of its footer is missing or of the wrong type; make the log again")
    # Sessions are replayed with these options, and a stranger's log must not choose users or code.
    if facts["split"] != "train" or (taken := sorted(RESERVED & facts["options"].keys())):
        what = f"option {taken[0]!r}" if facts["split"] == "train" else f"split {facts['split']!r}"
        raise LogError(f"{file}: its footer sets {what}, which no log of ours does; make the log again")
    return facts


def _check_columns(path: Path, steps: pa.Table, sessions: pa.Table, facts: Mapping[str, Any]) -> None:
    slate = facts["slate_size"]
    if tuple(steps.column_names) != _STEP_COLUMNS:
        raise LogError(
            f"{path / STEPS_FILE}: columns {steps.column_names} are not {list(_STEP_COLUMNS)}; make the log again"
        )
    if tuple(sessions.column_names[: len(_SESSION_COLUMNS)]) != tuple(_SESSION_COLUMNS):
        raise LogError(
            f"{path / SESSIONS_FILE}: columns do not begin with {list(_SESSION_COLUMNS)}; make the log again"
        )
    types = {"reward": pa.float32(), "propensity": pa.float64(), "session": pa.int32(), "step": pa.int32()}
    types |= {"terminated": pa.bool_(), "truncated": pa.bool_()}
    for file, table, wanted in ((STEPS_FILE, steps, types), (SESSIONS_FILE, sessions, _SESSION_COLUMNS)):
        for name, kind in wanted.items():
            found = table.schema.field(name).type
            if found != kind and not (pa.types.is_dictionary(kind) and pa.types.is_dictionary(found)):
                raise LogError(f"{path / file}: column {name} is {found}, not {kind}; make the log again")
        for name in table.column_names:
            if table.column(name).null_count:
                raise LogError(f"{path / file}: column {name} holds nulls; make the log again")
    found = steps.schema.field("action").type
    listed = pa.types.is_list(found) or pa.types.is_fixed_size_list(found)
    if listed != (slate is not None) or (found.value_type if listed else found) != pa.int32():
        raise LogError(f"{path / STEPS_FILE}: column action is {found}, and the footer says slates of {slate}")


def _from_tables(path: Path, steps: pa.Table, sessions: pa.Table, facts: dict[str, Any]) -> OfflineLog:
    lengths = sessions.column("steps").to_numpy().astype(np.int64)
    if len(lengths) != facts["sessions"] or not len(lengths) or lengths.min() < 1 or lengths.sum() != steps.num_rows:
        raise LogError(
            f"{path}: steps of {len(lengths)} sessions do not add up to {steps.num_rows} rows; make the log again"
        )
    starts = {
        name.removeprefix(START): _matrix(path / SESSIONS_FILE, sessions, name)
        for name in sessions.column_names[len(_SESSION_COLUMNS) :]
    }
    if facts["observations"] == "tables" and (missing := sorted(set(TABLES) - starts.keys())):
        raise LogError(f"{path / SESSIONS_FILE}: column {START}{missing[0]} is missing; make the log again")
    return OfflineLog(
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        actions=_matrix(path / STEPS_FILE, steps, "action"),
        rewards=steps.column("reward").to_numpy(),
        propensities=steps.column("propensity").to_numpy(),
        components=_component_numbers(path, sessions, facts["components"]),
        terminated=sessions.column("terminated").to_numpy(),
        ends=np.array(sessions.column("end").to_pylist(), dtype=object),
        seeds=sessions.column("episode_seed").to_numpy(),
        starts=starts,
        facts=facts,
    )


def _matrix(file: Path, table: pa.Table, name: str) -> NDArray[Any]:
    """A column of numbers (rows,), or of lists of one length (rows, k)."""
    column = table.column(name).combine_chunks()
    if not (pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type)):
        return column.to_numpy(zero_copy_only=False)
    flat = column.flatten()
    width = len(flat) // len(column)
    if flat.null_count or (pa.types.is_list(column.type) and np.any(np.diff(column.offsets.to_numpy()) != width)):
        raise LogError(f"{file}: lists of column {name} differ in length or hold nulls; make the log again")
    return flat.to_numpy(zero_copy_only=False).reshape(len(column), width)


def _component_numbers(path: Path, sessions: pa.Table, names: list[str]) -> NDArray[np.int8]:
    words = sessions.column("component").to_pylist()
    if unknown := sorted(set(words) - set(names)):
        raise LogError(f"{path / SESSIONS_FILE}: component {unknown[0]!r} is none of {names}; make the log again")
    numbers = {name: number for number, name in enumerate(names)}
    return np.array([numbers[word] for word in words], np.int8)


def _check(path: Path, log: OfflineLog, steps: pa.Table) -> None:
    """Raise `LogError` at the first row that cannot be."""
    last, left = log.last_rows(), log.terminated[log.sessions()]
    actions = log.actions if log.actions.ndim == 2 else log.actions[:, None]
    slate = log.facts["slate_size"]
    tests = {
        "session": steps.column("session").to_numpy() == log.sessions(),
        "step": steps.column("step").to_numpy() == log.steps(),
        "action": ((actions >= 0) & (actions < log.facts["num_items"])).all(axis=1)
        & (actions.shape[1] == (slate or 1)),
        "reward": np.isfinite(log.rewards),
        "propensity": (log.propensities > 0) & (log.propensities <= 1),
        "terminated": steps.column("terminated").to_numpy() == (last & left),
        "truncated": steps.column("truncated").to_numpy() == (last & ~left),
    }
    for name, good in tests.items():
        if not good.all():
            row = int(np.argmin(good))
            found = steps.column(name)[row].as_py()
            raise LogError(f"{path / STEPS_FILE}: row {row}, column {name}: {found} cannot be; make the log again")
