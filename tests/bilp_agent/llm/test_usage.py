"""The books: calls, tokens and what they cost; 'not measured' is not zero."""

from __future__ import annotations

import hashlib
import json

import pytest

from bilp_agent.llm import Completion, Usage, UsageMeter
from bilp_agent.llm.prices import TABLE, price_of, price_table

HOSTED = "openai:gpt-4.1@https://api.openai.com/v1/"


def test_usage_is_counted_a_role_at_a_time() -> None:
    meter = UsageMeter()
    meter.add("planner", [Completion("a", Usage(10, 4, 2)), Completion("b", Usage(5, 0, 1), retries=2)], [100, 50])
    meter.add("critic", [Completion("", finish="fault", fault="x")], [7])
    report = meter.report()
    assert meter.calls == report["calls"] == 3
    assert report["roles"]["planner"]["input_tokens"] == 15
    assert report["roles"]["planner"]["cached_tokens"] == 4
    assert (report["retries"], report["faults"], report["prompt_characters"]) == (2, 1, 157)
    assert report["input_tokens"] is report["output_tokens"] is None  # one call was not measured: that is not 0
    assert UsageMeter().report()["input_tokens"] == 0


def test_cached_tokens_that_were_not_reported_are_not_zero() -> None:
    meter = UsageMeter(model=HOSTED)
    meter.add("a", [Completion("a", Usage(10, None, 2))], [1])
    report = meter.report()
    assert (report["input_tokens"], report["cached_tokens"], report["cost_usd"]) == (10, None, None)


def test_shortened_prompts_are_counted() -> None:
    meter = UsageMeter()
    meter.add("a", [Completion("a", dropped=2), Completion("b", dropped=1), Completion("c")], [1, 1, 1])
    assert (meter.report()["shortened"], meter.report()["dropped"]) == (2, 3)


def test_each_kind_of_token_has_its_price() -> None:
    meter = UsageMeter(model=HOSTED)
    meter.add("planner", [Completion("a", Usage(1_000_000, 400_000, 100_000))], [9])
    meter.add("actor", [Completion("b", Usage(0, 0, 1_000_000))], [9])
    report = meter.report()
    assert report["roles"]["planner"]["cost_usd"] == pytest.approx(0.6 * 2.0 + 0.4 * 0.5 + 0.1 * 8.0)
    assert report["cost_usd"] == pytest.approx(2.2 + 8.0)
    meter.add("actor", [Completion("", finish="fault", fault="x")], [9])
    assert meter.report()["cost_usd"] is None
    assert meter.report()["roles"]["planner"]["cost_usd"] is not None


@pytest.mark.parametrize(
    "model", [None, "scripted-v1", "hf:gpt-4.1", "openai:gpt-4.1", "openai:gpt-9@https://api.openai.com/v1/",
              "openai:gpt-4.1@http://localhost:8000/v1/", "openai:gpt-4.1@not a url"]
)  # fmt: skip
def test_what_has_no_list_price_has_no_cost(model: str | None) -> None:
    assert price_of(model) is None
    meter = UsageMeter(model=model)
    meter.add("a", [Completion("a", Usage(1, 0, 1))], [1])
    assert meter.report()["cost_usd"] is None


def test_the_table_is_dated_pinned_and_sourced() -> None:
    content = TABLE.read_bytes()
    table = json.loads(content)
    told = {"version": 1, "date": table["date"], "sha256": hashlib.sha256(content).hexdigest()}
    assert price_table() == UsageMeter().report()["price_table"] == told
    for models in table["hosts"].values():
        for price in models.values():
            assert 0 < price["cached"] <= price["input"] <= price["output"]
            assert price["source"].startswith("https://")
