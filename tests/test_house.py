"""The four packages and the arrows between them, as CONTRIBUTING.md and docs/design.md have them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("recsim_envs", "baselines", "bilp_agent", "leaderboard")
ASKING = ("llm", "asking", "prompts", "slates", "telling", "text", "views")
ARROWS = {
    ("baselines", ""): ("recsim_envs",),
    ("bilp_agent", ""): ("recsim_envs",),
    ("leaderboard", ""): ("recsim_envs",),
    ("baselines", "baselines/llm/"): tuple(f"bilp_agent.{part}" for part in ASKING),
    ("leaderboard", "leaderboard/cli/memory"): ("bilp_agent.memory",),
}
"""Package, how the paths of the modules begin that the arrow is for ("": all), and what they may import."""


def imported(file: Path) -> Iterator[str]:
    """Modules that a file imports, at its top or within a function."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def within(module: str, allowed: str) -> bool:
    return f"{module}.".startswith(f"{allowed}.")


@pytest.mark.parametrize("package", PACKAGES)
def test_arrows_go_one_way(package):
    wrong = []
    for file in sorted((ROOT / package).rglob("*.py")):
        path = file.relative_to(ROOT).as_posix()
        arrows = [
            to for (start, where), tos in ARROWS.items() if start == package and path.startswith(where) for to in tos
        ]
        for module in imported(file):
            if module.partition(".")[0] in set(PACKAGES) - {package} and not any(within(module, to) for to in arrows):
                wrong.append(f"{path} imports {module}")
    assert not wrong
