"""The page on performance says what the files of benchmarks say, and of which run."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks.page import Run, page


def write(path, rates: dict[str, float], timer: str = "perf_counter", fastest: float = 9.5):
    marks = [
        {
            "name": n,
            "extra_info": {"steps": 10},
            "stats": {"median": 10 / r, "min": fastest / r},
            "options": {"timer": timer},
        }
        for n, r in rates.items()
    ]
    machine = {"cpu": {"count": 2, "brand_raw": "Chip"}, "python_version": "3.11.7"}
    found = {"datetime": "2026-11-25T22:16:09", "commit_info": {"id": "0123456789", "dirty": True}}
    path.write_text(json.dumps(found | {"benchmarks": marks, "machine_info": machine}))
    return Run.read(path)


def test_figures_are_of_the_first_run_that_has_them(tmp_path):
    games, cart = "test_vector[longrec/Games-v0]", "test_vector[CartPole-v1]"
    first = write(tmp_path / "a.json", {"test_family[departure]": 2e6})
    second = write(tmp_path / "b.json", {games: 3e6, cart: 2e6, "test_family[departure]": 9e6}, "process_time")
    text = page([first, second])
    assert "| 1 | 2026-11-25 | 0123456, with changes | 2 x Chip, Python 3.11.7 | quiet | wall |" in text
    assert "| 2 | 2026-11-25 | 0123456, with changes | 2 x Chip, Python 3.11.7 | quiet | processor |" in text
    assert "| vector face / vectorised CartPole-v1 | 1.50 | 0.5 | 2 |" in text
    assert "| BiLLP environment logic | 69 k | 2,000,000 | 1 |" in text
    assert "9,000,000" not in text


def test_figures_that_scatter_are_marked(tmp_path):
    text = page([write(tmp_path / "a.json", {"test_raw_stepping": 1e6, "test_replay": 1e6}, fastest=8.0)])
    assert "| replay / raw stepping | ~ 1.00 |" in text


def test_layers_are_of_one_run(tmp_path):
    text = page([write(tmp_path / "a.json", {"test_raw_stepping": 1e7, "test_gather": 5e7, "test_replay": 2e6})])
    rows = [line.split(" | ")[-1] for line in text.split("| ns a step |")[1].split("## Peers")[0].splitlines()[2:5]]
    assert rows == ["20 |", "100 |", "500 |"]


@pytest.mark.parametrize("text", ["", "{}", '{"benchmarks": []}', "[1]"])
def test_other_files_are_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(SystemExit, match=r"x\.json: not a file of pytest-benchmark .*`make bench`"):
        Run.read(tmp_path / "x.json")
