"""The board as files that machines read: JSON that holds rows whole, CSV and Parquet with one line a row."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from leaderboard.board.arrange import FIRST
from leaderboard.board.model import Board, Reported
from leaderboard.metrics import METRICS
from leaderboard.schema import SCHEMA_VERSION, Row, Stored, Usage, canonical_json
from leaderboard.site.text import cell

_TEXTS: Final = {"log", "log_sha256", "season"}
"""Columns of text that may be empty all over."""


class BoardFile(Stored):
    """`leaderboard.json`: every row, in the order of the board, and what could not be replayed."""

    schema_version: Literal[1] = SCHEMA_VERSION
    rows: tuple[Row, ...]
    reported: tuple[Reported, ...] = ()


def json_text(board: Board) -> str:
    """`leaderboard.json`: one row a line, so that versions of a board can be compared by line."""
    parts = ((found.model_dump(mode="json") for found in of) for of in (board.rows, board.reported))
    rows, reported = (",\n".join(map(canonical_json, part)) for part in parts)
    return f'{{"schema_version":{SCHEMA_VERSION},"rows":[\n{rows}\n],"reported":[\n{reported}\n]}}\n'


def csv_text(table: Sequence[Mapping[str, Any]]) -> str:
    """`leaderboard.csv` of `records`. Empty is not measured. A metric m has the columns m, m_low and m_high; a cause c
    of sessions' ends the column end:c; parameters and options are JSON. Text is made safe by `text.cell`.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([cell(name) for name in table[0]] if table else [])
    writer.writerows([cell(value) for value in record.values()] for record in table)
    return out.getvalue()


def parquet_bytes(table: Sequence[Mapping[str, Any]]) -> bytes:
    """`leaderboard.parquet` of `records`: the columns of the CSV with their types; null is not measured, text is as it
    was sent.
    """
    out = io.BytesIO()
    columns = {name: [record[name] for record in table] for name in (table[0] if table else {})}
    pq.write_table(pa.table({name: _column(name, values) for name, values in columns.items()}), out, compression="zstd")
    return out.getvalue()


def _column(name: str, values: Sequence[Any]) -> Any:
    """A column without any value has the type that it would have with one."""
    array = pa.array(values)
    if not pa.types.is_null(array.type):
        return array
    return array.cast(pa.string() if name in _TEXTS else pa.float64())


def records(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One flat record a row, all with the same names in the same order."""
    found = {name for row in rows for name in row.metrics}
    metrics = [name for name in dict.fromkeys([*FIRST, *METRICS, *sorted(found)]) if name in found]
    causes = sorted({cause for row in rows for cause in row.departures})
    return [_record(row, metrics, causes) for row in rows]


def _record(row: Row, metrics: Sequence[str], causes: Sequence[str]) -> dict[str, Any]:
    return {
        **_identity(row),
        **{column: value for name in metrics for column, value in _figures(row, name).items()},
        **{f"end:{cause}": row.departures.get(cause, 0.0) for cause in causes},
        "lost_sessions": row.lost.sessions,
        "train_episodes": row.spent.episodes,
        "train_steps": row.spent.steps,
        **_usage("train", row.usage_train),
        **_usage("test", row.usage_test),
        "cost_usd": row.cost_usd,
        "latency_p50_ms": row.latency.p50 if row.latency else None,
        "latency_p95_ms": row.latency.p95 if row.latency else None,
        "wall_seconds": row.wall_seconds,
        "commit": row.commit,
        "dirty": row.dirty,
        "created": row.created.isoformat(),
    }


def _usage(phase: str, usage: Usage | None) -> dict[str, int | None]:
    counts = usage or Usage()
    return {
        f"{phase}_calls": counts.calls,
        f"{phase}_input_tokens": counts.input,
        f"{phase}_cached_tokens": counts.cache_read,
        f"{phase}_output_tokens": counts.output,
    }


def _identity(row: Row) -> dict[str, Any]:
    return {
        "suite": row.suite,
        "suite_hash": row.suite_hash,
        "season": row.season,
        "track": row.track,
        "log": row.log.name if row.log else None,
        "log_sha256": row.log.sha256 if row.log else None,
        "env_id": row.env_id,
        "options": canonical_json(row.options),
        "world": row.world.name,
        "world_sha256": row.world.sha256,
        "agent": row.agent,
        "parameters": canonical_json(row.parameters),
        "version": row.version,
        "badge": row.badge,
        "tier": row.tier,
        "rank_low": row.rank.low if row.rank else None,
        "rank_high": row.rank.high if row.rank else None,
        "privileged": row.privileged,
        "training_seeds": row.training_seeds,
        "episodes": row.episodes,
        "users": row.users,
        "steps": row.steps,
    }


def _figures(row: Row, name: str) -> dict[str, float | None]:
    found = row.metrics.get(name)
    ends = (found.value, found.low, found.high) if found else (None, None, None)
    return dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))
