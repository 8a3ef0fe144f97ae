"""Workers of a process that is killed do not stay behind."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

SCRIPT = """
import multiprocessing, os, signal
from concurrent.futures import ProcessPoolExecutor
from recsim_envs.processes import end_with_parent
if __name__ == "__main__":
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=end_with_parent)
    print(pool.submit(os.getpid).result(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _runs(process: int) -> bool:
    """Whether a process is there and is no corpse that waits for being counted."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_worker_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(SCRIPT)
    killed = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=60)
    worker = int(killed.stdout)
    until = time.monotonic() + 20.0
    while _runs(worker) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _runs(worker)
