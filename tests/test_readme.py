"""The README's examples run as they stand, in a folder of their own, and its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(heading: str) -> list[tuple[str, str]]:
    """(language, code) of the fenced blocks under a heading."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```(\w+)\n(.*?)```", section, re.S)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("newcomer")


def run(folder: Path, *command: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "LONGREC_HOME": str(folder / "home"), "COLUMNS": "200"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr  # tables on one, messages on the other


def run_blocks(folder: Path, heading: str, languages: tuple[str, ...]) -> str:
    output = ""
    for language, code in blocks(heading):
        if language not in languages:
            continue
        if language == "python":
            named = re.match(r"# (\w+\.py)\n", code)
            file = folder / (named.group(1) if named else "example.py")
            file.write_text(code, "utf-8")
            output += run(folder, sys.executable, file.name)
        else:
            output += run(folder, "bash", "-euc", code)
    return output


def test_meet_the_environments(folder):
    output = run_blocks(folder, "Environments", ("python", "bash"))
    assert "longrec/SlateTopKBored-v0" in output
    assert "horizon gap" in output


def test_register_a_variant(folder):
    run_blocks(folder, "Register an environment", ("python",))


def test_build_a_world_from_movielens(folder, shared_data):
    (folder / "ml-100k").symlink_to(shared_data / "ml-100k")
    output = run_blocks(folder, "Register an environment", ("bash",))
    assert "registered as longrec/MovieLens100K-v0" in output
    assert "greedy-no-repeat" in output


def test_submit_an_agent_then_build_the_board(folder):
    output = run_blocks(folder, "Submit an agent", ("python", "bash"))
    assert "reproduced: 600 episodes" in output
    run_blocks(folder, "Regenerate the board", ("bash",))
    names = ["LEADERBOARD.md", "index.html", "leaderboard.csv", "leaderboard.json"]
    board = {name: (folder / "board" / name).read_bytes() for name in names}
    assert b"Shelf" in board["LEADERBOARD.md"]
    run_blocks(folder, "Regenerate the board", ("bash",))
    assert board == {name: (folder / "board" / name).read_bytes() for name in names}


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda p: p.name)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
