"""docs/wrappers.md and docs/rendering.md: their examples run as they stand, and their tables leave nothing out."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from recsim_envs import wrappers

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = {name: (DOCS / name).read_text("utf-8") for name in ("wrappers.md", "rendering.md")}
EXAMPLES = [code for page in PAGES.values() for code in re.findall(r"```python\n(.*?)```", page, re.S)]


@pytest.mark.parametrize("code", EXAMPLES)
def test_examples_run(code, tmp_path):
    command = [sys.executable, "-W", "error::UserWarning", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def options_of(wrapper) -> list[str]:
    parameters = list(inspect.signature(wrapper).parameters.values())[1:]  # without the environment
    return [f"{p.name}={p.default!r}".replace("'", '"') for p in parameters]


def test_the_table_lists_every_wrapper_with_its_options():
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \|([^|]*)\|$", PAGES["wrappers.md"], re.M))
    assert rows.keys() == {name for name in wrappers.__all__ if name[0].isupper() and not name.startswith("Vector")}
    for name, written in rows.items():
        options = re.findall(r"`([^`]+)`", written)
        assert options == options_of(getattr(wrappers, name)) == options_of(getattr(wrappers, f"Vector{name}"))


def test_pictures_exist():
    for target in re.findall(r"!\[[^\]]+\]\((\S+)\)", PAGES["rendering.md"]):
        assert (DOCS / target).read_bytes().startswith(b"\x89PNG")
