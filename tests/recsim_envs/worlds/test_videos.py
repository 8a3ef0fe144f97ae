"""The world of short videos: pinned bits, KuaiRec's sizes, its arithmetic and its card."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from recsim_envs.worlds import recipe_kernels as kernel
from recsim_envs.worlds.card.render import card_markdown
from recsim_envs.worlds.recipes import RECIPES
from recsim_envs.worlds.synthetic import CARDS, generate
from recsim_envs.worlds.video_calibration import TARGETS, video_facts
from recsim_envs.worlds.video_recipe import VIDEOS
from recsim_envs.worlds.world import DepartureDefaults

# Change it only with the recipe or the generator's version ("videos-1"): boards and traces stand on these bits.
HASH = "c0fa915364cb26695bfaa62b681dd6174347b450c2bba5b05d655e0f18d23da5"


@pytest.fixture(scope="module")
def world():
    return generate(RECIPES["videos"])


def test_the_bits_are_pinned(world):
    assert world.hash == HASH


def test_sizes_are_those_of_the_fully_observed_matrix(world):
    world.validate()
    rewards, counts = world.arrays["rewards"], np.diff(world.arrays["category_indptr"])
    assert (rewards.shape, rewards.dtype) == ((1411, 3327), np.float32)
    assert (rewards.min(), rewards.max()) == (0.0, 5.0)
    assert len(world.info.category_names) == len(np.unique(world.arrays["category_ids"])) == 31
    assert (counts.min(), counts.max()) == (1, 4)
    titles = list(world.catalogue.titles)
    assert len({title.casefold() for title in titles}) == len(titles)


def test_leaving_is_by_category_and_pays(world):
    assert world.info.departure == DepartureDefaults(
        leave_by="category", window=9, category_limit=1, threshold=0.0, r_min=0.0, horizon=30, leaving_pays=True
    )
    assert "occurred more than 1 times among the last 9" in card_markdown(world)


def test_each_fact_is_within_its_tolerance_and_on_the_card(world):
    found = video_facts(world)
    assert all(abs(found[name] - recorded) <= tolerance for name, (recorded, tolerance) in TARGETS.items())
    written = json.loads(CARDS.read_text("utf-8"))["videos"]["facts"]
    assert {name: row["world"] for name, row in written.items()} == pytest.approx(found, abs=1e-3)
    page = (Path(__file__).parents[3] / "docs" / "worlds" / "videos.md").read_text("utf-8")
    text = card_markdown(world)
    assert text[text.index("| fact |") :].strip() in page


def test_logs_are_what_people_watched(world):
    a = world.arrays
    lengths = np.diff(a["log_indptr"])
    assert (lengths.min(), lengths.max()) == VIDEOS.log_lengths
    users = np.repeat(np.arange(world.num_users), lengths)
    np.testing.assert_array_equal(a["log_rewards"], a["rewards"][users, a["log_items"]])
    assert a["log_rewards"].mean() > a["rewards"].mean() + 0.25


def test_watch_ratios_equal_a_slow_reference():
    knots = [(-100, 0), (0, 50), (80, 90), (150, 500)]
    indptr, ids = np.array([0, 1, 3]), np.array([2, 0, 1], np.int32)
    found = kernel.watch_ratios(5, 30, indptr, ids, 3, np.array([30, 40, 90, 50]), np.array(knots))

    def bell(step, purpose, lane):
        return int(kernel.normal(5, step, purpose, lane))

    for user in range(30):
        for item, categories in enumerate(([2, 2], [0, 0, 1])):
            liked = sum(bell(user, kernel.LIKING, c) for c in categories)
            x = 30 * bell(user, kernel.MOOD, 0) + 40 * bell(item, kernel.QUALITY, 0)
            x = (x + 90 * liked // len(categories) + 50 * bell(user, kernel.WHIM, item)) // kernel.SD
            x = min(max(x, -100), 150)
            (x0, y0), (x1, y1) = next(p for p in pairwise(knots) if x <= p[1][0])
            assert found[user, item] == y0 + (x - x0) * (y1 - y0) // (x1 - x0)


def test_another_seed_is_another_world():
    small = replace(VIDEOS, users=20, train_users=10, items=300)
    assert generate(small).hash == generate(small).hash != generate(replace(small, seed=1)).hash
    assert generate(small).info.card == {}
