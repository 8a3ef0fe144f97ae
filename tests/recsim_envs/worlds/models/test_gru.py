"""The sequential model: a user's rows move its state, one after the other, and only those that came before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recsim_envs.errors import LogError
from recsim_envs.worlds.logs.log import Interactions
from recsim_envs.worlds.models import fit_model
from recsim_envs.worlds.models.judging import merged
from recsim_envs.worlds.models.sequences import Pieces
from tests.recsim_envs.worlds.models import reference
from tests.recsim_envs.worlds.models.planted import QUICK, USERS, planted


@pytest.fixture(scope="module")
def data():
    return planted("moods")


@pytest.fixture(scope="module")
def model(data):
    return fit_model("gru", data.train, data.valid, data.sizes, QUICK)


def test_rows_are_predicted_by_the_equations(model, data):
    indptr = data.log.indptr(USERS)
    rows = np.array([indptr[3], indptr[3] + 7, indptr[90] + 39, indptr[0] + 1, indptr[3] + 2])
    expected = []
    for row in rows:
        user = data.log.users[row]
        state = reference.state_after(model.arrays, data.log, range(indptr[user], row))
        expected.append(reference.gru(model.arrays, user, data.log.items[row], state))
    np.testing.assert_allclose(model.predict_rows(data.log, rows), expected, atol=1e-5)


def test_states_are_those_after_the_training_rows(model, data):
    for user in (0, 42, USERS - 1):
        rows = np.flatnonzero(data.train.users == user)
        expected = reference.state_after(model.arrays, data.train, rows)
        np.testing.assert_allclose(model.arrays["user_states"][user], expected, atol=1e-5)


def test_after_a_longer_log_only_the_states_differ(model, data):
    read = model.after(data.log)
    assert read.sequential
    differ = {name for name in model.arrays if not np.array_equal(model.arrays[name], read.arrays[name])}
    assert differ == {"user_states"}
    rows = np.flatnonzero(data.log.users == 7)
    expected = reference.state_after(model.arrays, data.log, rows)
    np.testing.assert_allclose(read.arrays["user_states"][7], expected, atol=1e-5)


def test_a_prediction_depends_on_rows_before_and_not_on_later_ones(model, data):
    start = data.log.indptr(USERS)[5]
    row = np.array([start + 10])
    as_is = model.predict_rows(data.log, row)
    for changed, matters in ((start + 9, True), (start, True), (start + 10, False), (start + 11, False)):
        values = data.log.values.copy()
        values[changed] -= 2
        assert (model.predict_rows(replace(data.log, values=values), row) != as_is)[0] == matters
    of_others = data.log.values + np.where(data.log.users == 5, 0, 1).astype(np.float32)
    np.testing.assert_array_equal(model.predict_rows(replace(data.log, values=of_others), row), as_is)


def test_a_user_without_rows_has_no_state(data):
    model = fit_model("gru", data.train[data.train.users != 9], data.valid, data.sizes, replace(QUICK, epochs=1))
    assert not model.arrays["user_states"][9].any()
    assert model.arrays["user_states"][8].any()


def test_one_factor_of_items_is_one_and_has_no_partner_among_users(model):
    assert (model.arrays["item_factors"][:, -1] == 1).all()
    assert not model.arrays["user_factors"][:, -1].any()


def test_an_unsorted_log_is_refused(data):
    backwards = data.train[::-1]
    with pytest.raises(LogError, match=r"row \d+ is of an earlier user"):
        fit_model("gru", backwards, data.valid, data.sizes, QUICK)


def test_pieces_cover_each_row_once_and_never_two_users():
    lengths = [5, 0, 1, 8, 4]
    users = np.repeat(np.arange(5), lengths).astype(np.int32)
    log = Interactions(users, users, users.astype(np.float32), users.astype(np.float64))
    pieces = Pieces.of(log, 5, 4)
    covered = np.concatenate([np.arange(s, s + n) for s, n in zip(pieces.starts, pieces.lengths, strict=True)])
    np.testing.assert_array_equal(covered, np.arange(18))
    assert pieces.lengths.tolist() == [4, 1, 1, 4, 4, 4]
    assert pieces.continued.tolist() == [True, False, False, True, False, False]
    np.testing.assert_allclose(pieces.shares, [0.8, 0.2, 1, 0.5, 0.5, 1])


def test_merging_sorts_by_user_and_time_with_the_known_first():
    def rows(users, times):
        return Interactions(
            np.array(users, np.int32), np.arange(len(users)).astype(np.int32), np.ones(len(users), np.float32),
            np.array(times, float),
        )  # fmt: skip

    log, asked = merged(rows([0, 0, 2], [1, 5, 3]), rows([0, 0, 1, 2], [1, 3, 0, 3]))
    assert log.users.tolist() == [0, 0, 0, 0, 1, 2, 2]
    assert log.times.tolist() == [1, 1, 3, 5, 0, 3, 3]
    assert asked.tolist() == [1, 2, 4, 6]
    _, unknown = merged(rows([0, 0], [np.nan] * 2), rows([0], [np.nan]))
    assert unknown.tolist() == [2]
