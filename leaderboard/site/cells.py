"""Cells of tables of agents. Python, not a template, since a thousand agents have tens of thousands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from leaderboard.schema import Badge, Estimate, Rank, Row
from leaderboard.site import text
from leaderboard.site.scale import Scale

if TYPE_CHECKING:
    from leaderboard.board.model import Entry


def absent(group: str = "") -> Markup:
    """A figure that was not measured, for eyes and for screen readers. `group` names columns shown together."""
    seen, heard = f'<span aria-hidden="true">{text.ABSENT}</span>', '<span class="unseen">not measured</span>'
    return Markup(f'<td class="num {group}">{seen}{heard}</td>')


def measured(metric: str, row: Row, group: str = "") -> Markup:
    """A metric with its interval."""
    found = row.metrics.get(metric)
    if found is None:
        return absent(group)
    ends = text.interval(metric, found)
    small = f"<small>{ends}</small>" if ends else ""
    return Markup(f'<td class="num {group}" data-v="{found.value}">{text.figure(metric, found.value)}{small}</td>')


def cost(value: float | None, write: Callable[[float], str]) -> Markup:
    """A measure of cost."""
    if value is None:
        return absent("g-cost")
    return Markup(f'<td class="num g-cost" data-v="{value}">{escape(write(value))}</td>')


def tier(number: int | None) -> Markup:
    """The tier of an agent; none for one that reads hidden state."""
    if number is None:
        return Markup(f'<td class="num tier"><span>{text.ABSENT}</span></td>')
    return Markup(f'<td class="num tier" data-v="{number}"><span>{number}</span></td>')


def ranks(found: Rank | None) -> str:
    """The best and the worst place that is possible."""
    if found is None:
        return text.ABSENT
    return f"{found.low}" if found.high == found.low else f"{found.low}–{found.high}"


def rank(found: Rank | None, group: str = "") -> Markup:
    """The cell of these places; sorts by the best."""
    value = f' data-v="{found.low}"' if found else ""
    return Markup(f'<td class="num {group}"{value}>{ranks(found)}</td>')


def bar(estimate: Estimate | None, tier: int | None, scale: Scale) -> Markup:
    """A figure drawn with its interval, before the band of its tier."""
    if estimate is None:
        return Markup('<td class="bar"></td>')
    mark, width = scale.mark(estimate), scale.width
    reach = scale.bands.get(tier) if tier is not None else None
    band = f'<rect class="band" x="{reach[0]}" width="{reach[1]}" y="0" height="32"/>' if reach else ""
    range_ = "" if mark.low is None else f'<path class="range" d="M{mark.low} 16H{mark.high}"/>'
    return Markup(
        f'<td class="bar"><svg viewBox="0 0 {width} 32" width="{width}" height="32" aria-hidden="true">{band}'
        f'<path class="grid" d="{scale.grid}"/>{range_}<circle class="dot" cx="{mark.value}" cy="16" r="4"/></svg></td>'
    )


def badge(word: Badge) -> Markup:
    """What is known of a row's replay."""
    return Markup(f'<span class="badge {word}">{word}</span>')


def agent_link(entry: Entry, root: str) -> Markup:
    """The agent's name, with the language model that it was given, which leads to its page."""
    name = escape(text.plain(text.called(entry.row.agent, entry.row.parameters)))
    return Markup(f'<a href="{escape(root)}agents/{escape(entry.agent_id)}.html"><bdi>{name}</bdi></a>')
