"""Metrics by hand, and against the published recordings of BiLLP."""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
import pytest

from leaderboard.metrics import METRICS, Outcomes, departures, stays, survival


def outcomes(sessions, *, seeds=1, horizon=10, items=8, **options):
    """Sessions as (items, rewards, left)."""
    lengths = [len(s[1]) for s in sessions]
    shape = seeds, len(sessions) // seeds
    return Outcomes(
        horizon=horizon,
        num_items=items,
        users=np.arange(shape[1]),
        left=np.array([s[2] for s in sessions]).reshape(shape),
        ends=np.array(["low-reward" if s[2] else "horizon" for s in sessions], object).reshape(shape),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        items=np.concatenate([s[0] for s in sessions]).astype(np.int32),
        rewards=np.concatenate([s[1] for s in sessions]).astype(np.float32),
        **options,
    )


@pytest.fixture
def two():
    return outcomes([([1, 2, 1, 3], [5, 4, 3, 0], True), ([7, 7], [1, 1], False)])


def value(name, o):
    metric = METRICS[name]
    if metric.pooled:
        return metric.pooled(o)
    numerator, denominator = metric.ratio(o)
    return numerator.sum() / denominator.sum()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Len", (3 + 2) / 2), ("R_each", 14 / 5), ("R_traj", 14 / 2), ("repeats", 2 / 6), ("coverage", 4 / 8)],
)
def test_by_hand(two, name, expected):
    assert value(name, two) == pytest.approx(expected)


SLATES = [([1, 2, 3, 2, 1, 4, 3, 3], [5, 4, 3, 1], True), ([7, 7, 6, 5], [1, 1], False)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Len", (4 + 2) / 2), ("R_each", 15 / 6), ("R_traj", 15 / 2), ("repeats", (4 + 1) / 12), ("coverage", 7 / 8)],
)
def test_slates_whose_leaving_step_earns(name, expected):
    o = outcomes(SLATES, width=2, leaving_earns=True)
    assert value(name, o) == pytest.approx(expected)
    assert survival(o) == [1.0, 1.0, 0.5, 0.5] + [0.0] * 6


def test_what_slots_do_not_define():
    o = outcomes(SLATES, width=2, candidates=True)
    assert [m.name for m in METRICS.values() if m.applies(o)] == ["Len", "R_each", "R_traj"]
    assert value("Len", o) == pytest.approx((3 + 2) / 2)


def test_departures_and_survival(two):
    assert departures(two) == {"horizon": 0.5, "low-reward": 0.5}
    assert stays(two) == ("horizon",)
    assert survival(two) == [1.0, 1.0, 0.5] + [0.0] * 7


def test_every_metric_is_documented():
    for metric in METRICS.values():
        assert metric.text.rstrip().endswith(".")
        assert (metric.ratio is None) != (metric.pooled is None)


def test_training_seeds_are_rows():
    o = outcomes([([1], [2], True), ([2, 3], [1, 1], False), ([4], [0], True), ([4, 4, 4], [3, 3, 3], False)], seeds=2)
    assert o.lengths.tolist() == [[1, 2], [1, 3]]
    assert o.kept.tolist() == [[0, 2], [0, 3]]
    assert o.returns.tolist() == [[2, 2], [0, 9]]
    assert o.distinct.tolist() == [[1, 2], [1, 1]]


def test_the_published_recordings(shared_data):
    """Figures of three runs in BiLLP's repository, to the third decimal, among them its main Games and Books runs."""
    runs, catalogue = defaultdict(list), {}
    with (shared_data / "billp" / "recorded_trajectories.jsonl").open() as file:
        for line in file:
            episode = json.loads(line)
            items = [catalogue.setdefault(s["item"], len(catalogue)) for s in episode["steps"]]
            rewards = [s["reward"] or 0 for s in episode["steps"]]
            runs[episode["run"]].append((items, rewards, bool(episode["steps"] and episode["steps"][-1]["quit"])))
    found = set()
    for sessions in runs.values():
        o = outcomes([s for s in sessions if s[0]], items=len(catalogue), horizon=100)
        if len(o.users) == len(sessions):
            found.add(tuple(round(float(value(name, o)), 3) for name in ("Len", "R_each", "R_traj")))
    assert {(8.31, 4.45, 36.98), (14.82, 4.547, 67.39), (15.96, 4.524, 72.2)} <= found
