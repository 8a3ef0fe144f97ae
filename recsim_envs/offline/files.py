"""Logs on disk: a folder of two Parquet files, `steps.parquet` and `sessions.parquet`, with the facts in their footers.

The same log gives the same bytes.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recsim_envs.errors import LogError, WorldError
from recsim_envs.offline.log import OfflineLog
from recsim_envs.worlds.storage import atomic_folder

STEPS_FILE: Final = "steps.parquet"
SESSIONS_FILE: Final = "sessions.parquet"
FACTS: Final = b"longrec"
START: Final = "start_"
ROW_GROUP: Final = 2**20

WORD: Final = pa.dictionary(pa.int8(), pa.string())
STEP_COLUMNS: Final = {
    "session": pa.int32(),
    "step": pa.int32(),
    "action": pa.int32(),
    "reward": pa.float32(),
    "propensity": pa.float64(),
    "component": WORD,
    "terminated": pa.bool_(),
    "truncated": pa.bool_(),
    "end": WORD,
}
"""Columns of the steps; where slates of k are shown, `action` holds lists of k."""
SESSION_COLUMNS: Final = {
    "session": pa.int32(),
    "episode_seed": pa.uint64(),
    "component": WORD,
    "steps": pa.int32(),
    "terminated": pa.bool_(),
    "end": WORD,
}
"""The first columns of the sessions; what could be seen at their start follows."""


def check_place(path: Path) -> None:
    """Raise `LogError` unless a log may be written to `path`: it is new, an empty folder or a log."""
    if "\0" in str(path):
        raise LogError(f"{str(path)!r} is no path; choose another folder")
    try:
        taken = path.is_symlink() or path.is_file() or (path.is_dir() and any(path.iterdir()))
        if taken and (path.is_symlink() or not (path / STEPS_FILE).exists()):
            raise LogError(f"{path} exists and is no log, so it is not replaced; choose a new folder")
    except OSError as error:
        raise LogError(f"cannot read {path}: {error.strerror}; choose another folder") from error


def write_log(log: OfflineLog, path: Path, *, overwrite: bool = True) -> None:
    """Write the folder `path`, atomically; a log that is there is replaced, any other folder is not.

    Without `overwrite` it stays, so that of several processes the first wins. Raises `LogError` where it cannot be
    written.
    """
    check_place(path)
    footer = {FACTS: json.dumps(dict(log.facts), sort_keys=True, ensure_ascii=False)}
    try:
        with atomic_folder(path, overwrite=overwrite) as scratch, ThreadPoolExecutor(2) as pool:
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
    words, codes = codes_of(log.ends)
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
    words, codes = codes_of(log.ends)
    columns: dict[str, Any] = {
        "session": pa.array(np.arange(len(log), dtype=np.int32)),
        "episode_seed": pa.array(log.seeds),
        "component": _words(log.components, log.component_names),
        "steps": pa.array(log.lengths.astype(np.int32)),
        "terminated": pa.array(log.terminated),
        "end": _words(codes, words),
    }
    return pa.table(columns | {f"{START}{key}": _lists(array) for key, array in sorted(log.starts.items())})


def codes_of(ends: NDArray[Any]) -> tuple[list[str], NDArray[np.int8]]:
    """The different causes, "" first, and the number of each session's; there are at most 127."""
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
