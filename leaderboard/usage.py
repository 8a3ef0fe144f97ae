"""What agents tell about their use of language models, read with care: `facts` is free-form and from strangers.

`Agent.describe()` may hold `language_model` (its name), `usage` (of test sessions) and `training.usage`, each an object
with `calls`, `input_tokens`, `cached_tokens`, `written_tokens` and `output_tokens`, and `waited_seconds` with `train`
and `test`. A count that is missing or null was not measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from leaderboard.schema import Cell, Phase, Usage, as_line

_COUNTS: Final = {
    "calls": "calls",
    "input": "input_tokens",
    "cache_read": "cached_tokens",
    "cache_write": "written_tokens",
    "output": "output_tokens",
}
"""Fields of `Usage` and what agents call them."""


def told(facts: Mapping[str, Any]) -> dict[Phase, Usage]:
    """Usage in training and test, as far as `facts` hold it; empty for an agent that asks no language model."""
    records: dict[Phase, Any] = {"train": as_mapping(facts.get("training")).get("usage"), "test": facts.get("usage")}
    model, waited = facts.get("language_model"), as_mapping(facts.get("waited_seconds"))
    found: dict[Phase, Usage] = {}
    for phase, record in records.items():
        if isinstance(record, Mapping):
            counts = {field: record.get(name) for field, name in _COUNTS.items()}
            found[phase] = _usage(model, counts, waited.get(phase))
    return found


def counted(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What `facts` count of test sessions, to be given to `joined`."""
    return {"usage": facts.get("usage"), "waited": as_mapping(facts.get("waited_seconds")).get("test")}


def joined(facts: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Facts in which what another process `counted` before, of other sessions, is added.

    What only one of the two counted is not measured. The rest is told of this process's sessions, which facts of an
    agent that asks a language model then say.
    """
    usage, earlier = facts.get("usage"), before["usage"]
    if not isinstance(usage, Mapping) and not isinstance(earlier, Mapping):
        return facts
    waited = as_mapping(facts.get("waited_seconds"))
    return facts | {
        "usage": _sum(usage, earlier) or {},
        "waited_seconds": {**waited, "test": _sum(waited.get("test"), before["waited"])},
        "resumed": "usage and waited_seconds are of all sessions, the rest of those since the run was taken up again",
    }


def usage_of(cell: Cell, phase: Phase) -> Usage | None:
    """Usage in one phase of a cell; None where nothing is told. Submissions of old tell it in their facts only."""
    return (cell.usage or told(cell.facts)).get(phase)


def total(usages: Sequence[Usage | None]) -> Usage | None:
    """Sums over cells: None where none of them tells, and a count None where any of them does not tell it."""
    known = [usage for usage in usages if usage is not None]
    if not known:
        return None
    whole = len(known) == len(usages)
    models = {usage.model for usage in known}
    sums: dict[str, Any] = {}
    for field in (*_COUNTS, "seconds"):
        values = [getattr(usage, field) for usage in known]
        sums[field] = sum(values) if whole and None not in values else None
    return Usage(model=models.pop() if len(models) == 1 else "", **sums)


def waited(cells: Sequence[Cell]) -> float | None:
    """Seconds that language models were waited for in all cells; None where that was not measured, 0 without any."""
    seconds = [usage.seconds for cell in cells for usage in cell.usage.values() if usage.calls != 0]
    return None if None in seconds else sum(second for second in seconds if second is not None)


def as_mapping(value: Any) -> Mapping[str, Any]:
    """An object within facts; an empty one where something else stands there."""
    return value if isinstance(value, Mapping) else {}


def _usage(model: Any, counts: Mapping[str, Any], seconds: Any) -> Usage:
    kept = {name: value if type(value) is int and 0 <= value <= 10**12 else None for name, value in counts.items()}
    fine = isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 <= seconds <= 1e9
    try:
        return Usage(model=as_line(model) if isinstance(model, str) else "", seconds=seconds if fine else None, **kept)
    except ValidationError:  # parts that exceed the whole are no measurement
        return Usage()


def _sum(one: Any, other: Any) -> Any:
    """Two objects with their numbers added; None where one has none. An object, as of a role, may be in one alone."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        both = one.keys() & other.keys()
        alone = {key: value if isinstance(value, Mapping) else None for key, value in {**one, **other}.items()}
        return alone | {key: _sum(one[key], other[key]) for key in both}
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (one, other))
    return one + other if numbers else one if one == other else None
