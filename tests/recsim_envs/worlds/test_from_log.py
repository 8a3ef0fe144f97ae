"""From ratings to a world: it fits better than biases, leaves nothing behind on failure, and says what it is."""

from __future__ import annotations

import numpy as np
import pytest

from recsim_envs.errors import ConfigurationError, LogError, WorldError
from recsim_envs.worlds import from_log
from recsim_envs.worlds.cards import card_markdown
from recsim_envs.worlds.from_log import build_world
from recsim_envs.worlds.validity import held_out_errors, rating_distribution
from recsim_envs.worlds.world import World
from tests.worlds import tiny_world

USERS, ITEMS, RANK = 60, 40, 2


def write_log(folder, noise=0.2, structure=1.5, seed=0):
    """A log with two strong tastes, 1..5, times in reverse file order."""
    g = np.random.default_rng(seed)
    p, q = g.normal(size=(USERS, RANK)), g.normal(size=(ITEMS, RANK))
    scores = 3 + structure * p @ q.T / np.sqrt(RANK) + g.normal(0, noise, (USERS, ITEMS))
    rows = [
        f"u{u},i{i},{np.clip(round(scores[u, i]), 1, 5)},{10_000 - k}"
        for k, (u, i) in enumerate(np.argwhere(g.random((USERS, ITEMS)) < 0.6))
    ]
    folder.mkdir(exist_ok=True)
    (folder / "r.csv").write_text("user,item,rating,timestamp\n" + "\n".join(rows))
    items = "\n".join(f"i{i},Title {i},{'even' if i % 2 == 0 else 'odd'}|all" for i in range(ITEMS))
    (folder / "i.csv").write_text("item,title,categories\n" + items)
    return folder / "r.csv", folder / "i.csv"


NAMED = {"name": "mine", "domain": "things", "rank": 4}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    stages = []
    paths = write_log(folder)
    world = build_world(*paths, folder / "w", **NAMED, progress=lambda *a: stages.append(a))
    return world, paths, folder, stages


def test_the_world_is_complete_and_round_trips(built):
    world, _, folder, stages = built
    assert World.load(folder / "w").hash == world.hash
    assert (world.num_users, world.num_items) == (USERS, ITEMS)
    assert world.info.category_names == ("all", "even", "odd")
    assert [world.info.category_names[c] for c in world.catalogue.categories(1)] == ["odd", "all"]
    rewards = world.arrays["rewards"]
    assert rewards.dtype == np.float32
    assert rewards.min() >= 1
    assert rewards.max() <= 5
    np.testing.assert_allclose(np.linalg.norm(world.arrays["vectors"], axis=1), 1, atol=1e-6)
    assert stages[0][0] == "reading"
    assert {s[0] for s in stages} == {"reading", "fitting rank 4", "fitting biases", "assembling"}


def test_thresholds_are_at_their_quantiles(built):
    world = built[0]
    v, d = world.arrays["vectors"], world.info.departure
    distances = np.linalg.norm(v[:, None] - v[None], axis=2)[np.triu_indices(ITEMS, 1)]
    assert np.mean(distances < d.threshold) == pytest.approx(0.02, abs=0.01)
    assert np.mean(world.arrays["rewards"] < d.r_min) == pytest.approx(0.1, abs=0.01)


def test_logs_are_in_time_order_and_public_figures_come_from_train_users(built):
    world, (ratings, _), _, _ = built
    lines = [line.split(",") for line in ratings.read_text().splitlines()[1:]]
    titles = list(world.catalogue.titles)
    for user in (0, 7):
        name = sorted({line[0] for line in lines})[user]  # not numbers, so in the order of their letters
        expected = [(f"Title {line[1][1:]}", float(line[2])) for line in reversed(lines) if line[0] == name]
        a, b = world.arrays["log_indptr"][user : user + 2]
        found = zip(world.arrays["log_items"][a:b], world.arrays["log_rewards"][a:b], strict=True)
        assert [(titles[i], float(r)) for i, r in found] == expected
    train = world.users("train")
    of_train = np.isin(np.repeat(np.arange(USERS), np.diff(world.arrays["log_indptr"])), train)
    counts = np.bincount(world.arrays["log_items"][of_train], minlength=ITEMS)
    np.testing.assert_array_equal(world.catalogue.popularity, counts)
    assert len(train) == 48
    assert not np.intersect1d(train, world.users("test")).size


def test_the_card_compares_with_biases_and_reads_well(built):
    world = built[0]
    held = world.info.card["held_out"]
    assert held["model"]["rmse"][0] < held["bias_only"]["rmse"][0] < held["global_mean"]["rmse"][2]
    estimate, low, high = held["rmse_gain"]
    assert 0 < low < estimate < high
    text = card_markdown(world)
    assert "| matrix factorisation |" in text
    assert world.hash in text


def test_the_same_seed_builds_the_same_world(built, tmp_path):
    world, paths, _, _ = built
    assert build_world(*paths, tmp_path / "again", **NAMED).hash == world.hash
    assert build_world(*paths, tmp_path / "other", **NAMED, seed=1).hash != world.hash


def test_a_large_world_keeps_factors_that_say_the_same(built, tmp_path, monkeypatch):
    world, paths, _, _ = built
    monkeypatch.setattr(from_log, "TABLE_LIMIT", USERS * ITEMS - 1)
    factors = build_world(*paths, tmp_path / "w", **NAMED)
    assert factors.info.reward_model == "factors"
    users = np.arange(USERS)
    np.testing.assert_array_equal(factors.user_rewards(users), world.user_rewards(users))


def test_a_useless_model_is_refused_unless_forced(tmp_path):
    paths = write_log(tmp_path / "log", noise=3.0, structure=0.0)
    with pytest.raises(WorldError, match="no better than user and item biases"):
        build_world(*paths, tmp_path / "w", **NAMED)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log"]
    assert build_world(*paths, tmp_path / "w", **NAMED, force=True).info.card["held_out"]["rmse_gain"][0] <= 0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rank": 0}, ConfigurationError, "rank must be a whole number from 1 to 1024, got 0"),
        ({"rank": 100_000}, ConfigurationError, "rank must be a whole number from 1 to 1024"),
        ({"window": 65}, ConfigurationError, "window must be a whole number from 1 to 64"),
        ({"horizon": 10**9}, ConfigurationError, "horizon must be a whole number from 1 to 100000"),
        ({"epochs": "x"}, ConfigurationError, "epochs must be a whole number from 1 to 1000000, got 'x'"),
        ({"test_share": "x"}, ConfigurationError, "test_share must lie between"),
        ({"max_bad_share": float("nan")}, ConfigurationError, "max_bad_share must be 0 to 1"),
        ({"columns": {"user": 3}}, ConfigurationError, "columns must map"),
        ({"encoding": 8}, ConfigurationError, "encoding must be a name"),
        ({"seed": 99999999999999999999}, ConfigurationError, "seed must be a whole number from 0"),
        ({"seed": -1}, ConfigurationError, "seed must be a whole number from 0"),
        ({"theta_quantile": 1.5}, ConfigurationError, "theta_quantile must lie between"),
        ({"name": ""}, ConfigurationError, "name"),
        ({"rnk": 3}, ConfigurationError, "options are rank"),
        ({"min_ratings": 1000}, LogError, "Lower min_ratings"),
        ({"columns": {"user": "who"}}, LogError, "no column 'who'"),
    ],
)
def test_bad_options_are_named_and_leave_nothing(built, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        build_world(*built[1], tmp_path / "w", **(NAMED | options))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_world_is_refused_before_work_begins(built, tmp_path):
    (tmp_path / "notes").write_text("mine")
    stages = []
    with pytest.raises(WorldError, match="is no world"):
        build_world(*built[1], tmp_path, **NAMED, progress=lambda *a: stages.append(a))
    assert stages == []


def test_paths_that_are_none_and_links_are_refused(built, tmp_path):
    (tmp_path / "w").symlink_to(built[2] / "w")
    with pytest.raises(WorldError, match="symbolic link"):
        build_world(*built[1], tmp_path / "w", **NAMED)
    assert (tmp_path / "w").is_symlink()
    with pytest.raises(WorldError, match="is no path"):
        build_world(*built[1], "a\0b", **NAMED)
    with pytest.raises(LogError, match="is no path"):
        build_world("a\0b", built[1][1], tmp_path / "v", **NAMED)


@pytest.mark.filterwarnings("error")
def test_the_largest_ratings_can_be_fitted(tmp_path):
    ratings, items = write_log(tmp_path / "log")
    head, *lines = ratings.read_text().splitlines()
    rows = [line.split(",") for line in lines]
    ratings.write_text("\n".join([head, *(f"{u},{i},{float(r) * 2e11},{t}" for u, i, r, t in rows)]))
    assert build_world(ratings, items, tmp_path / "w", **NAMED, force=True).info.reward_range[1] == pytest.approx(1e12)


def test_ratings_that_are_equal_once_users_are_left_out_have_a_name(tmp_path):
    ratings, items = write_log(tmp_path / "log")
    head, *lines = ratings.read_text().splitlines()
    same = [",".join([*line.split(",")[:2], "4", "0"]) for line in lines]
    ratings.write_text("\n".join([head, *same, "loner,i1,2,0"]))
    with pytest.raises(LogError, match="at least 5 are equal"):
        build_world(ratings, items, tmp_path / "w", **NAMED)


def test_bad_lines_are_on_the_card(tmp_path):
    ratings, items = write_log(tmp_path / "log")
    ratings.write_text(ratings.read_text() + "\nu1,i1,lots,3\nu1,i2,3,999999")
    card = build_world(ratings, items, tmp_path / "w", **NAMED).info.card
    assert card["files"][1]["bad"] == 1
    assert "field rating: 'lots' is no finite number" in card["files"][1]["examples"][0]
    text = card_markdown(World.load(tmp_path / "w"))
    assert "lines were bad and skipped" in text


def test_held_out_errors_are_those_of_numpy_and_the_bootstrap_is_by_user():
    users = np.array([5, 5, 5, 9])
    observed = np.array([1.0, 2, 3, 4])
    guesses = {"model": observed + 1, "bias_only": observed + np.array([2, 2, 2, -2]), "global_mean": np.full(4, 2.5)}
    found = held_out_errors(users, observed, guesses, seed=0)
    assert found["model"] == {"rmse": [1, 1, 1], "mae": [1, 1, 1]}
    assert found["global_mean"]["rmse"][0] == pytest.approx(np.sqrt(1.25), abs=1e-4)
    assert found["rmse_gain"] == [1, 1, 1]
    low, high = found["global_mean"]["mae"][1:]
    assert (low, high) == (pytest.approx(5 / 6, abs=1e-3), 1.5)  # all draws of user 5, or of user 9


def test_rating_distributions():
    found = rating_distribution(np.array([1, 1, 2, 5]), same=np.array([1.4, 1.6, 3.4, 3.6]))
    assert found["levels"] == [1, 2, 5]
    assert found["same"] == [0.25, 0.5, 0.25]
    assert found["distance"] == {"same": 0.25}


def test_a_world_without_a_card_says_so():
    assert "no card" in card_markdown(tiny_world())


@pytest.mark.parametrize(
    "card",
    [{"kind": "log"}, {"kind": "synthetic"}, {"kind": []}, {"kind": "log", "held_out": 3, "ratings": None}],
    ids=str,
)
def test_a_card_that_lacks_figures_says_so(card):
    assert "not measured" in card_markdown(tiny_world().with_card(card))


def test_movielens_100k_beats_its_biases(shared_data, tmp_path):
    folder = shared_data / "ml-100k"
    world = build_world(folder / "u.data", folder / "u.item", tmp_path / "ml", name="MovieLens-100K", domain="movies")
    held = world.info.card["held_out"]
    assert (world.num_users, world.num_items) == (943, 1682)
    assert held["model"]["rmse"][0] < 0.93
    assert held["rmse_gain"][1] > 0.01  # even the lower end of the interval
    assert held["bias_only"]["rmse"][0] < held["global_mean"]["rmse"][0] - 0.1
