"""The board as JSON, CSV and Parquet: whole, with types, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import polars as pl

from leaderboard.board.arrange import board_of
from leaderboard.board.data import BoardFile, csv_text, json_text, parquet_bytes, records
from leaderboard.board.model import Reported
from leaderboard.schema import Latency, Lost, Rank, Row, SpentBudget, Usage, World
from tests.leaderboard.fake_rows import fake_row, fake_rows


def read_csv(rows: list[Row]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_text(records(rows)))))


def test_json_holds_rows_whole_one_a_line_and_what_was_not_replayed() -> None:
    board = board_of(fake_rows(), [Reported(path="x", agent="theirs", suite="s", reason="no world")])
    text = json_text(board)
    found = BoardFile.model_validate_json(text)
    assert list(found.rows) == board.rows
    assert found.reported == board.reported
    assert len(text.splitlines()) == len(board.rows) + 4
    assert BoardFile.model_validate_json(json_text(board_of([]))).rows == ()


def test_csv_holds_figures_to_the_last_digit() -> None:
    rows = board_of(fake_rows()).rows
    for row, record in zip(rows, read_csv(rows), strict=True):
        assert (record["agent"], record["suite_hash"]) == (row.agent, row.suite_hash)
        assert json.loads(record["parameters"]) == row.parameters
        for name, estimate in row.metrics.items():
            cells = [record[f"{name}{end}"] for end in ("", "_low", "_high")]
            value, low, high = (float(cell) if cell else None for cell in cells)
            assert (value, low, high) == (estimate.value, estimate.low, estimate.high)
        assert {c[4:]: float(v) for c, v in record.items() if c.startswith("end:") and float(v)} == {
            cause: share for cause, share in row.departures.items() if share
        }


def test_not_measured_is_empty_and_none_is_zero() -> None:
    rows = [
        fake_row("billp", usage_test=Usage(calls=7, input=100, cache_read=60, output=9), usage_train=Usage(calls=0)),
        fake_row(
            "greedy", usage_test=Usage(calls=0, input=0, output=0), cost_usd=0.0, tier=1, rank=Rank(low=1, high=2)
        ),
        fake_row("random", spent=SpentBudget(), latency=Latency(p50=0.5, p95=2.0, decisions=9, batch=3.0)),
        fake_row("popular", lost=Lost(crashed=2, timed_out=1)),
    ]
    told = {record["agent"]: record for record in read_csv(rows)}
    assert (told["billp"]["test_calls"], told["billp"]["test_cached_tokens"], told["billp"]["train_calls"]) == (
        "7",
        "60",
        "0",
    )
    assert (told["greedy"]["test_calls"], told["greedy"]["test_cached_tokens"], told["greedy"]["cost_usd"]) == (
        "0",
        "",
        "0.0",
    )
    assert (told["greedy"]["tier"], told["greedy"]["rank_low"], told["greedy"]["rank_high"]) == ("1", "1", "2")
    assert told["random"]["test_calls"] == told["random"]["train_steps"] == told["random"]["tier"] == ""
    assert (told["random"]["latency_p50_ms"], told["random"]["latency_p95_ms"]) == ("0.5", "2.0")
    assert told["popular"]["lost_sessions"] == "3"


def test_parquet_has_the_columns_of_the_csv_with_types() -> None:
    rows = [*board_of(fake_rows()).rows, fake_row("x", version="=1+1\n")]
    frame = pl.read_parquet(io.BytesIO(parquet_bytes(records(rows))))
    assert frame.columns == list(read_csv(rows)[0])
    assert frame["agent"].to_list() == [row.agent for row in rows]
    assert frame["R_traj"].to_list() == [row.metrics["R_traj"].value for row in rows]
    assert frame["version"].to_list()[-1] == "=1+1\n"  # as it was sent: nothing runs it
    types: dict[str, Any] = {"steps": pl.Int64, "score_low": pl.Float64, "dirty": pl.Boolean, "log": pl.String}
    assert {name: frame.schema[name] for name in types} == types
    assert frame["log"].null_count() == frame["test_calls"].null_count() == len(rows)
    assert pl.read_parquet(io.BytesIO(parquet_bytes(records([])))).is_empty()


def test_csv_text_cannot_become_a_formula() -> None:
    row = fake_row(version='=HYPERLINK("http://evil")', world=World(name="@SUM(A1)", sha256="0" * 64))
    (record,) = read_csv([row])
    assert record["version"].startswith("'=")
    assert record["world"].startswith("'@")


def test_csv_text_hides_nothing_and_stays_on_its_line() -> None:
    nasty = "a\x00b\u202ec\r\nd\ne\u2028f"
    row = fake_row(version=nasty, parameters={"x": nasty}, world=World(name="\t=1+1", sha256="0" * 64))
    text = csv_text(records([row]))
    assert len(text.splitlines()) == 2
    assert not any(hidden in text for hidden in "\x00\u202e\u2028\r\t")
    (record,) = read_csv([row])
    assert record["version"] == "a\ufffdb\ufffdc d e\ufffdf"
    assert record["world"] == "\ufffd=1+1"
    assert json.loads(record["parameters"])["x"].startswith("a\x00b\ufffdc")  # JSON has its own escapes
