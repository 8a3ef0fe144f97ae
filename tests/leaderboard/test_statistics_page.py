"""What docs/statistics.md says is there, and its script runs."""

from __future__ import annotations

import re
from pathlib import Path

from leaderboard import stats
from leaderboard.evaluate.batch import Job, evaluate

TEXT = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text("utf-8")


def test_the_functions_of_the_page_exist():
    table = TEXT[TEXT.index("| question |") : TEXT.index("The modules")]
    named = re.findall(r"`(\w+)`", table)
    assert len(named) >= 10
    assert all(callable(getattr(stats, name)) for name in named)


def test_the_script_of_the_page(one_task, tmp_path, monkeypatch, capsys):
    agents = {"random": "random", "oracle": "oracle", "billp-plus": "popular", "fixed-cycle": "best-rated"}  # stand-ins
    for name, agent in agents.items():
        path = tmp_path / "runs" / "quickstart" / "runs" / "smoke-v1" / name
        evaluate(Job(agent, path), one_task, workers=1)
    monkeypatch.chdir(tmp_path)
    exec(re.search(r"```python\n(.*?)```", TEXT, re.S)[1], {})
    assert "smallest=" in capsys.readouterr().out
