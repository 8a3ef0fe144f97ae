"""What pages show works: Python blocks run, commands parse, and tutorials run from top to bottom.

A block whose first line is a comment `# needs ...`, or a command that ends in one, is not run: it wants a network, a
GPU, a model, or files of the reader's. It is held to its syntax.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

import recsim_envs
from leaderboard.agents import registered_agents
from tests.leaderboard.test_cli import COMMANDS, longrec  # noqa: F401 (a fixture)

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
SHELL = ("sh", "bash", "console")
RUN_ELSEWHERE = {  # pages whose examples want more than an empty folder, by the test that runs them
    "evaluation.md": "leaderboard/test_docs.py",
    "language-models.md": "bilp_agent/llm/test_page.py",
    "memories.md": "bilp_agent/memory/test_page.py",
    "metrics.md": "leaderboard/test_docs.py",
    "offline.md": "leaderboard/ope/test_docs.py",
    "records.md": "leaderboard/test_records_page.py",
    "registering.md": "recsim_envs/test_registering_docs.py",
    "rendering.md": "recsim_envs/test_interface_docs.py",
    "statistics.md": "leaderboard/test_statistics_page.py",
    "sweeps.md": "leaderboard/test_docs.py",
    "wrappers.md": "recsim_envs/test_interface_docs.py",
}
WALKED = ("quickstart.md", "tutorials/agent.md", "tutorials/billp.md", "tutorials/cluster.md")
OTHER_PROGRAMS = {"export", "for", "done", "pip", "ray", "python3.11", "tar", "gzip", "cat", "node"}


class Block(NamedTuple):
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page in order."""
    return [Block(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)]


def commands(page: Path) -> Iterator[str]:
    """Command lines of shell blocks, and of indented blocks, which hold other things too."""
    text = page.read_text("utf-8")
    for block in blocks(page):
        if block.language in SHELL:
            yield from block.text.replace("\\\n", " ").splitlines()
    indented = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S).replace("\\\n", " ")
    yield from re.findall(r"^ {4}((?:longrec|python|pytest|make) .+)$", indented, re.M)


def name_of(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


def with_code(page: Path) -> bool:
    return name_of(page) not in {*RUN_ELSEWHERE, *WALKED} and any(b.language == "python" for b in blocks(page))


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in, which modules may be imported from. Cells run in this process, as on one core."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    return tmp_path


def submission_of_the_board(here: Path, longrec) -> None:  # noqa: F811
    """What the page on the board reads: a submission under its example's name."""
    assert longrec("evaluate", "greedy", "--env", "longrec/Books-v0", "--episodes", 2, "--out", "run").returncode == 0
    (here / "leaderboard/submissions/greedy").mkdir(parents=True)
    (here / "run").rename(here / "leaderboard/submissions/greedy/smoke-v1-0a1b2c3d")


def first_users(here: Path, users: int = 50) -> None:
    """A smaller log than the page's: whether it works does not depend on its size."""
    header, *rows = (here / "ratings.csv").read_text("utf-8").splitlines()
    few = [row for row in rows if int(row.split(",")[0]) < users]
    (here / "ratings.csv").write_text("\n".join([header, *few, ""]), "utf-8")


@pytest.mark.parametrize("page", [page for page in PAGES if with_code(page)], ids=name_of)
def test_python_runs(page, here, longrec, monkeypatch):  # noqa: F811
    if name_of(page) == "worlds/from-a-log.md":
        monkeypatch.setenv("LONGREC_HOME", str(here / "home"))
    if name_of(page) == "board.md":
        submission_of_the_board(here, longrec)
    names: dict[str, object] = {}
    for block in blocks(page):
        if block.language == "python":
            code = compile(block.text, name_of(page), "exec")
            if not block.text.startswith("# needs "):
                exec(code, names)
            if block.text.startswith("# make_log.py"):
                first_users(here)


@pytest.mark.parametrize("name", RUN_ELSEWHERE)
def test_examples_that_run_elsewhere(name):
    assert (DOCS / name).is_file()
    assert name in (ROOT / "tests" / RUN_ELSEWHERE[name]).read_text("utf-8")


@pytest.mark.parametrize("name", WALKED)
def test_tutorials_run_from_top_to_bottom(name, here, longrec):  # noqa: F811
    """As a reader would: files are saved under the names that the page gives them, commands run one after the other."""
    for block in blocks(DOCS / name):
        if block.language == "python" and (named := re.match(r"# (\w+\.py)\n", block.text)):
            (here / named[1]).write_text(block.text, "utf-8")
        elif block.language == "python":
            exec(compile(block.text, name, "exec"), {})
        elif block.language == "json":
            (here / "study.json").write_text(block.text, "utf-8")
        elif block.language in SHELL:
            for line in block.text.splitlines():
                if line.startswith("longrec ") and "# needs " not in line:
                    words = [str(path) for w in shlex.split(line)[1:] for path in globbed(here, w)]
                    done = longrec(*words)
                    assert done.returncode == 0, f"{line}\n{done.stderr}"


def globbed(folder: Path, word: str) -> list[str]:
    """What a shell makes of a word with a star."""
    return sorted(str(p.relative_to(folder)) for p in folder.glob(word)) if "*" in word else [word]


def parse_longrec(words: list[str]) -> None:
    """Raises what the command would exit with if it does not know an argument."""
    name = tuple(words[:2]) if tuple(words[:2]) in COMMANDS else tuple(words[:1])
    COMMANDS[name].make_context(" ".join(name), words[len(name) :])


def check_python(words: list[str]) -> None:
    """`python -m MODULE`, `python -c CODE`, `python FILE`: the module or file is there, the code compiles."""
    if words[0] == "-c":
        compile(words[1], "-c", "exec")
    elif words[0] == "-m" and words[1] == "pytest":
        check_pytest(words[2:])
    elif words[0] == "-m":
        assert importlib.util.find_spec(words[1]) is not None, words[1]
    else:
        assert (ROOT / words[0]).is_file(), words[0]


def check_pytest(words: list[str]) -> None:
    paths = [word for word in words if word.startswith("tests")]
    assert paths
    assert all((ROOT / path).exists() for path in paths)


def check_make(words: list[str]) -> None:
    assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text("utf-8"), re.M), f"make {words[0]}"


PAGES_WITH_COMMANDS = [page for page in [*PAGES, ROOT / "CONTRIBUTING.md"] if any(commands(page))]
CHECKS = {"longrec": parse_longrec, "python": check_python, "pytest": check_pytest, "make": check_make}


@pytest.mark.parametrize(
    "page", [p for p in [*PAGES, ROOT / "CONTRIBUTING.md"] if [*commands(p)]], ids=lambda p: p.stem
)
def test_commands_parse(page):
    for line in commands(page):
        words = list(takewhile(lambda word: word not in ("&&", "|"), shlex.split(line, comments=True)))
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        if words and words[0] in CHECKS:
            CHECKS[words[0]](words[1:])
        elif words:
            assert words[0] in OTHER_PROGRAMS, line


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_data_blocks_are_what_they_say(page):
    for block in blocks(page):
        if block.language == "json":
            for part in [block.text] if block.text.startswith("{\n") else block.text.splitlines():
                json.loads(part)
        elif block.language == "toml" and sys.version_info >= (3, 11):
            import tomllib

            tomllib.loads(block.text)


@pytest.fixture
def hooks():
    """What mkdocs loads beside its configuration."""
    pytest.importorskip("mkdocs", reason="NO MKDOCS HERE: install the extra `docs`; nothing was tested of the site")
    spec = importlib.util.spec_from_file_location("docs_hooks", DOCS / "hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_patterns_of_the_navigation(hooks):
    """What is named stands where it is named; of two patterns the first takes a page; what is empty goes."""
    nav = ["index.md", {"Rules": ["agents/b.md", "agents/r*.md"]}, "agents/*.md", {"Study": ["study/*.md"]}]
    pages = ["index.md", "agents/c.md", "agents/b.md", "agents/r2.md", "agents/r1.md"]
    expanded = hooks.expand(nav, pages, set(hooks.leaves(nav)))
    assert expanded == ["index.md", {"Rules": ["agents/b.md", "agents/r1.md", "agents/r2.md"]}, "agents/c.md"]


def test_links_to_the_root_lead_to_copies(hooks):
    page = "[how](../CONTRIBUTING.md#the-house) and [where](../protocol.md)"
    assert hooks.on_page_markdown(page) == "[how](contributing.md#the-house) and [where](../protocol.md)"


def test_the_navigation_names_pages_that_are_there(hooks):
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    made = {name.lower() for name in hooks.ROOT_PAGES}
    missing = [
        leaf for leaf in hooks.leaves(nav) if "*" not in leaf and leaf not in made and not (DOCS / leaf).is_file()
    ]
    assert not missing


def test_every_agent_is_in_the_list_of_agents():
    text = (DOCS / "agents" / "index.md").read_text("utf-8")
    assert {name for name in registered_agents() if f"[{name}]({name}.md)" not in text} == set()


def test_what_is_cited_is_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == recsim_envs.__version__
    assert f"version = {{{recsim_envs.__version__}}}" in (DOCS / "citing.md").read_text("utf-8")
