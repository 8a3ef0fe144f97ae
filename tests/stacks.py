"""A pytest plugin: where a worker's process dies, its stack is told at the end of the output.

pytest has it written to the standard error of the process, which is in the middle of the output of a long run, and lost
where only the last lines are kept.
"""

from __future__ import annotations

import faulthandler
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest

_FRAMES_OF_PYTEST: Final = ("/_pytest/", "/pluggy/", "/xdist/", "/execnet/")

FOLDER = pytest.StashKey[str]()
STACKS = pytest.StashKey[dict[str, str]]()


@pytest.hookimpl(trylast=True)  # after pytest's own handler, which this one replaces
def pytest_configure(config: pytest.Config) -> None:
    config.stash[STACKS] = {}
    if told := getattr(config, "workerinput", {}).get("stack"):
        faulthandler.enable(open(told, "w"))  # noqa: PTH123, SIM115  (open as long as the process lives)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist where its stack goes."""
    node.workerinput["stack"] = str(Path(tempfile.gettempdir()) / f"{node.workerinput['testrunuid']}-{node.gateway.id}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take the stack of a worker that has ended: there is none unless it died of a signal."""
    file = Path(node.workerinput["stack"])
    if file.exists():
        if text := file.read_text():
            node.config.stash[STACKS][node.gateway.id] = text
        file.unlink()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for worker, text in config.stash[STACKS].items():
        terminalreporter.section(f"stack of worker {worker}, which died")
        terminalreporter.write_line(shortened(text))


def shortened(stack: str) -> str:
    """A stack as `faulthandler` writes it, without frames of pytest and the list of extension modules."""
    lines = [line for line in stack.splitlines() if not any(part in line for part in _FRAMES_OF_PYTEST)]
    return "\n".join(line for line in lines if not line.startswith("Extension modules"))
