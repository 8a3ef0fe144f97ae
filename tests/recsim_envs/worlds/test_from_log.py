"""From ratings to a world: it fits better than biases, leaves nothing behind on failure, and says what it is."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from recsim_envs.errors import ConfigurationError, LogError, WorldError
from recsim_envs.families import make_family
from recsim_envs.worlds.building import assemble
from recsim_envs.worlds.card.render import card_html, card_markdown
from recsim_envs.worlds.from_log import build_world
from recsim_envs.worlds.world import World
from tests.recsim_envs.worlds.building.logs import make_log

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


NAMED = {"name": "mine", "domain": "things", "rank": 4, "card_sessions": 20}


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
    told = list(dict.fromkeys(s[0] for s in stages))
    assert told[:3] == ["reading items", "reading ratings", "preparing"]
    assert {"fitting mf", "fitting biases", "assembling", "card: held-out rows", "card: sensitivity"} <= set(told)


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


def test_rewards_have_the_distribution_of_the_log(built):
    world = built[0]
    logged, rewards = np.rint(world.arrays["log_rewards"]), np.rint(world.arrays["rewards"]).ravel()
    shares = [np.bincount(x.astype(int), minlength=6) / len(x) for x in (logged, rewards)]
    assert np.abs(shares[0] - shares[1]).sum() / 2 < 0.1


def test_the_card_compares_with_biases_and_reads_well(built):
    world = built[0]
    held = world.info.card["held_out"]
    figures = held["predictors"]
    assert figures["model"]["rmse"][0] < figures["bias_only"]["rmse"][0] < figures["global_mean"]["rmse"][2]
    estimate, low, high = held["gains"]["bias_only"]["rmse"]
    assert 0 < low < estimate < high
    fit = world.info.card["fit"]
    assert (fit["model"], fit["holdout"], fit["vectors_from"], fit["departure"]) == ("mf", "time", "model", "quantile")
    assert [f["file"] for f in fit["files"]] == ["i.csv", "r.csv"]
    for text in (card_markdown(world), card_html(world)):
        assert world.hash in text
        assert "Not valid for" in text


def test_the_same_seed_builds_the_same_world(built, tmp_path):
    world, paths, _, _ = built
    again = build_world(*paths, tmp_path / "again", **NAMED)
    assert again.hash == world.hash
    assert again.info.card == world.info.card
    assert build_world(*paths, tmp_path / "other", **NAMED, seed=1).hash != world.hash


def test_a_large_world_keeps_factors_that_say_the_same(built, tmp_path, monkeypatch):
    world, paths, _, _ = built
    monkeypatch.setitem(assemble.TABLE_LIMIT, "factors", USERS * ITEMS - 1)
    factors = build_world(*paths, tmp_path / "w", **NAMED)
    assert factors.info.reward_model == "factors"
    users = np.arange(USERS)
    np.testing.assert_array_equal(factors.user_rewards(users), world.user_rewards(users))


def test_a_useless_model_is_refused_unless_forced(tmp_path, own_home):
    paths = write_log(tmp_path / "log", noise=3.0, structure=0.0, seed=1)
    with pytest.raises(WorldError, match="no better than user and item biases"):
        build_world(*paths, tmp_path / "w", **NAMED)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "log"]
    assert not list(own_home.glob("builds/*"))
    forced = build_world(*paths, tmp_path / "w", **NAMED, force=True)
    assert forced.info.card["held_out"]["gains"]["bias_only"]["rmse"][0] <= 0
    assert any(line["rule"] == "personal" for line in forced.info.card["verdict"]["not_valid_for"])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rank": 0}, ConfigurationError, "rank must be a whole number from 1 to 1024, got 0"),
        ({"rank": 100_000}, ConfigurationError, "rank must be a whole number from 1 to 1024"),
        ({"window": 65}, ConfigurationError, "window must be a whole number from 1 to 64"),
        ({"horizon": 10**9}, ConfigurationError, "horizon must be a whole number from 1 to 100000"),
        ({"epochs": "x"}, ConfigurationError, "epochs must be a whole number from 1 to 1000000, got 'x'"),
        ({"model": "svd"}, ConfigurationError, "model must be biases, mf, deepfm or gru, got 'svd'"),
        ({"compare": ("mf", "als")}, ConfigurationError, "compare must be"),
        ({"compare": "mf"}, ConfigurationError, "compare must list names of user models, got 'mf'"),
        ({"model": "biases", "vectors_from": "model"}, ConfigurationError, "biases has no vectors"),
        ({"calibration": "isotonic"}, ConfigurationError, "calibration must be distribution, mean or none"),
        ({"pause": 0}, ConfigurationError, "pause must be seconds above 0"),
        ({"leaving_pays": 1}, ConfigurationError, "must be True or False"),
        ({"device": "tpu"}, ConfigurationError, "device must be"),
        ({"test_share": "x"}, ConfigurationError, "test_share must lie between"),
        ({"max_bad_share": float("nan")}, ConfigurationError, "max_bad_share must be 0 to 1"),
        ({"encoding": "utf-99"}, LogError, "utf-99"),
        ({"seed": 99999999999999999999}, ConfigurationError, "seed must be a whole number from 0"),
        ({"seed": -1}, ConfigurationError, "seed must be a whole number from 0"),
        ({"theta_quantile": 1.5}, ConfigurationError, "theta_quantile must lie between"),
        ({"name": ""}, ConfigurationError, "name"),
        ({"rnk": 3}, ConfigurationError, "options are seed"),
        ({"min_ratings": 1000}, LogError, "Lower min_ratings"),
        ({"columns": {"user": "who"}}, LogError, "no column 'who'"),
    ],
)
def test_bad_options_are_named_and_leave_nothing(built, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        build_world(*built[1], tmp_path / "w", **(NAMED | options))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"domain": "x" * 41}, "domain: .* 40 characters"),
        ({"vectors_from": "categories"}, "no item has a category"),
        ({"departure": "fitted"}, "needs times"),
    ],
)
def test_what_cannot_be_is_said_before_the_training(tmp_path, options, message):
    ratings, _ = write_log(tmp_path / "log")
    frame, stages = pl.read_csv(ratings).drop("timestamp"), []
    with pytest.raises((ConfigurationError, LogError), match=message):
        build_world(frame, None, tmp_path / "w", **(NAMED | options), progress=lambda *a: stages.append(a[0]))
    assert "preparing" in stages
    assert not any(stage.startswith("fitting") for stage in stages)


def test_a_world_that_cannot_be_written_keeps_its_training(built, tmp_path, own_home, monkeypatch):
    def full(*_args, **_options):
        raise WorldError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(World, "save", full)
        with pytest.raises(WorldError, match="no space left"):
            build_world(*built[1], tmp_path / "w", **NAMED)
    assert list(own_home.glob("builds/*/mf/*"))
    assert build_world(*built[1], tmp_path / "w", **NAMED).hash == built[0].hash
    assert not list(own_home.glob("builds/*"))


def test_without_torch_it_says_what_to_install_before_work_begins(tmp_path, monkeypatch):
    monkeypatch.setattr("recsim_envs.worlds.from_log.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"need torch; pip install 'longrec\[data\]'"):
        build_world("no.csv", None, tmp_path / "w", name="w", domain="d")


def test_a_folder_that_is_no_world_is_refused_before_work_begins(built, tmp_path):
    (tmp_path / "notes").write_text("mine")
    stages = []
    with pytest.raises(WorldError, match="is no world"):
        build_world(*built[1], tmp_path, **NAMED, progress=lambda *a: stages.append(a))
    assert stages == []


def test_the_folder_one_is_in_is_not_replaced(built, tmp_path, monkeypatch):
    (inner := tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(inner)
    for folder in (".", "..", inner):
        with pytest.raises(WorldError, match="is the folder you are in"):
            build_world(*built[1], folder, **NAMED)


def test_a_home_that_cannot_be_written_is_named_before_the_training(built, tmp_path, monkeypatch):
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("LONGREC_HOME", str(tmp_path / "home"))
    with pytest.raises(WorldError, match="set LONGREC_HOME to another folder"):
        build_world(*built[1], tmp_path / "w", **NAMED)


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
    problems = build_world(ratings, items, tmp_path / "w", **NAMED).info.card["fit"]["files"][1]
    assert problems["bad"] == 1
    assert "field rating: 'lots' is no finite number" in problems["examples"][0]
    text = card_markdown(World.load(tmp_path / "w"))
    assert "lines were bad and skipped" in text


@pytest.mark.parametrize("model", ["biases", "deepfm", "gru"])
def test_every_user_model_makes_a_world_that_can_be_played(built, tmp_path, model):
    world = build_world(*built[1], tmp_path / "w", **NAMED, model=model, force=True)
    assert world.info.reward_model == ("gru" if model == "gru" else "table")
    assert world.info.card["fit"]["vectors_from"] == ("categories" if model == "biases" else "model")
    simulator = make_family("departure", 8, world=world)
    simulator.begin(np.arange(8), np.arange(8, dtype=np.uint64))
    rewards = simulator.step(np.arange(8)).rewards
    assert np.all((rewards >= 1) & (rewards <= 5))
    assert set(world.info.card["sensitivity"]["agents"]) >= {"random", "planner"}


def test_thresholds_can_be_fitted_to_visits(tmp_path):
    world = build_world(make_log(), None, tmp_path / "w", **NAMED, departure="fitted", horizon=20)
    thresholds = world.info.card["fit"]["thresholds"]
    assert world.info.departure.horizon == 20
    assert thresholds["visits"] > 100
    assert thresholds["distance"] < thresholds["mean_length"]


def test_a_killed_build_leaves_no_world_and_goes_on(built, tmp_path, own_home):
    class KilledError(Exception):
        pass

    def kill(stage, done, total):
        if stage == "fitting mf" and done > total / 20:
            raise KilledError

    with pytest.raises(KilledError):
        build_world(*built[1], tmp_path / "w", **NAMED, progress=kill)
    assert list(tmp_path.glob("w*")) == []
    assert list(own_home.glob("builds/*/mf/*"))
    assert build_world(*built[1], tmp_path / "w", **NAMED).hash == built[0].hash
    assert not list(own_home.glob("builds/*"))


def test_signals_without_ratings_become_a_world_of_zeros_and_ones(built, tmp_path):
    ratings = tmp_path / "r.csv"
    lines = [line.split(",") for line in built[1][0].read_text().splitlines()]
    ratings.write_text("\n".join(f"{line[0]},{line[1]},{line[3]}" for line in lines))
    world = build_world(ratings, None, tmp_path / "w", **NAMED, force=True)
    assert world.info.reward_range == (0, 1)
    assert set(np.unique(world.arrays["log_rewards"])) == {1.0}
    assert world.info.card["fit"]["implicit"]
    assert world.info.category_names == ("(none)",)


def test_movielens_100k_beats_its_biases(shared_data, tmp_path):
    folder = shared_data / "ml-100k"
    world = build_world(folder / "u.data", folder / "u.item", tmp_path / "ml", name="MovieLens-100K", domain="movies")
    figures, gains = (world.info.card["held_out"][key] for key in ("predictors", "gains"))
    assert (world.num_users, world.num_items) == (943, 1682)
    assert world.info.card["fit"]["holdout"] == "time"
    assert figures["model"]["rmse"][0] < 1.0
    assert gains["bias_only"]["rmse"][1] > 0.01  # even the lower end of the interval
    assert figures["bias_only"]["rmse"][0] < figures["global_mean"]["rmse"][0] - 0.1
