"""The recipes of the two shops: pinned bits, the sizes they promise, and the arithmetic beneath them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from recsim_envs.worlds import recipe_kernels as kernel
from recsim_envs.worlds.recipes import BOOKS, GAMES, RECIPES
from recsim_envs.worlds.synthetic import CARDS, generate

# Change one only with the recipe or the generator's version ("synthetic-1"): boards and traces stand on these bits.
HASHES = {
    "games": "327aa211bd879843d2498e84af086ddf1e0e65deade54fa74f5dab4b8f95b1ae",
    "books": "45a83bcee914906647ae26750a9eea6ec701dc77189bd1dafdf4096ec5eccbc5",
}


@pytest.fixture(scope="module", params=sorted(HASHES))
def pair(request):
    recipe = RECIPES[request.param]
    return recipe, generate(recipe)


def test_the_bits_are_pinned(pair):
    recipe, world = pair
    assert world.hash == HASHES[recipe.name]


def test_sizes_and_splits(pair):
    recipe, world = pair
    world.validate()
    assert (world.num_users, world.num_items) == (2000, {"games": 6012, "books": 13864}[recipe.name])
    assert len(world.info.category_names) == {"games": 21, "books": 290}[recipe.name]
    assert len(set(world.info.category_names)) == len(world.info.category_names)
    assert len(world.users("train")) == len(world.users("test")) == 1000
    assert world.info.departure.horizon == {"games": 70, "books": 50}[recipe.name]
    assert set(np.unique(world.arrays["rewards"])) == {1, 2, 3, 4, 5}
    assert world.arrays["rewards"].dtype == np.int8


def test_categories_have_the_promised_shape(pair):
    recipe, world = pair
    counts = np.diff(world.arrays["category_indptr"])
    ids = world.arrays["category_ids"]
    assert len(np.unique(ids)) >= 0.99 * len(world.info.category_names)  # next to none is empty
    if recipe.name == "books":
        assert (counts == 2).all()
        names = world.info.category_names
        assert all(names[sub].startswith(f"{names[main]}: ") for main, sub in ids.reshape(-1, 2))
    else:
        assert counts.max() > 3
        assert all(len(set(world.catalogue.categories(i))) == counts[i] for i in range(500))


def test_titles_are_unique_whatever_the_case(pair):
    titles = list(pair[1].catalogue.titles)
    assert len({title.casefold() for title in titles}) == len(titles)
    assert not any("  " in title or "{" in title for title in titles)


def test_few_titles_are_those_of_real_catalogues(shared_data, pair):
    import csv

    real = set()
    for name in ("steam_items.csv", "amazon_items.csv"):
        with (shared_data / "billp" / name).open(encoding="utf-8") as file:
            real |= {row["title"].casefold() for row in csv.DictReader(file)}
    invented = {title.casefold() for title in pair[1].catalogue.titles}
    assert len(invented & real) <= 0.002 * len(invented)


def test_logs_are_what_people_liked_and_watched(pair):
    recipe, world = pair
    a = world.arrays
    lengths = np.diff(a["log_indptr"])
    assert (lengths.min(), lengths.max()) == recipe.log_lengths
    users = np.repeat(np.arange(world.num_users), lengths)
    np.testing.assert_array_equal(a["log_rewards"], a["rewards"][users, a["log_items"]])
    assert len(set(zip(users.tolist(), a["log_items"].tolist(), strict=True))) == len(users)  # nothing twice
    assert a["log_rewards"].mean() > a["rewards"].mean() + 1
    train = users < recipe.train_users
    np.testing.assert_array_equal(a["popularity"], np.bincount(a["log_items"][train], minlength=world.num_items))
    best_known = np.sort(a["popularity"])[::-1]
    assert best_known[:100].sum() > 10 * best_known[1000:1100].sum()


def test_mean_rewards_are_shrunk_by_ten(pair):
    recipe, world = pair
    a = world.arrays
    end = a["log_indptr"][recipe.train_users]
    items, rewards = a["log_items"][:end], a["log_rewards"][:end].astype(float)
    item = int(np.argmax(a["popularity"]))
    mine = rewards[items == item]
    expected = (mine.sum() + 10 * rewards.mean()) / (len(mine) + 10)
    assert a["mean_reward"][item] == pytest.approx(expected, rel=1e-6)


def test_sequels_are_too_alike_and_most_others_are_not(pair):
    recipe, world = pair
    v, theta = world.arrays["vectors"], recipe.threshold
    first = kernel.series(recipe.seed, recipe.items, recipe.percent_sequel, recipe.longest_series)
    later = np.flatnonzero(first != np.arange(recipe.items))
    assert np.mean(np.linalg.norm(v[later] - v[first[later]], axis=1) < theta) > 0.95
    half = recipe.items // 2
    assert np.mean(np.linalg.norm(v[:half] - v[half : 2 * half], axis=1) < theta) < 0.12


def test_another_seed_is_another_world_and_the_same_seed_the_same():
    small = replace(GAMES, users=20, train_users=10, items=500)
    assert generate(small).hash == generate(small).hash
    assert generate(small).hash != generate(replace(small, seed=1)).hash
    # Items are drawn one by one, so a smaller catalogue of books is the beginning of a larger one.
    assert (
        list(generate(replace(BOOKS, users=20, train_users=10, items=400)).catalogue.titles)
        == list(generate(replace(BOOKS, users=20, train_users=10, items=900)).catalogue.titles)[:400]
    )


def test_normal_is_integer_centred_and_of_unit_scale():
    draws = np.array([kernel.normal(7, 0, kernel.STYLE, lane) for lane in range(20_000)])
    assert draws.dtype == np.int64
    assert abs(draws.mean()) < 4 * kernel.SD / np.sqrt(len(draws))
    assert draws.std() == pytest.approx(kernel.SD, rel=0.02)
    assert np.abs(draws).max() <= 131070


def test_rewards_equal_a_slow_reference():
    seed, tastes = 3, np.array([0, 1, 1])
    qualities, weights, cuts = kernel.quality(seed, np.arange(3)), np.array([90, 60, 300, 50]), np.array([-80, 0, 60])
    found = kernel.rewards(seed, 25, tastes, qualities, weights, -10, 100, cuts)
    for u in range(25):
        for i in range(3):
            whim = int(kernel.normal(seed, u, kernel.WHIM, i))
            liking = min(int(kernel.normal(seed, u, kernel.LIKING, tastes[i])), -10 * kernel.SD // 100)
            score = 90 * int(kernel.normal(seed, u, kernel.MOOD, 0)) + 60 * int(qualities[i]) + 300 * liking + 50 * whim
            expected = 1 + sum(score >= cut * kernel.SD for cut in (-80, 0, 60))
            assert found[u, i] == (1 if whim < -kernel.SD else expected)


def test_cards_belong_to_the_recipes():
    cards = json.loads(CARDS.read_text("utf-8"))
    for name, recipe in RECIPES.items():
        assert cards[name]["recipe"] == recipe.digest(), "run python -m recsim_envs.worlds.calibration"
    assert generate(replace(GAMES, seed=1, users=20, train_users=10)).info.card == {}
