"""The page of the metrics: what each figure means, by what formula, and where it is from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leaderboard.metrics import METRICS, SCORE
from leaderboard.site.costs import COSTS
from leaderboard.site.page import Page, html_page


def glossary_pages() -> Iterator[Page]:
    """One page. It is made of the registry alone, whose texts are its input."""
    entries = (SCORE, *METRICS.values())
    inputs = [[m.name, m.title, m.better, m.text] for m in entries]
    values: dict[str, Any] = {"metrics": entries, "costs": COSTS.values()}
    yield html_page("metrics.html", inputs, "metrics.html.j2", lambda: values)
