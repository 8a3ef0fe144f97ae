"""A submission whose every free text is an attack on a page: it replays, and the board shows the words as words."""

from __future__ import annotations

import csv
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from leaderboard.board.build import build
from leaderboard.files import file_sha256
from leaderboard.verification import verify_all
from tests.leaderboard.edits import edit

ATTACK = (
    "</script></style></title></textarea>--><attack onclick=attack()><script>attack()</script>"
    "<img src=x onerror=attack()>\"'` onload=attack() javascript:attack() "
    "{{7*7}}{% x %} \u2028 [a](javascript:attack())"
)
FORMULA = "=HYPERLINK(attack)"


def attacked(folder: Path) -> None:
    """Put the attack wherever the schema takes a text."""
    record = json.loads((folder / "submission.json").read_text())
    told = {
        "plan": {"thought": ATTACK},
        "thought": ATTACK,
        "candidates": [{"item": 0, "title": ATTACK}],
        ATTACK: ATTACK,
    }
    line = {"task": 0, "training_seed": 0, "episode": 0, "kind": "session", "steps": [told]}
    lesson = {"task": 0, "training_seed": 0, "kind": "lessons", "told": [{"text": ATTACK, ATTACK: [ATTACK]}]}
    (folder / "transcript.jsonl").write_text("".join(json.dumps(x) + "\n" for x in (line, lesson)))
    file = folder / "transcript.jsonl"
    facts = {ATTACK: ATTACK, "usage": {ATTACK: ATTACK}, "notes": [ATTACK]}
    edit(
        folder,
        agent=record["agent"] | {"parameters": {ATTACK: ATTACK, "formula": FORMULA}},
        suite=record["suite"] | {"description": ATTACK},
        cells=[cell | {"facts": facts} for cell in record["cells"]],
        command=[ATTACK, FORMULA],
        packages={"longrec": ATTACK, "numpy": FORMULA},
        machine={"system": ATTACK, "processor": ATTACK, "cores": 1, "python": ATTACK, "accelerator": ATTACK},
        disclosure={"tuning": ATTACK},
        configuration={ATTACK: ATTACK},
        seeds=[{"kind": "acting", "controlled": False, "how": ATTACK}],
        contact=ATTACK,
        files={"transcript.jsonl": {"sha256": file_sha256(file), "bytes": file.stat().st_size}},
    )


def made(finished: Path, root: Path, *, hostile: bool) -> Path:
    folder = root / "submissions" / "random" / "v1"
    folder.mkdir(parents=True)
    for name in ("submission.json", "traces.parquet"):
        shutil.copyfile(finished / name, folder / name)
    if hostile:
        attacked(folder)
    [verdict] = verify_all([folder], strict=True, workers=1)
    assert verdict.status == "replayed", verdict.error
    build([folder], root / "board", cache=root / "cache", workers=1)
    return root / "board"


@pytest.fixture(scope="module")
def boards(finished, tmp_path_factory) -> tuple[Path, Path]:
    """The board of an attack, and that of the same run with plain words."""
    root = tmp_path_factory.mktemp("boards")
    return made(finished, root / "hostile", hostile=True), made(finished, root / "plain", hostile=False)


class Page(HTMLParser):
    """The elements of a page with their attributes, as a browser's parser sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {key: value or "" for key, value in attrs}))


def test_no_element_and_no_attribute_comes_of_words(boards):
    hostile, _ = boards
    pages = sorted(hostile.rglob("*.html"))
    assert len(pages) >= 3
    shown = 0
    for file in pages:
        text = file.read_text("utf-8")
        shown += text.count("attack")
        for tag, attributes in Page(text).elements:
            assert tag != "attack", file
            assert not [key for key in attributes if key.startswith("on")], file
            assert not (tag == "img" and attributes.get("src") == "x"), file
            for key in ("href", "src", "action", "formaction"):
                assert not attributes.get(key, "").lower().lstrip().startswith(("javascript:", "data:text"))
        assert "<attack" not in text, file
    assert shown > 10  # the words are there


def test_no_script_more_than_with_plain_words(boards):
    def scripts(board: Path) -> dict[str, int]:
        """How many scripts each kind of page has; pages of agents carry the agent's name."""
        found: dict[str, int] = {}
        for file in board.rglob("*.html"):
            count = sum(tag == "script" for tag, _ in Page(file.read_text("utf-8")).elements)
            kind = str(file.relative_to(board).parent)
            found[kind] = max(found.get(kind, 0), count)
        return found

    plain = scripts(boards[1])
    assert plain
    for kind, count in scripts(boards[0]).items():
        assert count <= plain.get(kind, 0) + (kind not in plain) * 3, kind


def test_files_that_programs_read_stay_whole(boards):
    hostile, _ = boards
    assert json.loads((hostile / "leaderboard.json").read_text("utf-8"))
    for file in hostile.rglob("*.svg"):
        assert "attack" not in {e.tag.rpartition("}")[2] for e in ElementTree.fromstring(file.read_text()).iter()}
    for file in hostile.rglob("*.js"):
        assert "\u2028" not in file.read_text("utf-8"), file
    markdown = (hostile / "LEADERBOARD.md").read_text("utf-8")
    assert "<attack" not in markdown
    assert "](javascript:" not in markdown
    with (hostile / "leaderboard.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            assert not [cell for cell in row if cell.startswith(("=", "@", "\t"))]
