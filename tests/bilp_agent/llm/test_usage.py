"""The books: calls and tokens; 'not measured' is not zero."""

from __future__ import annotations

from bilp_agent.llm import Completion, Usage, UsageMeter


def test_usage_is_counted_a_role_at_a_time() -> None:
    meter = UsageMeter()
    meter.add("planner", Completion("a", Usage(10, 4, 2)), 100)
    meter.add("planner", Completion("b", Usage(5, 0, 1), retries=2), 50)
    meter.add("critic", Completion("", finish="fault", fault="x"), 7)
    report = meter.report()
    assert meter.calls == report["calls"] == 3
    assert report["roles"]["planner"]["input_tokens"] == 15
    assert report["roles"]["planner"]["cached_tokens"] == 4
    assert (report["retries"], report["faults"], report["prompt_characters"]) == (2, 1, 157)
    assert report["input_tokens"] is report["output_tokens"] is None  # one call was not measured: that is not 0
    assert UsageMeter().report()["input_tokens"] == 0


def test_cached_tokens_that_were_not_reported_are_not_zero() -> None:
    meter = UsageMeter()
    meter.add("a", Completion("a", Usage(10, None, 2)), 1)
    report = meter.report()
    assert (report["input_tokens"], report["cached_tokens"], report["written_tokens"]) == (10, None, None)
    meter.add("b", Completion("a", Usage(10, 4, 2, 3)), 1)
    assert meter.report()["written_tokens"] is None
    assert meter.report()["roles"]["b"]["written_tokens"] == 3


def test_shortened_prompts_are_counted() -> None:
    meter = UsageMeter()
    for dropped in (2, 1, 0):
        meter.add("a", Completion("a", dropped=dropped), 1)
    assert (meter.report()["shortened"], meter.report()["dropped"]) == (2, 3)
