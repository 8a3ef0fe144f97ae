"""Metrics by hand, and in plain Python. What was published of BiLLP's runs: test_published_runs.py."""

from __future__ import annotations

import itertools
import json
import math
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.ends import CRASHED, TIMED_OUT
from leaderboard.metrics import METRICS, Outcomes, departures, digests, reward_curve, stays, survival
from leaderboard.stats import Sums, mean
from recsim_envs.spec import Catalogue


def outcomes(sessions, *, seeds=1, horizon=10, items=8, users=None, **options):
    """Sessions as (items, rewards, left)."""
    lengths = [len(s[1]) for s in sessions]
    shape = seeds, len(sessions) // seeds
    return Outcomes(
        horizon=horizon,
        num_items=items,
        users=np.arange(shape[1]) if users is None else users,
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
    assert [m.name for m in METRICS.values() if m.applies(o)] == ["Len", "R_each", "R_traj", "worst_decile", "lost"]
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


class Plain:
    """The items' metrics as their texts say, in plain Python; `sessions` under one training seed."""

    def __init__(self, sessions, users, catalogue):
        self.sessions, self.users, self.catalogue = [s[0] for s in sessions], users, catalogue
        self.all = [item for s in self.sessions for item in s]

    def gini(self):
        counts = sorted(self.all.count(i) for i in range(self.catalogue.num_items))
        return sum(abs(a - b) for a in counts for b in counts) / (2 * len(counts) * sum(counts))

    def bits(self, items):
        share = defaultdict(float)
        for item in items:
            for c in self.catalogue.categories(item).tolist():
                share[c] += 1 / len(self.catalogue.categories(item)) / len(items)
        return -sum(p * math.log2(p) for p in share.values())

    def entropy(self):
        return sum(map(self.bits, self.sessions)) / len(self.sessions)

    def entropy_all(self):
        return self.bits(self.all)

    def novelty(self):
        known = [k + 1 for k in self.catalogue.popularity.tolist()]
        return -sum(math.log2(known[i] / sum(known)) for i in self.all) / len(self.all)

    def coverage(self):
        return len(set(self.all)) / self.catalogue.num_items

    def repeats(self):
        return sum(len(s) - len(set(s)) for s in self.sessions) / len(self.all)

    def shared(self, same):
        found = []
        for a, b in itertools.combinations(range(len(self.users)), 2):
            if (self.users[a] == self.users[b]) == same:
                n = min(len(self.sessions[a]), len(self.sessions[b]))
                one, other = set(self.sessions[a][:n]), set(self.sessions[b][:n])
                if n:
                    found.append(len(one & other) / len(one | other))
        return sum(found) / len(found) if found else None

    def diversity(self):
        return None if self.shared(False) is None else 1 - self.shared(False)

    def personalisation(self):
        pair = self.shared(True), self.shared(False)
        return None if None in pair else pair[0] - pair[1]


def catalogue(generator, items=8, categories=5):
    sizes = generator.integers(1, 4, items)
    return Catalogue(
        titles=("",) * items,
        category_names=("",) * categories,
        category_indptr=np.concatenate([[0], np.cumsum(sizes)]),
        category_ids=np.concatenate([generator.choice(categories, n, replace=False) for n in sizes]).astype(np.int32),
        popularity=generator.integers(0, 50, items),
        mean_reward=np.zeros(items, np.float32),
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 7), max_size=9), min_size=2, max_size=12).filter(any),
    st.integers(0, 2**32 - 1),
)
def test_metrics_of_items_are_those_of_plain_python(sessions, seed):
    generator = np.random.default_rng(seed)
    users, known = generator.integers(0, 4, len(sessions)), catalogue(generator)
    episodes = [(s, [1.0] * len(s), False) for s in sessions]
    o = outcomes(episodes, catalogue=known, users=users)
    plain = Plain(episodes, users, known)
    for name in ("coverage", "gini", "entropy", "entropy_all", "novelty", "repeats", "diversity", "personalisation"):
        assert value(name, o) == pytest.approx(getattr(plain, name)(), abs=1e-12), name


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.floats(0, 100, width=32)), min_size=1, max_size=80),
    st.integers(1, 3),
)
def test_the_worst_decile_is_the_mean_of_the_worst(visits, seeds):
    users = np.array([u for u, _ in visits])
    shift = np.arange(seeds)[:, None] * 3.0
    returns = np.float32(np.array([r for _, r in visits]) + shift)
    o = outcomes([([0], [r], False) for r in returns.ravel()], seeds=seeds, users=users)
    expected = []
    for row in returns.astype(float):
        means = sorted(row[users == u].mean() for u in set(users.tolist()))
        size = max(len(means) / 10, 1e-9)
        weights = [min(1.0, max(0.0, size - n)) for n in range(len(means))]
        expected.append(np.average(means, weights=weights))
    assert value("worst_decile", o) == pytest.approx(np.mean(expected), rel=1e-6, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.lists(st.integers(-5, 5), max_size=10), st.booleans()), min_size=1, max_size=8),
    st.booleans(),
)
def test_curves_are_those_of_plain_python(sessions, earns):
    episodes = [([0] * len(r), r, left and bool(r)) for r, left in sessions]
    o = outcomes(episodes, leaving_earns=earns)
    curve, kept = reward_curve(o), [len(r) - (left and not earns) for _, r, left in episodes]
    for t in range(10):
        here = [r[t] for _, r, _ in episodes if len(r) > t]
        stay = [r[t] for (_, r, _), n in zip(episodes, kept, strict=True) if n > t]
        assert curve.everyone[t] == pytest.approx(sum(here) / len(episodes))
        assert curve.staying[t] == (pytest.approx(np.mean(stay)) if stay else None)
        assert survival(o)[t] == pytest.approx(len(stay) / len(episodes))
    assert sum(curve.everyone) == pytest.approx(value("R_traj", o))


def test_sessions_that_the_agent_lost():
    o = outcomes([([1, 2], [1, 1], False), ([], [], False), ([3], [1], True), ([], [], False)])
    o.ends[0, 1], o.ends[0, 3] = CRASHED, TIMED_OUT
    assert o.returns.tolist() == [[2, 0, 1, 0]]
    assert o.kept.tolist() == [[2, 0, 0, 0]]
    assert value("lost", o) == 0.5
    assert stays(o) == ("horizon",)
    assert departures(o)[CRASHED] == 0.25
    nothing = outcomes([([], [], False), ([], [], False)])
    for metric in (m for m in METRICS.values() if m.applies(nothing)):
        found = metric.pooled(nothing) if metric.pooled else mean(Sums.of(*metric.ratio(nothing), nothing.users))
        assert found is None or metric.name in {"Len", "R_traj", "worst_decile", "lost", "coverage"}


def life(agent, *, users=40, visits=3, steps=15, items=400, seed=0):
    generator = np.random.default_rng(seed)
    who = np.repeat(np.arange(users), visits)
    shown = [agent(u, generator, steps, items)[: generator.integers(3, steps)] for u in who]
    return outcomes([(s, [1] * len(s), False) for s in shown], items=items, horizon=steps, users=who)


def test_personalisation_is_of_users_alone():
    same = life(lambda u, g, steps, items: list(range(steps)))
    anything = life(lambda u, g, steps, items: g.choice(items, steps, replace=False).tolist())
    own = life(lambda u, g, steps, items: list(range(10 * u, 10 * u + 10)) + list(range(5)))
    assert (value("diversity", same), value("personalisation", same)) == (0, 0)
    assert value("diversity", anything) > 0.95
    assert abs(value("personalisation", anything)) < 0.01
    assert value("personalisation", own) > 0.9
    assert value("personalisation", outcomes([([1], [1], False)] * 3)) is None  # nobody came twice


def test_what_must_be_known_of_items(two):
    names = {m.name for m in METRICS.values() if m.applies(two)}
    assert not names & {"entropy", "entropy_all", "novelty"}
    known = catalogue(np.random.default_rng(0))
    nobody = replace(two, catalogue=replace(known, popularity=np.zeros(8, np.int64)))
    assert {m.name for m in METRICS.values() if not m.applies(nobody)} == {"novelty"}
    assert all(m.applies(replace(two, catalogue=known)) for m in METRICS.values())


def golden():
    """Values of every metric on fixed sessions that reach into all their corners."""
    generator = np.random.default_rng(20)
    found = defaultdict(list)
    for width in (1, 2):
        lengths = generator.integers(0, 10, 60)
        sessions = [
            (generator.integers(0, 8, n * width).tolist(), generator.integers(0, 6, n).tolist(), bool(n % 3 == 1))
            for n in lengths
        ]
        users = generator.integers(0, 15, 30)
        o = outcomes(sessions, seeds=2, width=width, users=users, catalogue=catalogue(generator))
        o.ends[:, :3] = CRASHED
        for name in METRICS:
            found[name].append(round(float(value(name, o)), 9))
    return {name: {"version": METRICS[name].version, "values": values} for name, values in found.items()}


def test_a_metric_that_changes_raises_its_version():
    """If this fails because a metric is meant to change: raise its version, then write `golden()` into the file."""
    assert json.loads((Path(__file__).parent / "golden_metrics.json").read_text()) == golden()


def test_digests_tell_versions_and_code(monkeypatch):
    before = digests()
    assert set(before) == {*METRICS, "curves"}
    changed = replace(METRICS["Len"], version=METRICS["Len"].version + 1)
    monkeypatch.setitem(METRICS, "Len", changed)
    assert {name for name, digest in digests().items() if digest != before[name]} == {"Len"}
    other = replace(METRICS["R_traj"], ratio=METRICS["repeats"].ratio)  # defined in another file
    assert other.digest != before["R_traj"]
