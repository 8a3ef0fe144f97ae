"""Rows grouped into suites and tables, named and ordered: always the same, whatever order they come in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from leaderboard.board.model import Board, Entry, Overall, Reported, Section, Standing, SuiteBoard
from leaderboard.board.summary import Summary
from leaderboard.metrics import METRICS, SCORE
from leaderboard.schema import Row, canonical_json, json_hash
from leaderboard.site.text import called, called_in_full, plain
from leaderboard.stats import Pairs

FIRST: Final = (SCORE.name, "R_traj", "Len", "R_each", "coverage", "repeats")
"""Metrics in the board's order; those that join the registry later follow."""


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of one section in any order, each with its summary, and comparisons in that order.

    `scale` is the score of one unit of return, 1 where there is no score.
    """

    rows: Sequence[Row]
    summaries: Sequence[Summary | None]
    pairs: Mapping[str, Pairs] = field(default_factory=dict)
    scale: float = 1.0


def section_key(row: Row) -> tuple[Any, ...]:
    """Rows may be compared where this is the same: suite hash, task, environment and options, world hash, log hash."""
    log = row.log.sha256 if row.log else ""
    return row.suite, row.suite_hash, row.task, row.env_id, canonical_json(row.options), row.world.sha256, log


def board_of(rows: Iterable[Row], reported: Iterable[Reported] = ()) -> Board:
    """A board of rows alone: with the tiers that they carry, without comparisons."""
    found = sorted(rows, key=section_key)
    grouped = [list(members) for _, members in groupby(found, section_key)]
    return arrange([Table(members, [None] * len(members)) for members in grouped], reported)


def arrange(
    tables: Iterable[Table], reported: Iterable[Reported] = (), overall: Mapping[str, Sequence[Overall]] | None = None
) -> Board:
    """The board of these tables, with what is known of suites as a whole, by their hash."""
    ordered = sorted(tables, key=lambda table: section_key(table.rows[0]))
    suites = []
    for (name, hash_), members in groupby(ordered, lambda t: (t.rows[0].suite, t.rows[0].suite_hash)):
        sections = tuple(map(_section, members))
        standings = _standings(sections, (overall or {}).get(hash_, ()))
        suites.append(SuiteBoard(name, hash_, sections, json_hash([s.key for s in sections]), standings))
    apart = tuple(sorted(reported, key=lambda r: (r.suite, r.agent, r.path)))
    key = json_hash([[s.key for s in suites], [r.model_dump() for r in apart]])
    return Board(tuple(suites), apart, key)


def _standings(sections: Sequence[Section], found: Sequence[Overall]) -> tuple[Standing, ...]:
    of: dict[int, list[Entry]] = {}
    for entry in (entry for section in sections for entry in section.entries):
        of.setdefault(id(entry.summary), []).append(entry)
    made = [Standing(tuple(of[id(o.summary)]), o.aggregate, o.profile, o.tier, o.rank) for o in found]
    return tuple(sorted(made, key=lambda s: (s.tier is None, s.tier or 0, s.entries[0].label, s.entries[0].id)))


def lead_of(rows: Iterable[Row]) -> str:
    """The metric that tells the rows of a section apart."""
    return SCORE.name if any(SCORE.name in row.metrics for row in rows) else "R_traj"


def _section(table: Table) -> Section:
    rows, key = table.rows, section_key(table.rows[0])
    id_ = f"{plain(rows[0].env_id.rpartition('/')[2])}-{json_hash(list(key))[:8]}"
    labels = _labels(rows)
    order = sorted(range(len(rows)), key=lambda n: (*_place(rows[n]), labels[n], _identity(rows[n])))
    entries = [_entry(rows[n], id_, labels[n], table.summaries[n]) for n in order]
    found = {name for row in rows for name in row.metrics}
    known = [name for name in (*FIRST, *METRICS) if name in found]
    stays = frozenset(cause for row in rows for cause in row.stays)
    return Section(
        id=id_,
        world=rows[0].world,
        log=rows[0].log,
        lead=lead_of(rows),
        ranked=tuple(e for e in entries if not e.row.privileged),
        apart=tuple(e for e in entries if e.row.privileged),
        metrics=tuple(dict.fromkeys([*known, *sorted(found)])),
        causes=_causes([entry.row for entry in entries], stays),
        stays=stays,
        key=json_hash([e.key for e in entries]),
        pairs={name: pairs.of(order) for name, pairs in table.pairs.items()},
        scale=table.scale,
    )


def _place(row: Row) -> tuple[bool, bool, int]:
    """Competitors by tier, then rows without one, then those that read hidden state."""
    return row.privileged, row.tier is None, row.tier or 0


def _identity(row: Row) -> tuple[str, ...]:
    return row.agent, canonical_json(row.parameters), row.version, row.traces_sha256 or ""


def _entry(row: Row, section: str, label: str, summary: Summary | None) -> Entry:
    identity = json_hash(_identity(row))
    alone = row.model_dump(mode="json", exclude={"tier", "rank"})
    own = json_hash([section, label, alone, summary.key if summary else ""])
    return Entry(
        row=row,
        id=f"{section}-{row.agent}-{identity[:8]}",
        agent_id=f"{row.agent}-{json_hash(_identity(row)[:2])[:8]}",
        label=label,
        own=own,
        key=json_hash([own, row.tier, row.rank.model_dump() if row.rank else None]),
        summary=summary,
    )


def _labels(rows: Sequence[Row]) -> list[str]:
    """The shortest of agent with its language model, other parameters and folder that names each row of a section."""
    names = [called(row.agent, row.parameters) for row in rows]
    full = [called_in_full(row.agent, row.parameters) for row in rows]
    last = [f"{label} [{plain(row.version, 60)}]" for label, row in zip(full, rows, strict=True)]
    named, told = Counter(names), Counter(full)
    choices = zip(names, full, last, strict=True)
    return [a if named[a] == 1 else b if told[b] == 1 else c for a, b, c in choices]


def _causes(rows: Sequence[Row], stays: frozenset[str]) -> tuple[str, ...]:
    total: dict[str, float] = {}
    for row in rows:
        for cause, share in row.departures.items():
            total[cause] = total.get(cause, 0.0) + share
    return tuple(sorted(total, key=lambda cause: (cause in stays, -total[cause], cause)))
