"""docs/registering.md: its examples run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (DOCS / "registering.md").read_text("utf-8"), re.S)
PYTHON = [code for language, code in BLOCKS if language == "python"]
BASH = "".join(code for language, code in BLOCKS if language == "bash")
TOML = next(code for language, code in BLOCKS if language == "toml")


def run(folder: Path, code: str, plugins: str = "") -> str:
    environment = os.environ | {"PYTHONPATH": str(folder), "LONGREC_HOME": str(folder / "home")}
    environment["LONGREC_PLUGINS"] = plugins
    command = [sys.executable, "-W", "error::UserWarning", "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_world_folder_and_one_call(tmp_path):
    run(tmp_path, PYTHON[0])


def test_the_family_on_the_page_is_the_example_file():
    assert PYTHON[1] == "# tired_reader.py\n" + (DOCS / "examples" / "tired_reader.py").read_text("utf-8")


def test_the_world_is_written_down_for_later_processes(tmp_path):
    command = next(line for line in BASH.splitlines() if "register_world" in line)
    run(tmp_path, PYTHON[0] + "\n" + re.search('"(.*)"', command)[1])
    run(tmp_path, "import recsim_envs; recsim_envs.make_simulator('mine/Shelves-v0', 1, window=3)")


def test_the_family_is_known_to_every_process(tmp_path):
    (tmp_path / "tired_reader.py").write_text(PYTHON[1])
    module = re.search(r"LONGREC_PLUGINS=(\w+)", BASH)[1]
    code = "import recsim_envs; print(recsim_envs.make_simulator('examples/TiredReader-v0', 1).task.domain)"
    assert run(tmp_path, code, module).strip() == "articles"
    assert run(tmp_path, f"import {module}; {code}", f" {module}, ").strip() == "articles"


@pytest.fixture
def plugin(tmp_path):
    """The package of the page, as pip would have installed it."""
    package = tmp_path / "tired_readers"
    package.mkdir()
    (package / "__init__.py").write_text(PYTHON[2])
    (package / "reader.py").write_text(PYTHON[1])
    group, line = re.search(r'entry-points."([\w.]+)"\]\n(.+)', TOML).groups()
    info = tmp_path / "tired_readers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tired-readers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{line.replace(chr(34), '')}\n")
    return tmp_path


def test_a_package_that_others_install(plugin):
    code = """
import recsim_envs
if __name__ == "__main__":
    assert "tired/Reader-v0" in recsim_envs.registered_ids()
    assert recsim_envs.make_simulator("tired/Reader-v0", 2).task.catalogue.num_items == 8
    from recsim_envs.check import check_environment
    print([f for f in check_environment("tired/Reader-v0", fast=True) if not f.ok])
"""
    (plugin / "main.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "main.py"], cwd=plugin, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(plugin)}, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
