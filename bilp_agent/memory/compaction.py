"""Memories made one of two, and made small: which records are kept is stated here, and depends on nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bilp_agent.memory.records import R, Reflection
from bilp_agent.memory.scoring import Outcomes, joined, score
from bilp_agent.memory.store import Memory
from recsim_envs.errors import AgentError, ConfigurationError


@dataclass(frozen=True)
class Caps:
    """How much a memory may hold. per_state: examples of one state; it does not bound reflections."""

    records: int = 10_000
    per_state: int = 64

    def __post_init__(self) -> None:
        if min(self.records, self.per_state) < 1:
            raise ConfigurationError(f"caps of a memory must be at least 1, got {self.records} and {self.per_state}")


def merge(first: Memory[R], second: Memory[R]) -> Memory[R]:
    """A memory with what both hold; see `merge_records`. Raises `AgentError` if kinds or encoders differ."""
    if first.kind is not second.kind or first.encoder.name != second.encoder.name:
        raise AgentError(
            f"memories of {first.kind.__name__} by {first.encoder.name} and of {second.kind.__name__} by "
            f"{second.encoder.name} cannot be merged; kind and text encoder must be the same"
        )
    return Memory(first.kind, first.encoder, merge_records(first.records, second.records))


def merge_records(first: Sequence[R], second: Sequence[R]) -> list[R]:
    """The first's records, then the second's, each in its order; a reflection of both, by its id, stands once.

    Each example is one step of one session, so those of separate training runs add up, equal ones too. A reflection of
    both keeps the books of both added. Merge memories of separate runs only: a session that both tell of counts twice.
    """
    merged: list[Any] = list(first)
    places = {r.id: place for place, r in enumerate(merged) if isinstance(r, Reflection)}
    record: Any
    for record in second:
        place = places.get(record.id) if isinstance(record, Reflection) else None
        if place is None:
            merged.append(record)
        else:
            one = merged[place]  # the same twice is no other that says the same
            merged[place] = replace(joined(one, record), merged=max(one.merged, record.merged))
    return merged


def compact(memory: Memory[R], caps: Caps | None = None) -> Memory[R]:
    """A memory within its caps, in the same order; the same one if it is within them already.

    Reflections: the best scored are kept (`scoring.score` against all outcomes on the memory's books), the more often
    used and then the newer of equal ones. Examples: the newest of each state, then the newest of all.
    """
    kept = kept_records(memory.records, caps or Caps())
    return memory if len(kept) == len(memory) else Memory(memory.kind, memory.encoder, kept)


def bound(memory: Memory[Any], most: int) -> bool:
    """Compact a memory that holds more than `most` records, in its place; whether it did.

    A quarter less is left than may be, so that this is rare: what is kept is embedded anew.
    """
    if len(memory) <= most:
        return False
    memory.keep(kept_records(memory.records, Caps(max(3 * most // 4, 1))))
    return True


def kept_records(records: Sequence[R], caps: Caps) -> list[R]:
    """The records that `compact` keeps."""
    places = list(range(len(records)))
    overall = Outcomes.pooled(r for r in records if isinstance(r, Reflection))

    def rank(place: int) -> tuple[float, int, int]:
        record = records[place]
        return (
            (-score(record, overall).value, -record.used, -place) if isinstance(record, Reflection) else (0, 0, -place)
        )

    if not any(isinstance(record, Reflection) for record in records):
        places = _newest_of_each_state(records, caps.per_state)
    return [records[place] for place in sorted(sorted(places, key=rank)[: caps.records])]


def _newest_of_each_state(records: Sequence[R], count: int) -> list[int]:
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        places[record.state].append(place)
    return sorted(place for row in places.values() for place in row[-count:])
