"""Costs are computed from raw counts and a pinned table; what was not measured has no cost, which is not 0."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from leaderboard.prices import TABLE, Price, PriceTable, cost, load_prices, prices_sha256
from leaderboard.schema import Usage

HOSTED = "openai:gpt-4.1@https://api.openai.com/v1/"
CLAIMED = {"date": "2026-11-25", "source": "https://example.org"}
WRITING = Price(model="w", input=4.0, cache_read=1.0, cache_write=5.0, output=10.0, **CLAIMED)


def table(*prices):
    return PriceTable(date="2026-11-25", prices=prices)


def test_each_kind_of_token_has_its_price():
    used = Usage(model=HOSTED, calls=1, input=1_000_000, cache_read=400_000, output=100_000)
    assert cost(used, load_prices()) == pytest.approx(0.6 * 2.0 + 0.4 * 0.5 + 0.1 * 8.0)
    used = Usage(model="w", input=10**6, cache_read=200_000, cache_write=300_000, output=10**6)
    assert cost(used, table(WRITING)) == pytest.approx(0.5 * 4 + 0.2 * 1 + 0.3 * 5 + 10)


@pytest.mark.parametrize("missing", ["input", "cache_read", "output"])
def test_what_was_not_measured_has_no_cost(missing):
    counts = {"input": 100, "cache_read": 0, "output": 5} | {missing: None}
    assert cost(Usage(model=HOSTED, **counts), load_prices()) is None
    assert cost(Usage(model=HOSTED), load_prices()) is None
    assert cost(None, load_prices()) is None


def test_tokens_written_to_a_cache_matter_only_where_they_are_billed_apart():
    assert cost(Usage(model=HOSTED, input=10, cache_read=0, output=1), load_prices()) is not None
    assert cost(Usage(model="w", input=10, cache_read=0, output=1), table(WRITING)) is None


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("", False),
        ("openai:gpt-4.1", False),
        ("openai:gpt-9@https://api.openai.com/v1/", False),
        ("openai:gpt-4.1@https://api.openai.com.example.org/v1/", False),
        ("openai:gpt-4.1@https://gateway.example.org/v1/", False),
        ("openai:gpt-4.1@not a url", False),
        (HOSTED, True),
        ("scripted-v1", True),
        ("hf:gpt-4.1", True),
        ("openai:gpt-4.1@http://localhost:8000/v1/", True),
        ("openai:gpt-4.1@http://localhost.example.org/v1/", False),
        ("openai:gpt-4.1@http://127.0.0.1/v1/", True),
    ],
)
def test_only_a_providers_own_host_has_its_prices(model, known):
    assert (load_prices().price_of(model) is not None) == known
    assert known or cost(Usage(model=model, input=1, cache_read=0, output=1), load_prices()) is None


def test_what_runs_at_home_costs_nothing_whatever_was_counted():
    assert cost(Usage(model="scripted-v1", calls=9), load_prices()) == 0
    assert cost(Usage(model="hf:a/b", input=10, output=3), load_prices()) == 0


def test_the_table_is_dated_pinned_and_sourced():
    assert prices_sha256() == hashlib.sha256(TABLE.read_bytes()).hexdigest()
    assert len({price.model for price in load_prices().prices}) == len(load_prices().prices)
    for price in load_prices().prices:
        assert price.free or (0 < price.cache_read <= price.input <= price.output)
        assert price.free or price.source.startswith("https://")


@pytest.mark.parametrize(
    "changes",
    [{"source": ""}, {"reason": "no"}, {"input": -1}, {"output": float("nan")}, {"surprise": 1}, {"date": "soon"}],
)
def test_what_prices_refuse(changes):
    fields = {"model": "m", "input": 2, "cache_read": 1, "output": 3, **CLAIMED} | changes
    with pytest.raises(ValidationError):
        Price.model_validate(fields)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_reading_from_a_cache_never_costs_more(fresh, cached, written, output):
    whole = Usage(model="w", input=fresh + cached + written, cache_read=0, cache_write=written, output=output)
    read = whole.model_copy(update={"cache_read": cached})
    assert cost(read, table(WRITING)) <= cost(whole, table(WRITING)) + 1e-9
