"""Reading logs. What is read was perhaps written by others: sizes, facts, columns, numbers and order are checked before
anything is believed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
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

Facts = dict[str, Any]

MAX_ROWS: Final = 2**31 - 1
BOMB: Final = 1000  # logs unpack to two to ten times their size, those of one action and reward only to some hundred
ALWAYS_FINE: Final = 2**26  # bytes
MAX_CAUSES: Final = 126  # they are numbered in a byte

_WANTED: Final[dict[str, type | tuple[type, ...]]] = {
    "id": str, "env_id": str, "options": dict, "split": str, "world": str, "world_sha256": str, "policy": str,
    "parameters": dict, "components": list, "sessions": int, "seed": int, "version": int, "horizon": int,
    "num_items": int, "slate_size": (int, type(None)), "observations": str, "packages": dict,
}  # fmt: skip


def load_log(path: Path) -> OfflineLog:
    """Read a log.

    Raises `LogError` naming the file and what is wrong: missing, damaged, other columns, impossible numbers.
    """
    path = Path(path)
    sessions, facts = _read(path / SESSIONS_FILE, _session_columns)
    steps, other = _read(path / STEPS_FILE, _step_columns)
    if facts != other:
        raise LogError(f"{path}: {STEPS_FILE} and {SESSIONS_FILE} are of different logs; copy the whole folder again")
    log = _from_tables(path, steps, sessions, facts)
    _check_rows(path, log, steps)
    return log


def _read(file: Path, columns: Callable[[pa.Schema, Facts], dict[str, pa.DataType]]) -> tuple[pa.Table, Facts]:
    try:
        if not file.is_file():
            raise LogError(f"{file} is missing: {file.parent} is no log; make one with `longrec logs make`")
        with pq.ParquetFile(file, read_dictionary=["component", "end"]) as parquet:
            facts = _facts(file, parquet.schema_arrow)
            _check_columns(file, parquet.schema_arrow, columns(parquet.schema_arrow, facts))
            _check_size(file, parquet.metadata, parquet.schema_arrow)
            table = parquet.read()
            table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise LogError(
            f"{file} is truncated, damaged or no Parquet file ({str(error)[:200]}); make the log again"
        ) from error
    for name in table.column_names:
        if table.column(name).null_count:
            raise LogError(f"{file}: column {name} holds nulls; make the log again")
    return table, facts


def _check_size(file: Path, metadata: pq.FileMetaData, schema: pa.Schema) -> None:
    """Raise `LogError` for files that would fill the memory: more rows than a log can have, or a decompression bomb.

    Columns of row groups would say more, but pyarrow 26 ends the process where theirs are damaged.
    """
    rows = metadata.num_rows * sum(_width(kind) for kind in schema.types)
    groups = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    size = max(rows, groups)
    if metadata.num_rows > MAX_ROWS or size > max(ALWAYS_FINE, BOMB * file.stat().st_size):
        raise LogError(
            f"{file}: {metadata.num_rows} rows, {size} bytes unpacked, are too many for its size; it is no log of ours"
        )


def _width(kind: pa.DataType) -> int:
    """Bytes of a value in memory."""
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size) * _width(kind.value_type)
    return 4 if pa.types.is_dictionary(kind) else (int(kind.bit_width) + 7) // 8


def _facts(file: Path, schema: pa.Schema) -> Facts:
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
    spec = DatasetSpec(
        facts["env_id"], facts["policy"], facts["sessions"], facts["seed"], facts["parameters"].get("epsilon"),
        facts["options"], split=facts["split"],
    )  # fmt: skip
    choice("id", facts["id"], (dataset_id(spec.env_id, spec.policy, facts["version"]),))
    choice("observations", facts["observations"], ("tables", "replay"))
    for name in ("horizon", "num_items"):
        integer(name, facts[name], 1, MAX_ROWS)
    integer("slate_size", facts["slate_size"] or 1, 1, facts["num_items"])
    if not isinstance(facts["packages"].get("longrec"), str):
        raise ConfigurationError("packages must name the version of longrec")
    for number, component in enumerate(facts["components"]):
        choice(f"component {number}", component, tuple(c for c in POLICIES if c not in facts["components"][:number]))


def _step_columns(_: pa.Schema, facts: Facts) -> dict[str, pa.DataType]:
    slate = facts["slate_size"]
    return STEP_COLUMNS | ({} if slate is None else {"action": pa.list_(pa.int32(), slate)})


def _session_columns(schema: pa.Schema, _: Facts) -> dict[str, pa.DataType]:
    return SESSION_COLUMNS | {field.name: field.type for field in schema if field.name.startswith(START)}


def _check_columns(file: Path, schema: pa.Schema, wanted: Mapping[str, pa.DataType]) -> None:
    if schema.names != list(wanted):
        raise LogError(f"{file}: columns {schema.names} are not {list(wanted)}; make the log again")
    for field, kind in zip(schema, wanted.values(), strict=True):
        if field.name.startswith(START):
            fits, kind = _of_numbers(field.type), "numbers or lists of one length"
        elif pa.types.is_dictionary(kind):
            fits = pa.types.is_dictionary(field.type) and field.type.value_type == kind.value_type
        else:
            fits = field.type == kind
        if not fits:
            raise LogError(f"{file}: column {field.name} is {field.type}, not {kind}; make the log again")


def _of_numbers(kind: pa.DataType) -> bool:
    value = kind.value_type if pa.types.is_fixed_size_list(kind) else kind
    return bool(pa.types.is_integer(value) or pa.types.is_floating(value))


def _from_tables(path: Path, steps: pa.Table, sessions: pa.Table, facts: Facts) -> OfflineLog:
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
    if not pa.types.is_fixed_size_list(column.type):
        return column.to_numpy()
    flat = column.flatten()
    if flat.null_count:
        raise LogError(f"{file}: lists of column {name} hold nulls; make the log again")
    return flat.to_numpy().reshape(len(column), column.type.list_size)


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
        "action": ((actions >= 0) & (actions < log.facts["num_items"])).all(axis=1),
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
