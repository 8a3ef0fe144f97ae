"""What a run of the tests tells of a worker that died."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

SOURCE = """
import os

def test_dies():
    os.abort()

def test_lives():
    pass
"""


def test_the_stack_of_a_worker_that_died_is_at_the_end_of_the_output(tmp_path: Path) -> None:
    (tmp_path / "test_of_two.py").write_text(SOURCE)
    (tmp_path / "pytest.ini").write_text("[pytest]")  # or one of a folder above counts
    plugins = ("-p", "xdist.plugin", "-p", "tests.stacks", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *plugins, "-n", "1", tmp_path]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    environment |= {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    summary = done.stdout[done.stdout.index("stack of worker gw0, which died") :]
    assert "Fatal Python error: Aborted" in summary
    assert 'test_of_two.py", line 5 in test_dies' in summary
    assert "/_pytest/" not in summary
    assert "1 failed, 1 passed" in summary
    assert not list(tmp_path.glob("*-gw*")), "a file of a stack was left behind"
