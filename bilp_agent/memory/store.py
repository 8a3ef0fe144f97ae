"""`Memory`: records of one type, found again by the nearness of the state they were made in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Generic

from bilp_agent.memory.files import read_records, write_records
from bilp_agent.memory.index import Sizes, VectorIndex
from bilp_agent.memory.records import Match, R
from recsim_envs.errors import AgentError
from recsim_envs.text.encoder import Encoder

WIDER = 8  # times k states are looked at where a weight may change their order
REMEMBERED = 1 << 16  # answers kept between two additions
EMBEDDED = 1 << 14  # states embedded at once


class Memory(Generic[R]):
    """Records of one type with nearest-neighbour retrieval, nearest first, ties by age (oldest first).

    Records of the same state share one vector. The index grows with the memory: only new states are embedded.
    Retrieval is exact up to `Sizes.exact` states. forgotten: how many records `keep` has left out, in how many calls
    (`compactions`).
    """

    def __init__(self, kind: type[R], encoder: Encoder, records: Iterable[R] = (), sizes: Sizes | None = None) -> None:
        self.kind: type[R] = kind
        self.encoder = encoder
        self.forgotten = self.compactions = 0
        self._sizes = sizes
        self._clear()
        self.extend(records)

    def _clear(self) -> None:
        self.records: list[R] = []
        self._states: dict[str, int] = {}
        self._texts: list[str] = []
        self._by_state: list[list[int]] = []
        self._index: VectorIndex | None = None
        self._found: dict[tuple[str, int], list[Match[R]]] = {}

    def __len__(self) -> int:
        return len(self.records)

    def __contains__(self, state: str) -> bool:
        return state in self._states

    @property
    def num_states(self) -> int:
        """How many different states the records have."""
        return len(self._texts)

    @property
    def states(self) -> Sequence[str]:
        """The different states, oldest first."""
        return tuple(self._texts)

    def add(self, record: R) -> None:
        """Remember one record."""
        self.extend((record,))

    def extend(self, records: Iterable[R]) -> None:
        """Remember records, in this order."""
        for record in records:
            row = self._states.setdefault(record.state, len(self._texts))
            if row == len(self._texts):
                self._texts.append(record.state)
                self._by_state.append([])
            self._by_state[row].append(len(self.records))
            self.records.append(record)
        self._found.clear()

    def keep(self, records: Sequence[R]) -> None:
        """Forget everything but these records, which are of this memory and in its order."""
        self.forgotten += len(self.records) - len(records)
        self.compactions += 1
        self._clear()
        self.extend(records)

    def of_state(self, state: str) -> tuple[R, ...]:
        """The records of exactly this state, oldest first."""
        row = self._states.get(state)
        return () if row is None else self._records_of_row(row)

    def replace(self, old: R, new: R) -> None:
        """Put `new`, which has the same state, in the place of the oldest record equal to `old`.

        Raises `AgentError` where there is none.
        """
        places = self._by_state[self._states[old.state]] if old.state in self._states else []
        place = next((p for p in places if self.records[p] == old), None)
        if place is None or new.state != old.state:
            raise AgentError(f"the memory holds no such record of the state {new.state!r}; add it instead")
        self.records[place] = new
        self._found.clear()

    def nearest(self, state: str, k: int, weight: Callable[[R], float] | None = None) -> list[Match[R]]:
        """The k nearest remembered states (fewer if there are fewer), nearest first; see `nearest_batch`."""
        return self.nearest_batch((state,), k, weight)[0]

    def nearest_batch(
        self, states: Sequence[str], k: int, weight: Callable[[R], float] | None = None
    ) -> list[list[Match[R]]]:
        """`nearest` for each of several states, which are embedded together.

        With a `weight` (above 0) the 8 k nearest states are ordered by w / (1 + d), the largest first, where d is
        the squared distance in the encoder's scale (`scale_of`) and w the largest weight of the state's records; nearer
        and older states go first where this is equal. The records of such a match are ordered from the lightest to the
        heaviest, so that `records_of` names the heaviest of a state first.
        """
        if k <= 0 or not self._texts:
            return [[] for _ in states]
        count = min(k if weight is None else WIDER * k, len(self._texts))
        if len(self._found) > REMEMBERED:  # before it is looked what is missing: the others would be missed, too
            self._found = {}
        self._search([state for state in dict.fromkeys(states) if (state, count) not in self._found], count)
        found = [self._found[state, count] for state in states]
        scale = scale_of(self.encoder)
        return found if weight is None else [_reordered(matches, weight, scale)[:k] for matches in found]

    def _search(self, states: list[str], count: int) -> None:
        """Put what is nearest to each state among the answers kept."""
        if not states:
            return
        index = self._grown_index()
        for state, vector in zip(states, self.encoder.encode(states), strict=True):
            self._found[state, count] = [
                Match(self._texts[row], distance, self._records_of_row(row))
                for distance, row in index.search(vector, count)
            ]

    def _records_of_row(self, row: int) -> tuple[R, ...]:
        return tuple(self.records[place] for place in self._by_state[row])

    def _grown_index(self) -> VectorIndex:
        """The index with every state in it; only new states are embedded."""
        if self._index is None:
            self._index = VectorIndex(self.encoder.dim, self._sizes)
        while len(self._index) < len(self._texts):
            start = len(self._index)
            self._index.add(self.encoder.encode(self._texts[start : start + EMBEDDED]))
        return self._index

    def save(self, path: Path) -> None:
        """Write the records as JSON lines below a line that says what they are; atomically."""
        write_records(path, self.kind, self.records, self.encoder.name, self.encoder.dim)

    @classmethod
    def load(cls, path: Path, kind: type[R], encoder: Encoder) -> Memory[R]:
        """The memory that `save` wrote.

        Raises `AgentError` naming the file and line if it is unusable, or made with another encoder.
        """
        stored = read_records(path, kind)
        if stored.encoder != encoder.name or stored.dim not in (None, encoder.dim):
            made, here = (f"{name} ({dim} wide)" for name, dim in
                          ((stored.encoder, stored.dim or "?"), (encoder.name, encoder.dim)))  # fmt: skip
            raise AgentError(
                f"{path}: made with the text encoder {made}, but this agent's is {here}; choose that encoder, or "
                "train again with this one"
            )
        return cls(kind, encoder, stored.records)


def scale_of(encoder: Encoder) -> float:
    """The squared distance that counts as 1: hashed vectors differ by a few for each phrase, others say so."""
    return float(getattr(encoder, "scale", 1.0))


def _reordered(matches: list[Match[R]], weight: Callable[[R], float], scale: float) -> list[Match[R]]:
    """Matches by weight and nearness together; sorting is stable, so that nearness and age break ties."""
    weighed: list[tuple[float, Match[R]]] = []
    for match in matches:
        pairs = sorted(((weight(r), r) for r in match.records), key=lambda pair: pair[0])
        records = tuple(record for _, record in pairs)
        weighed.append((pairs[-1][0] / (1.0 + match.distance / scale), Match(match.state, match.distance, records)))
    return [match for _, match in sorted(weighed, key=lambda pair: -pair[0])]
