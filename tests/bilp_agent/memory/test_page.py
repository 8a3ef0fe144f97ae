"""docs/memories.md: its examples run one after the other, its commands and file parse, its names are the code's."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from bilp_agent.memory import CriticExample, Memory
from bilp_agent.memory.index import Sizes
from leaderboard.cli.memory import app
from recsim_envs.text.encoder import HashingEncoder

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "memories.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.S)


def test_the_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "docs/memories.md", "exec"), names)
    near, far, best, merged, sizes = capsys.readouterr().out.splitlines()
    assert (near, far) == (
        "2.0 stage early; last category Puzzle [4.5]",
        "2.0 stage late; last category Action [-10.0]",
    )
    assert best.startswith("('Let items rest.',) Score(value=4.75, low=-")
    assert (merged, sizes) == ("2", "3 2")


def test_the_commands_parse() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    lines = re.findall(r"^    longrec memory (.+)$", TEXT, re.M) + re.findall(r"`longrec memory ([^`]+)`", TEXT)
    assert {shlex.split(line)[0] for line in lines} == set(commands)
    for line in lines:
        name, *words = shlex.split(line)
        commands[name].make_context(name, words)


def test_the_file_of_the_page_is_read(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text(blocks("json")[0], "utf-8")
    assert len(Memory.load(tmp_path / "m.jsonl", CriticExample, HashingEncoder())) == 1


def test_the_sizes_of_the_index_are_those_of_the_page() -> None:
    sizes = Sizes()
    told = " ".join(TEXT.split())
    assert f"Up to {sizes.exact:,} different states" in told
    assert f"sorted into {sizes.lists:,} cells by k-means of the first {sizes.exact:,}" in told
    assert f"looks into the {sizes.probes} nearest; they are sorted in blocks of {sizes.block:,}" in told
