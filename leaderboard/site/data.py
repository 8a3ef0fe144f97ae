"""The board as files that machines read: JSON that holds rows whole, and CSV with one line a row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from leaderboard.schema import SCHEMA_VERSION, Row, Stored, canonical_json
from leaderboard.site.text import cell
from leaderboard.site.usage import test_usage
from leaderboard.site.view import FIRST


class Board(Stored):
    """`leaderboard.json`: every row, in the order of the board."""

    schema_version: Literal[1] = SCHEMA_VERSION
    rows: tuple[Row, ...]


def json_text(rows: Iterable[Row]) -> str:
    """`leaderboard.json`: one row a line, so that versions of a board can be compared by line."""
    lines = ",\n".join(canonical_json(row.model_dump(mode="json")) for row in rows)
    return f'{{"schema_version":{SCHEMA_VERSION},"rows":[\n{lines}\n]}}\n'


def csv_text(rows: Sequence[Row]) -> str:
    """`leaderboard.csv`. Empty is not measured. A metric m has the columns m, m_low and m_high; a cause c of
    sessions' ends the column end:c; parameters and options are JSON. Text is made safe by `text.cell`.
    """
    found = {name for row in rows for name in row.metrics}
    metrics = [*(name for name in FIRST if name in found), *sorted(found - set(FIRST))]
    causes = sorted({cause for row in rows for cause in row.departures})
    records = [_record(row, metrics, causes) for row in rows]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([cell(name) for name in records[0]] if records else [])
    writer.writerows([cell(value) for value in record.values()] for record in records)
    return out.getvalue()


def _record(row: Row, metrics: Sequence[str], causes: Sequence[str]) -> dict[str, Any]:
    used = test_usage(row)
    return {
        **_identity(row),
        **{column: value for name in metrics for column, value in _figures(row, name).items()},
        **{f"end:{cause}": row.departures.get(cause, 0.0) for cause in causes},
        "train_episodes": row.spent.episodes,
        "train_steps": row.spent.steps,
        "test_calls": used.calls,
        "test_input_tokens": used.input_tokens,
        "test_cached_tokens": used.cached_tokens,
        "test_output_tokens": used.output_tokens,
        "wall_seconds": row.wall_seconds,
        "commit": row.commit,
        "dirty": row.dirty,
        "created": row.created.isoformat(),
    }


def _identity(row: Row) -> dict[str, Any]:
    return {
        "suite": row.suite,
        "suite_hash": row.suite_hash,
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
