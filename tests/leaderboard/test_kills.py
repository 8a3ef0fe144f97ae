"""A run that is killed at random moments, fifty times over all: what was finished stays, and the board is the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills are sent to forks, which Windows has not")
def test_fifty_kills():
    """In a process of its own, which may fork: no thread of another test is in it."""
    command = [sys.executable, "-m", "tests.leaderboard.kills", "--kills", "50"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["kills"] == 50
    assert seen["finished files kept"] > 10
    assert seen["finished sessions kept"] > 40  # of cells that were not finished
