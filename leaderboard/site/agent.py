"""The page of one agent: what it is, how it does in each environment, what it cost, and how to repeat it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from leaderboard.metrics import SCORE
from leaderboard.schema import SeedRecord, Submission
from leaderboard.site import text
from leaderboard.site.cells import ranks
from leaderboard.site.costs import COSTS
from leaderboard.site.learning import learning_charts
from leaderboard.site.page import Page, html_page
from leaderboard.site.scale import Scale
from leaderboard.site.tables import script_json

if TYPE_CHECKING:
    from leaderboard.board.model import Board, Entry, Section

_FACTS = 6_000  # characters of what an agent tells of itself


def agent_pages(board: Board) -> Iterator[Page]:
    """One page an agent, which holds all its submissions, and one file a section with the places of its agents.

    Whoever joins a table moves the ranks of most others: so they are read from that file, and the pages stay.
    """
    placed = [(entry, section) for section in board.sections for entry in section.entries]
    placed.sort(key=lambda pair: (pair[0].agent_id, pair[0].id))
    for agent_id, of_agent in groupby(placed, lambda pair: pair[0].agent_id):
        shown = list(of_agent)
        inputs = [[entry.own, section.id, section.metrics] for entry, section in shown]
        yield html_page(f"agents/{agent_id}.html", inputs, "agent.html.j2", partial(_values, shown))
    for section in board.sections:
        yield Page(f"data/places-{section.id}.js", [section.key, section.id], partial(_places, section))


def _places(section: Section) -> str:
    """Tier and rank of each entry, as they are written."""
    found = {
        entry.id: [text.ABSENT if entry.row.tier is None else str(entry.row.tier), ranks(entry.row.rank)]
        for entry in section.entries
    }
    return f"places({script_json(found)});\n"


def _values(shown: Sequence[tuple[Entry, Section]]) -> dict[str, Any]:
    entries = [entry for entry, _ in shown]
    metrics = list(dict.fromkeys(name for _, section in shown for name in section.metrics))
    titles = _titles([section for _, section in shown])
    return {
        "row": entries[0].row,
        "placed": shown,
        "sections": list(dict.fromkeys(section.id for _, section in shown)),
        "scale": Scale.of([(None, entry.row.metrics.get(SCORE.name)) for entry in entries], score=True),
        "metrics": metrics,
        "costs": [(cost.title, [_written(cost, entry) for entry in entries]) for cost in COSTS.values()],
        "runs": _runs(entries),
        "titles": titles,
        "learning": [
            drawn for entry, title in zip(entries, titles, strict=True) for drawn in learning_charts([entry], title)
        ],
        "seeds_told": seeds_told,
        "packages_told": packages_told,
    }


def _titles(sections: Sequence[Section]) -> list[str]:
    """The environment of each section, with its suite where several are of one environment."""
    of = Counter(section.title for section in sections)
    return [s.title if of[s.title] == 1 else f"{s.title}, {s.first.suite}" for s in sections]


def _written(cost: Any, entry: Entry) -> str:
    value = cost.of(entry.row)
    return text.ABSENT if value is None else cost.write(value)


def _runs(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """One record a submission: a run of a suite has one row for each of its tasks."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        key = f"{entry.row.suite_hash} {entry.row.version}"
        found.setdefault(key, {"row": entry.row, "submission": entry.submission, "told": _told(entry)})
    return list(found.values())


def _told(entry: Entry) -> str:
    """The beginning of what the agent tells of itself, under the first training seed, as indented JSON."""
    facts = entry.row.facts
    return indented(facts[0]) if facts and facts[0] else ""


def indented(value: Any) -> str:
    """JSON for readers."""
    return text.prose(json.dumps(value, indent=1, ensure_ascii=False), _FACTS)


def seeds_told(seeds: Sequence[SeedRecord]) -> str:
    """Which randomness follows from seeds, in words."""
    words = ((s.kind, "controlled" if s.controlled else "not controlled", text.plain(s.how)) for s in seeds)
    return "; ".join(f"{kind} {whether} ({how})" for kind, whether, how in words)


def packages_told(submission: Submission) -> str:
    """Package versions in a line."""
    return ", ".join(f"{name} {version}" for name, version in sorted(submission.packages.items()))
