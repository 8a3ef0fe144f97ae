"""What an agent cost, in the units that pages offer to compare: money, tokens, calls, training, time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from leaderboard.schema import Row
from leaderboard.site import text


@dataclass(frozen=True)
class Cost:
    """One measure: its heading, its figure for a row (None: not measured), and how that is written."""

    title: str
    of: Callable[[Row], float | None]
    write: Callable[[float], str]
    meaning: str


def _money(value: float) -> str:
    return "$0" if value == 0 else f"${value:.4f}" if value < 0.1 else f"${value:,.2f}"


def _a_decision(row: Row, count: int | None) -> float | None:
    return None if count is None or not row.steps else count / row.steps


def _tokens(row: Row) -> float | None:
    used = row.usage_test
    if used is None or used.input is None or used.output is None:
        return None
    return _a_decision(row, used.input + used.output)


def _calls(row: Row) -> float | None:
    return None if row.usage_test is None else _a_decision(row, row.usage_test.calls)


def _milliseconds(value: float) -> str:
    return text.duration(value / 1000) if value >= 1000 else f"{value:.3g}{text.NBSP}ms"


COSTS: Final[dict[str, Cost]] = {
    "usd": Cost(
        "US dollars", lambda row: row.cost_usd, _money,
        "Price of all tokens of training and test, by the pinned table of prices",
    ),
    "tokens": Cost("Tokens a decision", _tokens, text.compact, "Tokens read and written in test, for each step"),
    "calls": Cost("LM calls a decision", _calls, text.compact, "Language-model calls in test, for each step"),
    "steps": Cost(
        "Training steps", lambda row: None if row.spent.steps is None else float(row.spent.steps), text.compact,
        "The most interaction that any training seed used",
    ),
    "p50": Cost(
        "Latency p50", lambda row: row.latency.p50 if row.latency else None, _milliseconds,
        "Median time of a decision in test",
    ),
    "p95": Cost(
        "Latency p95", lambda row: row.latency.p95 if row.latency else None, _milliseconds,
        "Time that 95 % of the decisions in test do not exceed",
    ),
    "wall": Cost(
        "Wall time", lambda row: row.wall_seconds, text.duration, "Of training and test, all training seeds together"
    ),
}  # fmt: skip
"""Money first, where it is measured; then what stands for it."""
