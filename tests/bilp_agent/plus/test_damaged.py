"""Counts of `billp-plus` on disk that cannot be trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

from bilp_agent.company import Company
from bilp_agent.hypotheses import Hypotheses
from recsim_envs.errors import AgentError


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Hypotheses, "[" * 100_000),
        (Hypotheses, '{"version": 1, "proposed": {}, "counts": [["repeat", 1, true, -3]]}'),
        (Hypotheses, '{"version": 1, "proposed": {"repeat": 1e999}, "counts": []}'),
        (Company, "[" * 100_000),
        (Company, '{"version": 1, "closest": [[1, 2, 1e999]], "suspected": []}'),
        (Company, '{"version": 1, "closest": [], "suspected": [[1, 2, NaN]]}'),
        (Company, '{"version": 1, "closest": [], "suspected": [[1, 2, -1]]}'),
    ],
)
def test_it_is_named(tmp_path: Path, kind: type[Hypotheses] | type[Company], text: str) -> None:
    file = tmp_path / "counts.json"
    kind().save(file)
    assert '"version": 1' in file.read_text()
    kind.load(file)
    file.write_text(text)
    with pytest.raises(AgentError, match=r"counts\.json: cannot be read .*train the agent again"):
        kind.load(file)
