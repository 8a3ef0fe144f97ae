"""Where a run came from: commit, package versions, machine."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from leaderboard.evaluate.executor import usable_cores
from leaderboard.schema import Machine

_PACKAGES = (
    "longrec", "numpy", "numba", "gymnasium", "pyarrow", "pydantic", "torch", "stable-baselines3", "transformers",
    "faiss-cpu", "openai",
)  # fmt: skip


def packages() -> dict[str, str]:
    """Versions of the installed packages that can change a result, or the code that made it."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def commit() -> tuple[str, bool]:
    """The commit of the checkout that this package runs from and whether tracked files differ; ("", False) if none."""
    here = Path(__file__).resolve()
    if (
        _git(here.parent, "ls-files", "--error-unmatch", here.name) is None
    ):  # installed, perhaps inside another checkout
        return "", False
    head = _git(here.parent, "rev-parse", "HEAD")
    if head is None or len(head) != 40:
        return "", False
    return head, bool(_git(here.parent, "status", "--porcelain", "--untracked-files=no"))


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def machine() -> Machine:
    """The system, the processor and the number of cores this process may use."""
    return Machine(
        system=f"{platform.system()} {platform.release()}"[:500],
        processor=_processor()[:500],
        cores=usable_cores(),
        python=platform.python_version(),
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
