"""What tokens cost: a dated table of list prices in the package, pinned by its SHA-256.

Agents report raw counts. Costs are computed from these when a board is made, so that a wrong price is mended once, for
every row.
"""

from __future__ import annotations

import hashlib
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from leaderboard.files import read_model
from leaderboard.schema import Line, Stored, Usage

TABLE: Final = Path(__file__).with_name("prices.json")

Dollars = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


class Price(Stored):
    """USD per million tokens of the models whose full name fits the pattern `model` ("*" stands for anything).

    What runs on the submitter's own machine has no bill a token: then all is 0, and `reason` says so.
    """

    model: Line
    input: Dollars = Field(description="of input that no provider's cache held")
    cache_read: Dollars = Field(description="of input that one did")
    cache_write: Dollars | None = Field(default=None, description="of input written to it; None: billed as input")
    output: Dollars
    date: date
    source: Line = Field(default="", description="where the price was read")
    reason: Line = Field(default="", description="why it is 0")

    @property
    def free(self) -> bool:
        """Whether no count matters."""
        return not (self.input or self.cache_read or self.cache_write or self.output)

    @model_validator(mode="after")
    def _explained(self) -> Price:
        if self.free != bool(self.reason) or self.free == bool(self.source):
            raise ValueError("a price names its source; where all is 0, the reason instead")
        return self


class PriceTable(Stored):
    """`prices.json`. The first price whose pattern fits a model is its price."""

    schema_version: Literal[1] = 1
    date: date
    unit: Literal["USD per million tokens"] = "USD per million tokens"
    note: Line = ""
    prices: tuple[Price, ...] = Field(max_length=10_000)

    def price_of(self, model: str) -> Price | None:
        """The price of a model, by its full name ("openai:MODEL@URL"); None for what the table does not hold.

        Only a provider's own host has its prices: the same name behind another endpoint is another bill.
        """
        return next((price for price in self.prices if fnmatchcase(model, price.model)), None)


@cache
def load_prices() -> PriceTable:
    """The table of this package."""
    return read_model(TABLE, PriceTable)


@cache
def prices_sha256() -> str:
    """SHA-256 of the table's file."""
    return hashlib.sha256(TABLE.read_bytes()).hexdigest()


def cost(usage: Usage | None, table: PriceTable) -> float | None:
    """What the tokens cost in USD at list prices; None where a count that matters was not measured, or without a price.

    Attempts that failed are not in the counts, though some providers bill them.
    """
    price = None if usage is None else table.price_of(usage.model)
    if usage is None or price is None:
        return None
    if price.free:
        return 0.0
    extra = price.cache_write if price.cache_write is not None else price.input
    parts = (
        (usage.input, price.input),
        (usage.output, price.output),
        (usage.cache_read, price.cache_read - price.input),
        (usage.cache_write, extra - price.input),
    )
    if any(count is None and dollars for count, dollars in parts):
        return None
    return sum((count or 0) * dollars for count, dollars in parts) / 1e6
