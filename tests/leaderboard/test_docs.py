"""What the pages of this room say is what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.metrics import METRICS, reference
from leaderboard.replay import verify
from leaderboard.schema import Submission, Suite
from leaderboard.sweep.expand import expand, read_sweep
from leaderboard.sweep.schema import (
    AgentChoice,
    EnvironmentChoice,
    Match,
    Range,
    SweepFile,
    TrackChoice,
    TuneBudget,
    TuneFile,
)
from leaderboard.sweep.search import make_search, read_tuning
from tests.leaderboard.test_cli import COMMANDS

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text("utf-8"), re.M | re.S)


def test_metrics_are_those_of_the_registry():
    text = (DOCS / "metrics.md").read_text("utf-8")
    assert re.search(r"<!-- metrics -->\n\n(.*?)\n<!-- end -->", text, re.S)[1] == reference()
    assert all(f"## {name}:" in text for name in METRICS)


def test_every_command_is_on_its_page():
    text = (DOCS / "cli.md").read_text("utf-8")
    for name in COMMANDS:
        assert f"`longrec {name[0]}" in text
        assert f"`{name[-1]}`" in text or f"`longrec {' '.join(name)}`" in text


def test_the_suite_of_the_page():
    (text,) = blocks("evaluation.md", "json")
    assert Suite.model_validate_json(text).name == "long-books"


def test_the_agent_of_the_page(one_task, tmp_path, monkeypatch):
    (tmp_path / "my_agents.py").write_text(blocks("tutorials/agent.md", "python")[1])
    monkeypatch.syspath_prepend(tmp_path)
    evaluate(Job("my_agents:Alternate", tmp_path / "run", {"every": 4}), one_task, workers=1)
    assert verify(tmp_path / "run").submission.agent.parameters == {"every": 4}


def test_the_script_of_the_page(tmp_path):
    script = blocks("evaluation.md", "python")[0]
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"[0-9a-f]{64}\n", done.stdout)


@pytest.mark.parametrize("file", ["sweep", "tune"])
def test_the_files_of_the_page_on_sweeps(file, tmp_path):
    (tmp_path / "sweep.json").write_text(blocks("sweeps.md", "json")[0])
    (tmp_path / "tune.json").write_text(blocks("sweeps.md", "json")[1])
    for path in (tmp_path / f"{file}.json", DOCS / "examples" / f"{file}.json"):
        if file == "sweep":
            assert expand(read_sweep(path), str(path)).runs
        else:
            assert len(make_search(read_tuning(path), str(path)).trials) > 1


def test_the_fields_of_the_page_on_sweeps():
    text = (DOCS / "sweeps.md").read_text("utf-8")
    models = (SweepFile, TuneFile, AgentChoice, EnvironmentChoice, TrackChoice, Match, Range, TuneBudget)
    missing = {name for model in models for name in model.model_fields if f"`{name}`" not in text}
    assert missing <= {"schema_version"}


def test_the_script_of_the_page_on_sweeps(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(blocks("sweeps.md", "python")[0], {})
    assert capsys.readouterr().out.count("done") == 6


def test_the_comparison_of_the_page(one_task, tmp_path, monkeypatch, capsys):
    for name in ("billp-plus", "fixed-cycle"):  # two other agents under these names: what is compared is not the point
        path = tmp_path / "runs" / "quickstart" / "runs" / "smoke-v1" / name
        evaluate(Job({"billp-plus": "oracle", "fixed-cycle": "random"}[name], path), one_task, workers=1)
    monkeypatch.chdir(tmp_path)
    exec(blocks("metrics.md", "python")[0], {})
    assert "low=" in capsys.readouterr().out


def test_every_field_of_a_submission_is_explained():
    text = (DOCS / "submitting.md").read_text("utf-8")
    assert {name for name in Submission.model_fields if f"`{name}`" not in text} <= {"schema_version"}
