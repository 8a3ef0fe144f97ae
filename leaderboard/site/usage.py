"""What agents tell about their use of language models, read with care: `facts` is free-form and from strangers.

`Agent.describe()` may hold `usage` (test sessions) and `training.usage`, each an object with `calls`,
`input_tokens`, `cached_tokens` and `output_tokens`. A count that is missing or null was not measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leaderboard.schema import Row


@dataclass(frozen=True)
class Usage:
    """Counts summed over all training seeds; None where any seed's agent does not tell."""

    calls: int | None = None
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None

    @property
    def tokens(self) -> int | None:
        """Read and written tokens together; cached ones are among those read."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens

    @property
    def told(self) -> bool:
        """Whether anything is known."""
        return self != Usage()


def test_usage(row: Row) -> Usage:
    """Usage during the test sessions of `row`."""
    return _sum([facts.get("usage") for facts in row.facts])


def training_usage(row: Row) -> Usage:
    """Usage during the training for `row`."""
    training = [facts.get("training") for facts in row.facts]
    return _sum([part.get("usage") if isinstance(part, Mapping) else None for part in training])


def _sum(records: Sequence[Any]) -> Usage:
    return Usage(*(_total(records, key) for key in Usage.__dataclass_fields__))


def _total(records: Sequence[Any], key: str) -> int | None:
    counts = [record.get(key) if isinstance(record, Mapping) else None for record in records]
    known = [count for count in counts if type(count) is int and 0 <= count <= 10**15]
    return sum(known) if known and len(known) == len(counts) else None
