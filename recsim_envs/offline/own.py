"""Logs of somebody's own: one Parquet file with a row for each item shown, without seeds, perhaps without propensities.

Columns: `session` (integers or text), `action` (integer item id), `reward` (number); in the order in which things
happened, the rows of a session one after another. Optional: `propensity`, above 0 and at most 1, of every row;
`terminated`, whether the user left after this row (without it: whoever did not reach the horizon has left).
What the users did before is not known, so their history is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError, LogError
from recsim_envs.families.base import Simulator
from recsim_envs.offline.log import OfflineLog
from recsim_envs.offline.observations import MASK, shape_of
from recsim_envs.registration import make_simulator

NEEDED: Final = ("session", "action", "reward")
OPTIONAL: Final = ("propensity", "terminated")
MAX_ROWS: Final = 10**9  # rows that a file may have


def read_own(file: Path, env_id: str, options: Mapping[str, Any]) -> OfflineLog:
    """Read such a file as a log of an environment that shows one item of a lasting catalogue a step.

    Raises `ConfigurationError` for another environment, `LogError` naming file, column and row.
    """
    simulator = make_simulator(env_id, 1, **(dict(options) | {"split": "train"}))
    _check_environment(simulator, env_id)
    columns = _columns(file)
    lengths = _lengths(file, columns["session"], simulator.task.horizon)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    _check_actions(file, columns["action"], simulator, offsets)
    name, sha256 = simulator.provenance()
    count = len(lengths)
    left = columns.get("terminated")
    blank = {key: array.repeat(count, axis=0) for key, array in _nothing_before(simulator).items()}
    return OfflineLog(
        offsets=offsets,
        actions=columns["action"].astype(np.int32),
        rewards=columns["reward"].astype(np.float32),
        propensities=columns.get("propensity", np.full(len(columns["action"]), np.nan)),
        components=np.zeros(count, np.int8),
        terminated=lengths < simulator.task.horizon if left is None else left[offsets[1:] - 1],
        ends=np.full(count, "", dtype=object),
        seeds=np.zeros(count, np.uint64),
        starts=blank,
        facts={
            "id": file.stem, "env_id": env_id, "options": dict(options), "split": "train", "world": name,
            "world_sha256": sha256, "components": ["unknown"], "sessions": count, **shape_of(simulator),
        },
    )  # fmt: skip


def _check_environment(simulator: Simulator, env_id: str) -> None:
    if shape_of(simulator)["observations"] != "tables" or simulator.constants().get("churn"):
        raise ConfigurationError(
            f"what users of {env_id} saw does not follow from what they were shown, so a file of your own cannot tell "
            "it; make a log with `longrec logs make`"
        )


def _columns(file: Path) -> dict[str, NDArray[Any]]:
    try:
        with pq.ParquetFile(file) as parquet:
            names = parquet.schema_arrow.names
            if missing := [name for name in NEEDED if name not in names]:
                raise LogError(f"{file}: column {missing[0]} is missing; a log needs {', '.join(NEEDED)}")
            if parquet.metadata.num_rows > MAX_ROWS:
                raise LogError(f"{file}: {parquet.metadata.num_rows} rows are too many; give at most {MAX_ROWS}")
            table = parquet.read(columns=[name for name in (*NEEDED, *OPTIONAL) if name in names])
    except FileNotFoundError:
        raise LogError(f"{file} does not exist; give a log's folder, a Parquet file, or a log's name") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise LogError(f"{file} is no Parquet file, or damaged ({str(error)[:200]}); write it again") from error
    if not table.num_rows:
        raise LogError(f"{file} holds no rows; a log needs at least one session")
    return {name: _checked(file, name, table.column(name)) for name in table.column_names}


def _checked(file: Path, name: str, column: pa.ChunkedArray) -> NDArray[Any]:
    kinds = {"action": "iu", "reward": "iuf", "propensity": "iuf", "terminated": "b"}
    if column.null_count:
        raise LogError(f"{file}: column {name} holds nulls; fill or drop these rows")
    array: NDArray[Any] = column.to_numpy()
    if name in kinds and array.dtype.kind not in kinds[name]:
        wanted = {"iu": "integers", "iuf": "numbers", "b": "true and false"}[kinds[name]]
        raise LogError(f"{file}: column {name} holds {array.dtype}, it must hold {wanted}")
    if name in ("reward", "propensity"):
        array = array.astype(np.float64)
        good = np.isfinite(array) if name == "reward" else (array > 0) & (array <= 1)
        if not good.all():
            row = int(np.argmin(good))
            raise LogError(f"{file}: row {row}, column {name}: {array[row]:g} cannot be; correct it or drop the column")
    return array


def _lengths(file: Path, sessions: NDArray[Any], horizon: int) -> NDArray[np.int64]:
    starts = np.concatenate([[True], sessions[1:] != sessions[:-1]])
    firsts = np.flatnonzero(starts)
    names, counts = np.unique(sessions[firsts], return_counts=True)
    if (counts > 1).any():
        raise LogError(f"{file}: session {names[counts > 1][0]} has rows in several places; sort the file by session")
    lengths = np.diff(np.append(firsts, len(sessions)))
    if (lengths > horizon).any():
        long = int(np.argmax(lengths > horizon))
        raise LogError(
            f"{file}: session {sessions[firsts[long]]} has {lengths[long]} steps, sessions here have at most {horizon}"
        )
    return lengths


def _check_actions(file: Path, actions: NDArray[Any], simulator: Simulator, offsets: NDArray[np.int64]) -> None:
    last = simulator.task.catalogue.num_items - 1
    if (wrong := (actions < 0) | (actions > last)).any():
        row = int(np.argmax(wrong))
        raise LogError(f"{file}: row {row}, column action: item {actions[row]} does not exist; items are 0..{last}")
    if MASK not in simulator.infos():
        return
    sessions = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    order = np.lexsort((actions, sessions))
    again = (np.diff(sessions[order]) == 0) & (np.diff(actions[order]) == 0)
    if again.any():
        row = int(order[1:][again].min())
        raise LogError(
            f"{file}: row {row}: item {actions[row]} is shown twice in one session, which protocol "
            f"{simulator.task.protocol} forbids; drop the row or choose protocol FB"
        )


def _nothing_before(simulator: Simulator) -> dict[str, NDArray[Any]]:
    """What is seen at a start of a user without history: no items (-1), no rewards (0), one row a key."""
    seen = simulator.observe().items()  # before any session the lanes are blank
    return {key: np.full_like(array, -1 if key.endswith("items") else 0) for key, array in seen}
