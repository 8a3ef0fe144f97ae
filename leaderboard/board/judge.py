"""Rows held against each other: scores between the anchors of their section, who is told apart, tiers, ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from leaderboard.board.arrange import Table
from leaderboard.board.cached import code
from leaderboard.board.groups import RETURN, Group
from leaderboard.board.store import Arrays, Store, gathered
from leaderboard.metrics import METRICS, SCORE
from leaderboard.schema import Estimate, Rank, Row, Stored, json_hash
from leaderboard.stats import Influence, Pairs, compare, influence, scores, tiers

_SMALL: Final = 40
"""Rows of a section up to which every metric is compared, not the leading one alone."""
_ANCHOR: Final = "anchor of the scale"
_KNOWN: Final = TypeAdapter(dict[str, Estimate | None])


class Judged(Stored):
    """What a comparison gave, one entry a member; the cache keeps it beside the arrays of its pairs."""

    scores: tuple[Estimate | None, ...]
    tiers: tuple[int | None, ...]
    ranks: tuple[Rank | None, ...]
    notes: dict[str, str]


def table(group: Group, store: Store | None = None) -> Table:
    """Rows with their scores, tiers and ranks. With a `store`, the same members are compared once."""
    entry = store.read(group.key) if store else None
    if entry is not None:
        judged, arrays = Judged.model_validate_json(entry[0]), entry[1]
    else:
        judged, arrays = _judge(group, store)
        if store:
            store.write(group.key, judged.model_dump_json().encode(), arrays)
    rows = [_row(member.row, n, judged) for n, member in enumerate(group.members)]
    return Table(rows, [m.summary for m in group.members], _unpacked(judged, arrays), group.scale or 1.0)


def placed(parts: Sequence[Influence], competing: Sequence[int]) -> tuple[Pairs, list[int | None], list[Rank | None]]:
    """All pairs, and tiers and ranks of those who compete, None for others."""
    pairs = compare(parts, jointly=competing)
    found = tiers(pairs.of(competing))
    tiered: list[int | None] = [None] * len(parts)
    ranks: list[Rank | None] = [None] * len(parts)
    for place, n in enumerate(competing):
        tiered[n] = found.tier[place]
        ranks[n] = Rank(low=found.rank_low[place], high=found.rank_high[place])
    return pairs, tiered, ranks


def _judge(group: Group, store: Store | None) -> tuple[Judged, Arrays]:
    parts, scored = group.influences, group.scale is not None
    leading, tiered, ranks = placed(parts, group.competing)
    pairs = _of_metrics(group) if len(parts) <= _SMALL else {}
    pairs[SCORE.name if scored else RETURN] = leading
    found = _scores(group, store) if scored else [None] * len(parts)
    notes = {name: of.note for name, of in pairs.items()}
    judged = Judged(scores=tuple(found), tiers=tuple(tiered), ranks=tuple(ranks), notes=notes)
    return judged, _packed(pairs)


def _scores(group: Group, store: Store | None) -> list[Estimate | None]:
    """A score depends on its submission and the anchors alone, so those that are known are kept when others join."""
    bottom, top = group.anchors or (0, 0)
    ends = group.members[bottom].returns, group.members[top].returns
    keys = [member.summary.key for member in group.members]
    place = json_hash(["scores", code(), group.members[0].row.task, [keys[bottom], keys[top]]])

    def made(new: Sequence[int]) -> list[Estimate | None]:
        return scores([group.members[n].returns for n in new], *ends)

    found = gathered(store, place, _KNOWN, keys, made)
    for n in (bottom, top):
        found[n] = Estimate(value=float(n == top), note=_ANCHOR)
    return found


def _row(row: Row, n: int, judged: Judged) -> Row:
    scored, metrics, versions = judged.scores[n], row.metrics, row.metric_versions
    if scored is not None:
        metrics, versions = {**metrics, SCORE.name: scored}, {**versions, SCORE.name: SCORE.version}
    new = {"metrics": metrics, "metric_versions": versions, "tier": judged.tiers[n], "rank": judged.ranks[n]}
    return row.model_copy(update=new)


def _of_metrics(group: Group) -> dict[str, Pairs]:
    """Comparisons by every metric that has an interval."""
    names = [name for name in METRICS if all(name in m.summary.tasks[m.task].sums for m in group.members)]
    sums = zip(*(m.summary.sums(m.task, names) for m in group.members), strict=True)
    return {
        name: compare([influence(of) for of in members], jointly=()) for name, members in zip(names, sums, strict=True)
    }


def _packed(pairs: Mapping[str, Pairs]) -> Arrays:
    """As arrays of the cache; figures for pages need no more than single precision."""
    found: dict[str, NDArray[Any]] = {}
    for name, of in pairs.items():
        found |= {f"{name}/{part}": getattr(of, part).astype(np.float32) for part in ("value", "low", "high", "p")}
        found[f"{name}/separate"] = of.separate
    return found


def _unpacked(judged: Judged, arrays: Arrays) -> dict[str, Pairs]:
    parts = ("value", "low", "high", "p", "separate")
    return {
        name: Pairs(**{part: arrays[f"{name}/{part}"] for part in parts}, note=note)
        for name, note in judged.notes.items()
    }
