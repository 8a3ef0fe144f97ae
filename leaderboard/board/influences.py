"""Influences of a section's members, kept together: when one joins, the sums of the others are not read again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from leaderboard.board.store import Store
from leaderboard.stats import Influence, SeedLevel

_NAMES: Final = TypeAdapter(list[str])
Row = tuple[NDArray[np.float64], NDArray[np.float64]]


def kept_influences(
    store: Store | None, key: str, names: Sequence[str], streams: Sequence[str], make: Callable[[int], Influence]
) -> list[Influence]:
    """The influence on one task of each of `names`: `make` is asked, by their place, for those that are new."""
    if store is None:
        return [make(n) for n in range(len(names))]
    known = _read(store, key)
    new = {name: _row(make(n)) for n, name in enumerate(names) if name not in known}
    if new:
        known |= new
        users, figures = (np.stack(part) for part in zip(*known.values(), strict=True))
        store.write(key, _NAMES.dump_json(list(known)), {"users": users, "figures": figures})
    return [_influence(known[name], stream) for name, stream in zip(names, streams, strict=True)]


def _read(store: Store, key: str) -> dict[str, Row]:
    entry = store.read(key)
    if entry is None:
        return {}
    users, figures = (entry[1][part].astype(np.float64) for part in ("users", "figures"))
    return dict(zip(_NAMES.validate_json(entry[0]), zip(users, figures, strict=True), strict=True))


def _row(of: Influence) -> Row:
    """As arrays: one user each, and the other figures; no freedom stands for no seed level."""
    seeds = of.seeds or (SeedLevel(0.0, 0.0, 0),)
    figures = [of.value, of.num_seeds, *(x for seed in seeds for x in (seed.raw, seed.noise, seed.freedom))]
    return of.users, np.array(figures, np.float64)


def _influence(row: Row, stream: str) -> Influence:
    users, (value, num_seeds, raw, noise, freedom) = row
    seeds = (SeedLevel(float(raw), float(noise), int(freedom)),) if freedom else ()
    return Influence(float(value), users, (len(users),), seeds, int(num_seeds), stream)
