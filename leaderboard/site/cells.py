"""Cells of tables that hold one figure. Python, not a template, since a thousand agents have tens of thousands."""

from __future__ import annotations

from markupsafe import Markup, escape

from leaderboard.schema import Row
from leaderboard.site import text


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


def cost(value: float | None, written: str) -> Markup:
    """A measure of cost."""
    if value is None:
        return absent("g-cost")
    return Markup(f'<td class="num g-cost" data-v="{value}">{escape(written)}</td>')
