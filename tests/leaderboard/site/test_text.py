"""How figures and strangers' words are written."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.metrics import METRICS, Metric
from leaderboard.schema import Estimate, LogRecord, SpentBudget, json_hash
from leaderboard.site import text
from tests.leaderboard.fake_rows import fake_row


@given(st.text())
def test_markdown_and_plain_never_break_a_cell(words: str) -> None:
    shown = text.plain(words)
    assert len(shown) <= 120
    assert not re.search(r"[\n\r\u202e\x00]", shown)
    assert not re.search(r"[|<>`*_\[\]\\:@]", text.markdown(shown))


@given(st.text(), st.integers(2, 50))
def test_short_names_keep_their_limit_and_both_ends(words: str, limit: int) -> None:
    whole, short = text.plain(words, len(words)), text.short_name(words, limit)
    assert len(short) <= limit
    assert short == whole if len(whole) <= limit else (short[0], short[-1]) in {(whole[0], whole[-1]), ("…", whole[-1])}


def test_long_names_of_models_are_told_by_their_ends() -> None:
    models = [f"hf:/home/user/models/meta-llama/Llama-3.1-{size}B-Instruct" for size in (8, 70)]
    assert [text.called("billp", {"model": model}) for model in models] == [
        "billp on hf:/home/user/model…lama-3.1-8B-Instruct",
        "billp on hf:/home/user/model…ama-3.1-70B-Instruct",
    ]
    assert text.called_in_full("billp", {"model": models[0], "gamma": 0.9}) == f"billp on {models[0]} (gamma=0.9)"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (950, "950"),
        (999.7, "1.0 k"),
        (1_000, "1.0 k"),
        (12_345, "12.3 k"),
        (999_950, "1.0 M"),
        (5.86, "5.9"),
    ],
)
def test_compact(value: float, expected: str) -> None:
    assert text.compact(value).replace(text.NBSP, " ") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(-0.001, "0.00"), (-0.5, "−0.50"), (1.005, "1.00"), (2_500_000.0, "2.5 M"), (-3e9, "−3.0 G")],
)
def test_number(value: float, expected: str) -> None:
    assert text.number(value).replace(text.NBSP, " ") == expected


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, "0 %"),
        (0.0003, "0.03 %"),
        (0.004, "0.4 %"),
        (0.0996, "10 %"),
        (0.994, "99 %"),
        (0.996, "99.6 %"),
        (0.9996, "99.96 %"),
        (0.99999, "99.99 %"),
        (1 - 1e-12, "100 %"),
        (1.0, "100 %"),
    ],
)
def test_percent(share: float, expected: str) -> None:
    assert text.percent(share).replace(text.NBSP, " ") == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.04, "0.04 s"), (9.96, "10.0 s"), (41, "41 s"), (96.4, "1.6 min"), (9_000, "2.5 h")]
)
def test_duration(seconds: float, expected: str) -> None:
    assert text.duration(seconds).replace(text.NBSP, " ") == expected


def test_intervals() -> None:
    def shown(name: str, low: float, high: float) -> str:
        return text.interval(name, Estimate(value=low, low=low, high=high)).replace(text.NBSP, " ")

    assert shown("score", 0.1, 0.25) == "0.100–0.250"
    assert shown("score", -0.1, 0.25) == "−0.100 to 0.250"
    assert shown("score", -0.0001, 0.004) == "0.000–0.004"
    assert shown("repeats", 0.012, 0.3) == "1.2–30 %"
    assert shown("R_traj", 98.76, 123.4) == "99–123"
    assert text.interval("Len", Estimate(value=3.0, note="one user: no interval")) == ""


def test_what_an_agent_trained_on() -> None:
    record = LogRecord(name="x", sha256=json_hash("x"), sessions=5, steps=9)
    nothing, some = SpentBudget(episodes=0, steps=0), SpentBudget(episodes=0, steps=7)
    cases = {
        "the log": fake_row(from_log=True, log=record, track="offline", spent=nothing),
        "none": fake_row(log=record, track="offline", spent=nothing),
        "7\xa0steps": fake_row(spent=some),
        "100\xa0episodes": fake_row("ppo"),
        text.ABSENT: fake_row(spent=SpentBudget()),
    }
    for told, row in cases.items():
        assert text.trained(row) == told


def test_a_metric_that_joins_the_registry_says_how_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    assert text.figure("mine", 0.25) == "0.250"
    monkeypatch.setitem(METRICS, "mine", Metric("mine", "my share", "higher", share=True))
    assert text.figure("mine", 0.25) == text.percent(0.25)
    monkeypatch.setitem(METRICS, "mine", Metric("mine", "my count", "higher", decimals=1))
    assert text.figure("mine", 0.25) == "0.2"
