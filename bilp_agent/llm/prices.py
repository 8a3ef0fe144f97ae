"""What tokens cost at a provider's list prices: a dated table in the package, pinned by its SHA-256."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TABLE = Path(__file__).with_name("prices.json")


@dataclass(frozen=True)
class Price:
    """USD per million tokens: input that no provider's cache held, input that one did, output."""

    input: float
    cached: float
    output: float

    def of(self, input_tokens: int, cached_tokens: int, output_tokens: int) -> float:
        """USD for token counts; cached tokens are part of the input and billed at their own price."""
        fresh = input_tokens - cached_tokens
        return (fresh * self.input + cached_tokens * self.cached + output_tokens * self.output) / 1e6


def price_of(model: str | None) -> Price | None:
    """The price of a model, by its full name ("openai:MODEL@URL"); None for what the table does not hold.

    Only a provider's own host has its prices: the same name behind another endpoint is another bill.
    """
    kind, _, rest = (model or "").partition(":")
    name, _, url = rest.partition("@")
    if kind != "openai" or not url:
        return None
    found = _table()["hosts"].get(urlsplit(url).hostname, {}).get(name)
    return Price(found["input"], found["cached"], found["output"]) if found else None


def price_table() -> dict[str, Any]:
    """Which table costs were computed with: its version, date and SHA-256."""
    table = _table()
    return {"version": table["version"], "date": table["date"], "sha256": table["sha256"]}


@cache
def _table() -> dict[str, Any]:
    content = TABLE.read_bytes()
    table: dict[str, Any] = json.loads(content)
    return table | {"sha256": hashlib.sha256(content).hexdigest()}
