"""Simulated visitors: shown by popularity, played by the world's rule, parts of a catalogue that say the same."""

from __future__ import annotations

import numpy as np
import pytest

from recsim_envs.families import make_family
from recsim_envs.worlds.card import smaller
from recsim_envs.worlds.card.visitors import popularity_driven, visitors
from recsim_envs.worlds.world import World
from tests.recsim_envs.worlds.card.made import made_world
from tests.worlds import every_kind, tiny_gru_world, tiny_world


def test_items_are_drawn_in_proportion_to_their_popularity():
    world = made_world()
    simulator = make_family("departure", 40_000, world=world)
    act = popularity_driven(simulator, np.arange(40_000, dtype=np.uint64))
    popularity = world.arrays["popularity"]
    shares = popularity / popularity.sum()
    first, second = act(), act()
    for drawn in (first, second):
        np.testing.assert_allclose(np.bincount(drawn, minlength=len(shares)) / 40_000, shares, atol=0.005)
    assert (first != second).mean() > 0.9


def test_without_popularity_every_item_is_as_likely():
    world = made_world()
    flat = World(world.info, world.arrays | {"popularity": np.zeros(world.num_items, np.int64)})
    simulator = make_family("departure", 40_000, world=flat)
    counts = np.bincount(popularity_driven(simulator, np.arange(40_000, dtype=np.uint64))())
    assert counts.min() > 800


def test_what_visitors_felt_is_told_even_where_leaving_forfeits_it():
    world = made_world(r_min=2.5)
    played = visitors(world, 200, seed=1)
    assert len(played.items) == len(played.rewards) == played.lengths.sum()
    assert (played.rewards != 0).all()
    assert (played.rewards < 2.5).any()
    again = visitors(world, 200, seed=1)
    np.testing.assert_array_equal(played.items, again.items)
    assert visitors(world, 200, seed=1, r_min=0.0, threshold=0.0).lengths.min() == world.info.departure.horizon


@pytest.mark.parametrize("world", every_kind().values(), ids=every_kind())
def test_a_part_of_a_catalogue_says_the_same_of_its_items(world):
    items = np.array([1, 2, 5, 11, 20, 29])
    part = smaller.with_items(world, items)
    part.validate()
    users = np.arange(world.num_users)
    np.testing.assert_array_equal(part.user_rewards(users), world.user_rewards(users)[:, items])
    assert list(part.catalogue.titles) == [world.catalogue.titles[i] for i in items]
    for place, item in enumerate(items):
        np.testing.assert_array_equal(part.catalogue.categories(place), world.catalogue.categories(item))
    for user in users:
        whole, left = (
            w.arrays["log_items"][slice(*w.arrays["log_indptr"][user : user + 2])].tolist() for w in (world, part)
        )
        assert [items[i] for i in left] == [i for i in whole if i in items]
    assert make_family("departure", 3, world=part).task.action_space.n == len(items)
    assert part.hash != world.hash


def test_large_catalogues_are_cut_and_others_kept(monkeypatch):
    monkeypatch.setattr(smaller, "LARGE", 30)
    assert smaller.part_of_catalogue(tiny_world(items=30), 0) is None
    part = smaller.part_of_catalogue(tiny_world(items=100), 0)
    assert len(part) == len(set(part.tolist())) == 30
    assert (np.diff(part) > 0).all()
    monkeypatch.setattr(smaller, "LARGE_SEQUENTIAL", 10)
    assert len(smaller.part_of_catalogue(tiny_gru_world(), 0)) == 10
