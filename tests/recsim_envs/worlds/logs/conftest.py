"""Files to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recsim_envs.worlds.logs.samples import ITEMS, RATINGS


@pytest.fixture
def write(tmp_path: Path):
    def writer(ratings: str | bytes = RATINGS, items: str | bytes = ITEMS, suffix: str = ".csv") -> tuple[Path, Path]:
        paths = tmp_path / f"ratings{suffix}", tmp_path / f"items{suffix}"
        for path, text in zip(paths, (ratings, items), strict=True):
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return paths

    return writer
