"""Worlds to learn in: the same from the same number, none like another, names of every kind."""

from __future__ import annotations

import numpy as np
import pytest

from bilp_agent.pocket.names import category_names
from bilp_agent.pocket.worlds import BOREDOM, DEPARTURE, place_of, slates_of, world_of
from recsim_envs.text.catalogue import CATEGORY_LENGTH, plain
from recsim_envs.worlds.recipes import GAMES


def test_a_number_is_a_world_and_splits_share_none():
    first, again, other = world_of("train", 3), world_of("train", 3), world_of("test", 3)
    np.testing.assert_array_equal(first.arrays["rewards"], again.arrays["rewards"])
    assert first.info == again.info
    assert other.info.category_names != first.info.category_names
    assert other.info.departure != first.info.departure


def test_what_makes_users_leave_differs_between_worlds():
    rules = [world_of("train", n).info.departure for n in range(12)]
    assert len({r.window for r in rules}) > 4
    assert {r.leave_by for r in rules} == {"distance", "category"}
    assert min(r.horizon for r in rules) < 50 < max(r.horizon for r in rules)


def test_places_are_of_both_families_and_slates_under_names_of_their_own():
    places = [place_of("train", n) for n in range(20)]
    assert {p.env_id for p in places} == {DEPARTURE, BOREDOM}
    one, again, other = slates_of("train", 3), slates_of("train", 3), slates_of("test", 3)
    assert one.options == again.options != other.options
    assert one.task.catalogue.category_names == again.task.catalogue.category_names
    assert not set(one.task.catalogue.category_names) & set(other.task.catalogue.category_names)
    assert len({slates_of("train", n).task.slate_size for n in range(12)}) > 4


@pytest.mark.parametrize("seed", range(20))
def test_names_are_different_and_stand_in_prompts_as_they_are(seed: int):
    names = category_names(24, np.random.default_rng(seed))
    assert len(set(names)) == 24
    assert all(name == plain(name, CATEGORY_LENGTH) for name in names)
    assert not set(names) & {name for name, _, _ in GAMES.categories}
