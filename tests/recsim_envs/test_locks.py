"""A folder is one process's at a time, and a killed one's no longer."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from recsim_envs import locks
from recsim_envs.errors import LogError
from recsim_envs.locks import locked

HOLDS = """
import sys, time
from pathlib import Path
from recsim_envs.errors import LogError
from recsim_envs.locks import locked
with locked(Path(sys.argv[1]), LogError):
    print(flush=True)
    time.sleep(60)
"""


def test_the_holder_is_named_and_a_killed_one_holds_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(folder)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        for _ in range(2):  # asking does not change what is told
            told = f"{re.escape(str(folder))} is in use by process {holder.pid} on .+; wait until it has ended"
            with pytest.raises(LogError, match=told), locked(folder, LogError):
                pass
        holder.send_signal(signal.SIGKILL)
    assert (folder / locks.LOCK).exists()
    with locked(folder, LogError):
        assert (folder / locks.LOCK).read_text().startswith(f"process {os.getpid()} on ")
    assert not list(folder.iterdir())


def test_a_file_that_its_holder_has_just_removed_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes next makes a new file and holds that: both would be in."""
    opened = os.open

    def open_and_lose(path: Path, *rest: int) -> int:
        handle = opened(path, *rest)
        path.unlink()
        return handle

    monkeypatch.setattr(locks.os, "open", open_and_lose)
    with pytest.raises(LogError, match="in use by another process"), locked(tmp_path, LogError):
        pass


def test_where_there_are_no_locks_everybody_gets_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(locks.fcntl, "flock", without)
    with locked(tmp_path, LogError), locked(tmp_path, LogError):
        pass
    assert not list(tmp_path.iterdir())


def test_the_error_of_a_block_goes_through_and_frees_the_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="of the block"), locked(tmp_path, LogError):
        raise OSError("of the block")
    assert not list(tmp_path.iterdir())
