"""What the page says is what the code does."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from leaderboard.ope.estimators import ESTIMATORS
from recsim_envs.offline.files import SESSION_COLUMNS, STEP_COLUMNS
from recsim_envs.offline.spec import POLICIES

TEXT = (Path(__file__).parents[3] / "docs" / "offline.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.M | re.S)


@pytest.mark.parametrize("number", range(3))
def test_code_runs(number, tmp_path, monkeypatch, capsys):
    code = blocks("python")[number]
    if "minari" in code:
        pytest.importorskip("minari")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    exec(code, {})
    assert capsys.readouterr().out


def test_everything_is_on_the_page():
    assert len(blocks("python")) == 3
    for name in (*POLICIES, *ESTIMATORS, *STEP_COLUMNS, *SESSION_COLUMNS):
        assert f"`{name}`" in TEXT, name
