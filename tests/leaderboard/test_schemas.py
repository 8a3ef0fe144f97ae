"""The published schemas are those of the models, and fit what is stored."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pyarrow.parquet as pq
import pytest

from leaderboard.prices import TABLE
from leaderboard.schemas import FOLDER, MODELS, schema_text, write_schemas
from leaderboard.suites import builtin_suites

RECORD = Path(__file__).parents[2] / "leaderboard" / "submissions"


def test_what_is_published_is_current():
    """Else: python -m leaderboard.schemas."""
    assert {path.stem for path in FOLDER.glob("*.json")} == set(MODELS)
    stale = [name for name in MODELS if (FOLDER / f"{name}.json").read_text("utf-8") != schema_text(name)]
    assert not stale, "run python -m leaderboard.schemas"


def test_they_are_written_where_they_are_wanted(tmp_path):
    assert [path.name for path in write_schemas(tmp_path)] == [f"{name}.json" for name in MODELS]


@pytest.mark.parametrize("name", MODELS)
def test_they_are_schemas(name):
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text(name)))


def _fits(value, name):
    jsonschema.Draft202012Validator(json.loads(schema_text(name))).validate(value)


def test_what_is_stored_fits_them():
    _fits(json.loads(TABLE.read_text("utf-8")), "prices")
    for suite in builtin_suites().values():
        _fits(suite.model_dump(mode="json"), "suite")
    for path in list(RECORD.rglob("submission.json"))[::5]:
        _fits(json.loads(path.read_text("utf-8")), "submission")
        for row in pq.read_table(path.with_name("traces.parquet")).slice(0, 3).to_pylist():
            _fits(row, "trace")
    for path in RECORD.rglob("transcript.jsonl"):
        for line in path.read_text("utf-8").removesuffix("\n").split("\n"):
            _fits(json.loads(line), "transcript")
