"""Reading logs. What is read was perhaps written by others: sizes, facts, columns, numbers and order are checked before
anything is believed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError, LogError
from recsim_envs.families.options import choice, integer
from recsim_envs.offline.files import FACTS, SESSION_COLUMNS, SESSIONS_FILE, START, STEP_COLUMNS, STEPS_FILE, codes_of
from recsim_envs.offline.log import TABLES, OfflineLog
from recsim_envs.offline.spec import POLICIES, DatasetSpec, dataset_id

MAX_ROWS: Final = 2**31 - 1
BOMB: Final = 1000  # logs unpack to two to ten times their size, those of one action and reward only to some hundred
ALWAYS_FINE: Final = 2**26  # bytes
MAX_CAUSES: Final = 126  # they are numbered in a byte

_STEP_TYPES: Final = {
    "reward": pa.float32(), "propensity": pa.float64(), "session": pa.int32(), "step": pa.int32(),
    "component": SESSION_COLUMNS["component"], "terminated": pa.bool_(), "truncated": pa.bool_(),
    "end": SESSION_COLUMNS["end"],
}  # fmt: skip
_WANTED: Final[dict[str, type | tuple[type, ...]]] = {
    "id": str, "env_id": str, "options": dict, "split": str, "world": str, "world_sha256": str, "policy": str,
    "parameters": dict, "components": list, "sessions": int, "seed": int, "version": int, "horizon": int,
    "num_items": int, "slate_size": (int, type(None)), "observations": str, "packages": dict,
}  # fmt: skip
_BYTES: Final = {"BOOLEAN": 1, "INT64": 8, "DOUBLE": 8, "INT96": 12}  # of a value in memory; of any other kind 4


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
    _check_rows(path, log, steps)
    return log


def _read(file: Path) -> tuple[pa.Table, dict[str, Any]]:
    try:
        if not file.is_file():
            raise LogError(f"{file} is missing: {file.parent} is no log; make one with `longrec logs make`")
        with pq.ParquetFile(file, read_dictionary=["component", "end"]) as parquet:
            _check_size(file, parquet.metadata)
            facts = _facts(file, parquet.schema_arrow)
            return parquet.read(), facts
    except (pa.ArrowException, OSError, ValueError) as error:
        raise LogError(
            f"{file} is truncated, damaged or no Parquet file ({str(error)[:200]}); make the log again"
        ) from error


def _check_size(file: Path, metadata: pq.FileMetaData) -> None:
    """Raise `LogError` for files that would fill the memory: more rows than a log can have, or a decompression bomb."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    columns = [group.column(number) for group in groups for number in range(group.num_columns)]
    size = sum(max(c.num_values * _BYTES.get(c.physical_type, 4), c.total_uncompressed_size) for c in columns)
    if metadata.num_rows > MAX_ROWS or size > max(ALWAYS_FINE, BOMB * file.stat().st_size):
        raise LogError(
            f"{file}: {metadata.num_rows} rows, {size} bytes unpacked, are too many for its size; it is no log of ours"
        )


def _facts(file: Path, schema: pa.Schema) -> dict[str, Any]:
    try:
        facts = json.loads((schema.metadata or {})[FACTS])
    except (KeyError, ValueError, RecursionError):
        raise LogError(f"{file} has no facts of a log in its footer; make it with `longrec logs make`") from None
    for name, kind in _WANTED.items():
        if not (isinstance(facts, dict) and name in facts and isinstance(facts[name], kind)):
            raise LogError(f"{file}: field {name} of its footer is missing or of the wrong type; make the log again")
    try:
        _check_facts(facts)
    except ConfigurationError as error:
        raise LogError(f"{file}: its footer is that of no log of ours: {error}; make the log again") from None
    return facts


def _check_facts(facts: Mapping[str, Any]) -> None:
    """Raise `ConfigurationError` for facts that no log has.

    Sessions are replayed with them, and a stranger's log must choose neither users nor code.
    """
    epsilon = facts["parameters"].get("epsilon")
    spec = DatasetSpec(facts["env_id"], facts["policy"], facts["sessions"], facts["seed"], epsilon, facts["options"])
    choice("split", facts["split"], ("train",))
    choice("id", facts["id"], (dataset_id(spec.env_id, spec.policy, facts["version"]),))
    choice("observations", facts["observations"], ("tables", "replay"))
    for name in ("horizon", "num_items"):
        integer(name, facts[name], 1, MAX_ROWS)
    integer("slate_size", facts["slate_size"] or 1, 1, facts["num_items"])
    for number, component in enumerate(facts["components"]):
        choice(f"component {number}", component, tuple(c for c in POLICIES if c not in facts["components"][:number]))


def _check_columns(path: Path, steps: pa.Table, sessions: pa.Table, facts: Mapping[str, Any]) -> None:
    if tuple(steps.column_names) != STEP_COLUMNS:
        raise LogError(
            f"{path / STEPS_FILE}: columns {steps.column_names} are not {list(STEP_COLUMNS)}; make the log again"
        )
    first, more = sessions.column_names[: len(SESSION_COLUMNS)], sessions.column_names[len(SESSION_COLUMNS) :]
    if first != list(SESSION_COLUMNS) or len(set(more)) < len(more) or not all(n.startswith(START) for n in more):
        raise LogError(
            f"{path / SESSIONS_FILE}: columns are not {list(SESSION_COLUMNS)} and different ones that begin with "
            f"{START}; make the log again"
        )
    for file, table, wanted in ((STEPS_FILE, steps, _STEP_TYPES), (SESSIONS_FILE, sessions, SESSION_COLUMNS)):
        for name, kind in wanted.items():
            found = table.schema.field(name).type
            if (found.value_type if pa.types.is_dictionary(found) else found) != getattr(kind, "value_type", kind):
                raise LogError(f"{path / file}: column {name} is {found}, not {kind}; make the log again")
        for name in table.column_names:
            if table.column(name).null_count:
                raise LogError(f"{path / file}: column {name} holds nulls; make the log again")
    slate, found = facts["slate_size"], steps.schema.field("action").type
    if _listed(found) != (slate is not None) or (found.value_type if _listed(found) else found) != pa.int32():
        raise LogError(f"{path / STEPS_FILE}: column action is {found}, and the footer says slates of {slate}")


def _listed(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind))


def _from_tables(path: Path, steps: pa.Table, sessions: pa.Table, facts: dict[str, Any]) -> OfflineLog:
    file, lengths = path / SESSIONS_FILE, sessions.column("steps").to_numpy().astype(np.int64)
    if len(lengths) != facts["sessions"] or lengths.min() < 1 or lengths.sum() != steps.num_rows:
        raise LogError(
            f"{path}: steps of {len(lengths)} sessions do not add up to {steps.num_rows} rows; make the log again"
        )
    if not np.array_equal(sessions.column("session").to_numpy(), np.arange(len(lengths))):
        raise LogError(f"{file}: column session does not count up from 0; make the log again")
    ends = sessions.column("end").to_pylist()
    if "" in (causes := set(ends)) or len(causes) > MAX_CAUSES:
        raise LogError(f"{file}: column end must hold 1 to {MAX_CAUSES} different causes; make the log again")
    return OfflineLog(
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        actions=_matrix(path / STEPS_FILE, steps, "action"),
        rewards=steps.column("reward").to_numpy(),
        propensities=steps.column("propensity").to_numpy(),
        components=_numbers(file, sessions, "component", facts["components"]),
        terminated=sessions.column("terminated").to_numpy(),
        ends=np.array(ends, dtype=object),
        seeds=sessions.column("episode_seed").to_numpy(),
        starts=_starts(file, sessions, facts["observations"] == "tables"),
        facts=facts,
    )


def _starts(file: Path, sessions: pa.Table, tables: bool) -> dict[str, NDArray[Any]]:
    """What could be seen at the start; where observations are rebuilt from it, all that this needs is there."""
    starts = {
        name.removeprefix(START): _matrix(file, sessions, name)
        for name in sessions.column_names[len(SESSION_COLUMNS) :]
    }
    for key, array in starts.items():
        if not np.isfinite(array).all():
            raise LogError(f"{file}: column {START}{key} holds what is no number; make the log again")
    for key, kind in TABLES.items() if tables else ():
        if key not in starts or starts[key].ndim != 2 or starts[key].dtype != kind:
            raise LogError(f"{file}: column {START}{key} is missing or holds no lists of {kind}; make the log again")
    return starts


def _matrix(file: Path, table: pa.Table, name: str) -> NDArray[Any]:
    """A column of numbers (rows,), or of lists of one length (rows, k)."""
    column = table.column(name).combine_chunks()
    flat = column.flatten() if _listed(column.type) else column
    if not (pa.types.is_integer(flat.type) or pa.types.is_floating(flat.type)):
        raise LogError(f"{file}: column {name} is {column.type}, which are no numbers; make the log again")
    if flat is column:
        return column.to_numpy()
    width = len(flat) // len(column)
    if flat.null_count or (pa.types.is_list(column.type) and np.any(np.diff(column.offsets.to_numpy()) != width)):
        raise LogError(f"{file}: lists of column {name} differ in length or hold nulls; make the log again")
    return flat.to_numpy().reshape(len(column), width)


def _numbers(file: Path, table: pa.Table, name: str, words: list[str]) -> NDArray[np.int8]:
    """Which of `words` stands in each row of a column."""
    column = table.column(name).unify_dictionaries().combine_chunks()
    found = column.dictionary.to_pylist()
    if unknown := [word for word in found if word not in words]:
        raise LogError(f"{file}: {name} {unknown[0]!r} is none of {words}; make the log again")
    return np.array([words.index(word) for word in found], np.int8)[column.indices.to_numpy()]


def _check_rows(path: Path, log: OfflineLog, steps: pa.Table) -> None:
    """Raise `LogError` at the first row that cannot be."""
    file, sessions, last = path / STEPS_FILE, log.sessions(), log.last_rows()
    left, (words, ends) = log.terminated[sessions], codes_of(log.ends)
    actions = log.actions if log.actions.ndim == 2 else log.actions[:, None]
    tests = {
        "session": steps.column("session").to_numpy() == sessions,
        "step": (steps.column("step").to_numpy() == log.steps()) & (log.steps() < log.facts["horizon"]),
        "action": ((actions >= 0) & (actions < log.facts["num_items"])).all(axis=1)
        & (actions.shape[1] == (log.facts["slate_size"] or 1)),
        "reward": np.isfinite(log.rewards),
        "propensity": (log.propensities > 0) & (log.propensities <= 1),
        "component": _numbers(file, steps, "component", log.facts["components"]) == log.components[sessions],
        "terminated": steps.column("terminated").to_numpy() == (last & left),
        "truncated": steps.column("truncated").to_numpy() == (last & ~left),
        "end": _numbers(file, steps, "end", words) == np.where(last, ends[sessions], 0),
    }
    for name, good in tests.items():
        if not good.all():
            row = int(np.argmin(good))
            raise LogError(
                f"{file}: row {row}, column {name}: {steps.column(name)[row].as_py()} cannot be; make the log again"
            )
