"""Traces: what was recommended, step by step, as arrays in memory and as Parquet on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numba import njit
from numpy.typing import NDArray

from leaderboard.files import atomic_path, check_regular
from leaderboard.schema import TRACE_COLUMNS
from recsim_envs import rng
from recsim_envs.errors import SubmissionError

MAX_FILE: Final = 2**30  # bytes of a traces file
MAX_END: Final = 500  # characters of a cause
MAX_STEPS: Final = 200_000_000  # steps that a traces file may hold, and items

_TYPES = {
    "uint16": pa.uint16(),
    "uint32": pa.uint32(),
    "uint64": pa.uint64(),
    "string": pa.string(),
    "list<int32>": pa.list_(pa.int32()),
    "list<float32>": pa.list_(pa.float32()),
    "list<uint16>": pa.list_(pa.uint16()),
}
SCHEMA: Final = pa.schema([pa.field(name, _TYPES[kind], nullable=False) for name, kind in TRACE_COLUMNS.items()])
_END: Final = SCHEMA.get_field_index("end")
_READ_SCHEMA: Final = SCHEMA.set(_END, pa.field("end", pa.dictionary(pa.int32(), pa.string()), nullable=False))

_PER_EPISODE: Final = ("task", "training_seed", "episode", "episode_seed", "ends")


@dataclass(frozen=True, eq=False)
class Trace:
    """n episodes of one or more cells. Episode i has the steps `offsets[i]:offsets[i + 1]` of `rewards` and `tags`.

    Its items are `item_offsets[i]:item_offsets[i + 1]` of `actions`: k for each step, in the order of the slate, where
    its task shows slates of k, else one.

    task, training_seed, episode: int64 (n,); episode_seed: uint64 (n,); offsets, item_offsets: int64 (n + 1,);
    actions: int32 (items,); rewards: float32, tags: uint16 (steps,); ends: the cause of each end, object (n,) of str.
    """

    task: NDArray[np.int64]
    training_seed: NDArray[np.int64]
    episode: NDArray[np.int64]
    episode_seed: NDArray[np.uint64]
    offsets: NDArray[np.int64]
    item_offsets: NDArray[np.int64]
    actions: NDArray[np.int32]
    rewards: NDArray[np.float32]
    tags: NDArray[np.uint16]
    ends: NDArray[Any]

    def __len__(self) -> int:
        return len(self.episode)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each episode, the leaving step included: int64 (n,)."""
        return np.diff(self.offsets)

    def slates(self, i: int) -> NDArray[np.int32]:
        """The items of each step of episode i: (its steps, k)."""
        return self.actions[self.item_offsets[i] : self.item_offsets[i + 1]].reshape(int(self.lengths[i]), -1)

    def of(self, rows: slice) -> Trace:
        """Some episodes that follow one another."""
        start, stop, _ = rows.indices(len(self))
        steps = slice(self.offsets[start], self.offsets[stop])
        items = slice(self.item_offsets[start], self.item_offsets[stop])
        return Trace(
            offsets=self.offsets[start : stop + 1] - steps.start,
            item_offsets=self.item_offsets[start : stop + 1] - items.start,
            actions=self.actions[items],
            rewards=self.rewards[steps],
            tags=self.tags[steps],
            **{n: getattr(self, n)[start:stop] for n in _PER_EPISODE},
        )

    def expected_tags(self) -> NDArray[np.uint16]:
        """What `tags` must be, given seeds, actions and rewards of one task: every step has as many items."""
        return step_tags(self.episode_seed, self.offsets, self.actions, self.rewards)


def step_tags(
    seeds: NDArray[np.uint64], offsets: NDArray[np.int64], actions: NDArray[np.int32], rewards: NDArray[np.float32]
) -> NDArray[np.uint16]:
    """16 bits of a hash of (episode seed, step, action, reward) for each step; `actions` holds as many items for each.

    They make an accidental or clumsy edit visible at its step even where the reward still agrees. They are no
    signature: whoever recomputes them has made another trace, which `longrec reproduce` tells apart.
    """
    tags = np.empty(len(rewards), np.uint16)
    width = len(actions) // max(1, len(rewards))
    _fill_tags(seeds, offsets, actions.reshape(len(rewards), width), rewards.view(np.uint32), tags)
    return tags


@njit(cache=True)  # type: ignore[untyped-decorator]
def _fill_tags(seeds: Any, offsets: Any, actions: Any, reward_bits: Any, tags: Any) -> None:
    for i in range(len(seeds)):
        for k in range(offsets[i], offsets[i + 1]):
            action = np.uint32(actions[k, 0])
            for slot in range(1, actions.shape[1]):  # a slate is folded into 32 bits, its order too
                action = np.uint32(rng.bits(action, slot, np.uint32(actions[k, slot]), 0) >> np.uint64(32))
            tags[k] = rng.bits(seeds[i], k - offsets[i], action, reward_bits[k]) >> np.uint64(48)


def concatenate(traces: Sequence[Trace]) -> Trace:
    """Episodes of all traces, in order."""
    joined = {n: np.concatenate([getattr(t, n) for t in traces]) for n in (*_PER_EPISODE, "actions", "rewards", "tags")}
    starts = {
        n: np.concatenate([[0], np.cumsum(np.concatenate([np.diff(getattr(t, n)) for t in traces]))])
        for n in ("offsets", "item_offsets")
    }
    return Trace(**joined, **starts)


def write_trace(path: Path, trace: Trace, metadata: dict[str, str] | None = None) -> None:
    """Write Parquet atomically; the same trace gives the same bytes. `metadata` goes into the file's footer.

    Raises `SubmissionError` for a trace that `read_trace` would refuse for its size.
    """
    if len(trace.actions) > MAX_STEPS:
        raise SubmissionError(
            f"{path} would hold {len(trace.actions)} items, and at most {MAX_STEPS} are read; ask for fewer episodes"
        )
    steps, items = (pa.array(o.astype(np.int32)) for o in (trace.offsets, trace.item_offsets))
    columns: dict[str, Any] = {
        "task": trace.task,
        "training_seed": trace.training_seed,
        "episode": trace.episode,
        "episode_seed": trace.episode_seed,
        "end": list(trace.ends),
    }
    arrays = []
    for field in SCHEMA:
        if pa.types.is_list(field.type):
            values = pa.array(getattr(trace, field.name), field.type.value_type)
            arrays.append(pa.ListArray.from_arrays(items if field.name == "actions" else steps, values))
        else:
            arrays.append(pa.array(columns[field.name], field.type))
    table = pa.Table.from_arrays(arrays, schema=SCHEMA.with_metadata(metadata or None))
    with atomic_path(path) as scratch:
        pq.write_table(table, scratch, compression="zstd", compression_level=9, row_group_size=65_536)


def read_trace(
    path: Path, max_episodes: int, max_steps: int = MAX_STEPS, max_items: int = MAX_STEPS
) -> tuple[Trace, dict[str, str]]:
    """Read a traces file and its footer. Sizes are held against the limits before anything is decoded.

    `max_items` limits the items of all actions together, which are more than steps where slates are shown. Raises
    `SubmissionError` naming the file and what is wrong: missing, damaged, other columns, too large.
    """
    try:
        if check_regular(path) > MAX_FILE:
            raise SubmissionError(f"{path} is larger than {MAX_FILE >> 20} MiB; no suite of ours needs that")
        # A word that is stored once and referred to by every row must not be copied for each.
        with pq.ParquetFile(path, read_dictionary=["end"]) as file:
            _check_sizes(path, file, max_episodes, min(max_steps, MAX_STEPS), min(max_items, MAX_STEPS))
            table = file.read()
        return _from_table(path, table), _texts(table.schema.metadata)
    except FileNotFoundError:
        raise SubmissionError(f"{path} does not exist; copy the whole submission folder") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise SubmissionError(
            f"{path} is truncated, damaged or no Parquet file ({str(error)[:200]}); copy it again or evaluate again"
        ) from error


def _check_sizes(path: Path, file: Any, max_episodes: int, max_steps: int, max_items: int) -> None:
    if not file.schema_arrow.remove_metadata().equals(_READ_SCHEMA):
        wanted = ", ".join(f"{n}: {k}" for n, k in TRACE_COLUMNS.items())
        raise SubmissionError(f"{path}: columns are not those of a trace ({wanted}); write it with longrec")
    meta = file.metadata
    if meta.num_rows > max_episodes:
        raise SubmissionError(f"{path}: {meta.num_rows} episodes, the suite asks for {max_episodes}; remove the others")
    for column in range(meta.num_columns):
        values = sum(meta.row_group(g).column(column).num_values for g in range(meta.num_row_groups))
        size = sum(meta.row_group(g).column(column).total_uncompressed_size for g in range(meta.num_row_groups))
        most = max_episodes + (max_items if file.schema.column(column).path.startswith("actions.") else max_steps)
        if values > most or size > 16 * most + 2**20:
            raise SubmissionError(
                f"{path}: column {column} holds {values} values, more than the suite's horizon allows"
            )


def _from_table(path: Path, table: Any) -> Trace:
    columns = {n: table.column(n).combine_chunks() for n in TRACE_COLUMNS}
    if any(c.null_count for c in columns.values()) or any(
        columns[n].values.null_count for n in ("actions", "rewards", "tags")
    ):
        raise SubmissionError(f"{path}: a column holds nulls; write it with longrec")
    flat = {n: columns[n].flatten().to_numpy() for n in ("actions", "rewards", "tags")}
    starts = {n: _from_zero(columns[n].offsets.to_numpy()) for n in flat}
    if not np.array_equal(starts["rewards"], starts["tags"]):
        raise SubmissionError(f"{path}: rewards and tags differ in length; write it with longrec")
    return Trace(
        task=columns["task"].to_numpy().astype(np.int64),
        training_seed=columns["training_seed"].to_numpy().astype(np.int64),
        episode=columns["episode"].to_numpy().astype(np.int64),
        episode_seed=columns["episode_seed"].to_numpy(),
        offsets=starts["rewards"],
        item_offsets=starts["actions"],
        ends=_ends(path, columns["end"]),
        **flat,
    )


def _from_zero(offsets: NDArray[np.int32]) -> NDArray[np.int64]:
    return offsets.astype(np.int64) - offsets[0]


def _ends(path: Path, column: Any) -> NDArray[Any]:
    longest = pc.max(pc.utf8_length(column.dictionary)).as_py() or 0
    if longest > MAX_END:
        raise SubmissionError(f"{path}: end holds a word of {longest} characters; write it with longrec")
    words, which = column.dictionary.to_pylist(), column.indices.to_numpy()
    if len(which) and not 0 <= which.min() <= which.max() < len(words):  # a flipped bit that the reader lets through
        raise SubmissionError(f"{path}: end names a word that is not in its dictionary; write it with longrec")
    return np.array(words, dtype=object)[which]


def read_footer(path: Path) -> dict[str, str]:
    """The footer of a traces file that was read before, alone."""
    return _texts(pq.read_schema(path).metadata)


def _texts(metadata: Any) -> dict[str, str]:
    metadata = metadata or {}
    return {k.decode(): v.decode() for k, v in metadata.items() if k != b"ARROW:schema"}
