"""What docs/records.md says is what runs record."""

from __future__ import annotations

import dataclasses
import re

import pytest

from bilp_agent.planner import Plan
from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.schema import OPTIONAL_FILES, Cell, SpentBudget, Submission
from leaderboard.schemas import MODELS
from leaderboard.transcripts import read_transcript
from tests.leaderboard.test_docs import DOCS, blocks

TEXT = (DOCS / "records.md").read_text("utf-8")


def test_its_agent_explains_itself(one_task, tmp_path, monkeypatch):
    (tmp_path / "stubborn.py").write_text(blocks("records.md", "python")[0])
    monkeypatch.syspath_prepend(tmp_path)
    evaluate(Job("stubborn:Stubborn", tmp_path / "run"), one_task, workers=1)
    for line in read_transcript(tmp_path / "run" / "transcript.jsonl"):
        assert all(re.fullmatch(r"item \d+ once more", step["thought"]) for step in line.steps)


@pytest.mark.parametrize("agent", ["billp", "billp-plus", "act-only", "react", "reflexion"])
def test_its_keys_are_those_that_our_agents_tell(agent, one_task, tmp_path):
    task = one_task.tasks[0].model_copy(update={"episodes": 2})
    few = {"tasks": (task,), "training_seeds": (0,), "limit": SpentBudget(episodes=4)}
    suite = one_task.model_copy(update=few)
    evaluate(Job(agent, tmp_path / "run", {"model": "scripted"}), suite, workers=1)
    keys = {key for line in read_transcript(tmp_path / "run" / "transcript.jsonl") if line.kind == "session"
            for step in line.steps for key in step}  # fmt: skip
    assert keys
    assert all(f"`{key}`" in TEXT for key in keys)


def test_its_fields_exist():
    assert all(field.name == "thought" or f"`{field.name}`" in TEXT for field in dataclasses.fields(Plan))
    rows = re.findall(r"^\| `([a-z_\[\].0-9]+)`", TEXT.split("## Files")[0], re.M)
    assert rows
    for name in rows:
        model, field = (Cell, name.removeprefix("cells[].")) if name.startswith("cells") else (Submission, name)
        assert field in model.model_fields
    assert set(re.findall(r"^\| `([a-z.]+)` \| \d+ MiB", TEXT, re.M)) == set(OPTIONAL_FILES)
    assert all(f"(schemas/{name}.json)" in TEXT for name in set(MODELS) - {"sweep", "tune"})
