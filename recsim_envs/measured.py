"""What was measured of the built-in environments: `measured.json`, written by `longrec envs measure --write`."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from recsim_envs.files import atomic_file
from recsim_envs.gap import Gap, Interval
from recsim_envs.markets import registered_markets
from recsim_envs.registration import make_simulator

FILE: Final = "measured.json"


@cache
def all_measured() -> dict[str, dict[str, Any]]:
    """Records by id: the fields of `Gap`, with the data's SHA-256 they were measured on."""
    source = files("recsim_envs") / FILE
    return json.loads(source.read_text("utf-8")) if source.is_file() else {}


def measured(env_id: str) -> Gap | None:
    """The gap of a built-in id as it was measured, None if it was not."""
    record = all_measured().get(env_id)
    if record is None:
        return None
    fields = {key: value for key, value in record.items() if key != "data"}
    fields["scores"] = {name: Interval(*score) for name, score in fields["scores"].items()}
    return Gap(**(fields | {"gap": Interval(*fields["gap"])}))


def data_of(env_id: str) -> str:
    """SHA-256 of the data behind an id; a market has none."""
    return "" if env_id in registered_markets() else make_simulator(env_id, 1).provenance()[1]


def record(gap: Gap) -> None:
    """Put one measurement into the package's file, which is for its maintainers; others stay as they are."""
    path = Path(str(files("recsim_envs") / FILE))
    all_measured.cache_clear()  # another process may have written
    records = all_measured() | {gap.env_id: _rounded(gap.to_json()) | {"data": data_of(gap.env_id)}}
    with atomic_file(path) as scratch:
        scratch.write_text(json.dumps(dict(sorted(records.items())), indent=1) + "\n", "utf-8")
    all_measured.cache_clear()


def _rounded(value: Any) -> Any:
    """Six significant digits: more would be noise in a file that people read."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list | tuple) else value
