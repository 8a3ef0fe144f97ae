"""Ranking figures against slow ones that try every order of ties and every pair."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recsim_envs.worlds.card import ranking

ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12)


def columns(rows):
    users, gains, predicted = (np.array(c) for c in zip(*sorted(rows, key=lambda r: r[0]), strict=True))
    return users.astype(np.int64), gains.astype(np.float64), predicted.astype(np.float64)


@given(ROWS)
def test_placements_average_to_the_auc(rows):
    _, values, predicted = columns(rows)
    liked = values >= 2
    found = ranking.placements(liked, predicted)
    if not 0 < liked.sum() < len(liked):
        assert np.isnan(found).all()
        return
    pairs = list(itertools.product(predicted[liked], predicted[~liked]))
    auc = np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs])
    np.testing.assert_allclose([found[liked].mean(), found[~liked].mean()], auc)


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=6),
)
def test_ndcg_is_the_mean_over_all_orders_of_ties(rows):
    users, gains, predicted = columns(rows)
    found, counted = ranking.ndcg(users, gains, predicted, 2)
    discounts = 1 / np.log2(np.arange(len(rows)) + 2)
    for user in range(2):
        mine = np.flatnonzero(users == user)
        assert counted[user] == (len(set(gains[mine])) > 1)
        if not counted[user]:
            assert found[user] == 0
            continue
        orders = [p for p in itertools.permutations(mine) if all(np.diff(predicted[list(p)]) <= 0)]
        dcg = np.mean([gains[list(p)] @ discounts[: len(mine)] for p in orders])
        np.testing.assert_allclose(found[user], dcg / (np.sort(gains[mine])[::-1] @ discounts[: len(mine)]))


def test_ndcg_looks_at_ten_places():
    gains = np.zeros(12)
    gains[11] = 1.0
    users, predicted = np.zeros(12, np.int64), -np.arange(12.0)
    assert ranking.ndcg(users, gains, predicted, 1)[0] == 0
    assert ranking.ndcg(users, gains, -predicted, 1)[0] == 1


@given(ROWS)
def test_pairs_are_those_of_two_loops(rows):
    users, values, predicted = columns(rows)
    shares, counted = ranking.pair_accuracy(users, values, {"a": predicted}, 3)
    for user in range(3):
        mine = np.flatnonzero(users == user)
        scores = [
            0.5 * (1 + np.sign(predicted[i] - predicted[j]) * np.sign(values[i] - values[j]))
            for i, j in itertools.combinations(mine, 2)
            if values[i] != values[j]
        ]
        assert counted[user] == bool(scores)
        np.testing.assert_allclose(shares["a"][user], np.mean(scores) if scores else 0.0)


def test_a_row_is_paired_with_as_many_as_are_allowed(monkeypatch):
    monkeypatch.setattr(ranking, "NEXT", 1)
    values = np.array([1.0, 2.0, 0.0])  # the pair of first and last would be wrong
    shares, _ = ranking.pair_accuracy(np.zeros(3, np.int64), values, {"a": np.array([1.0, 2.0, 1.5])}, 1)
    assert shares["a"][0] == 1.0


@given(hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(-5, 5)))
def test_figures_do_not_depend_on_the_scale_of_predictions(predicted):
    liked = np.arange(len(predicted)) % 2 == 0
    powers = np.round(predicted, 2)
    np.testing.assert_allclose(ranking.placements(liked, powers), ranking.placements(liked, 3 * powers + 1))
