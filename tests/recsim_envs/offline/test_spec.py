"""Names of logs and the seeds behind them."""

from __future__ import annotations

import numpy as np
import pytest

import recsim_envs
from leaderboard import seeds
from recsim_envs.errors import ConfigurationError
from recsim_envs.offline.spec import POLICIES, DatasetSpec, dataset_id, default_path, spec_of


def test_the_name_of_the_page():
    assert dataset_id("longrec/Games-v0", "mixed") == "longrec/games/mixed-v0"
    assert dataset_id("longrec/SlateTopKBored-v0", "random") == "longrec/slate-top-k-bored/random-v0"
    assert dataset_id("mine/Shop-v0", "popular") == "mine/shop/popular-v0"
    assert dataset_id("mine/Shop-v2", "popular") == "mine/shop-v2/popular-v0"


@pytest.mark.parametrize("policy", POLICIES)
def test_names_go_both_ways_for_whatever_is_registered(policy):
    ids = recsim_envs.registered_ids()
    names = [dataset_id(env_id, policy) for env_id in ids]
    assert len(set(names)) == len(ids)
    assert [(s.env_id, s.policy, s.id) for s in map(spec_of, names)] == [
        (i, policy, n) for i, n in zip(ids, names, strict=True)
    ]


@pytest.fixture
def own_ids(small_world):
    import gymnasium

    ids = ["mine/MyShop-v0", "mine/MyShop-v1", "mine/MYShop-v0"]
    for env_id in ids[:2]:
        recsim_envs.register(env_id, world=small_world)
    yield ids
    for env_id in ids:
        gymnasium.registry.pop(env_id, None)


def test_own_worlds_have_names_of_their_own(own_ids, small_world):
    assert spec_of("mine/my-shop/random-v0").env_id == own_ids[0]
    assert spec_of("mine/my-shop-v1/random-v0").env_id == own_ids[1]
    recsim_envs.register(own_ids[2], world=small_world)
    with pytest.raises(ConfigurationError, match=r"mine/MYShop-v0 and of mine/MyShop-v0"):
        spec_of("mine/my-shop/random-v0")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("games", "must look like"),
        ("xyz", "`longrec logs list` shows all names"),
        ("longrec/nothing/mixed-v0", "no registered environment"),
        ("longrec/gamez/mixed-v0", r"did you mean longrec/games/mixed-v0 or .*\?"),
        ("longrec/Games/mixed-v0", r"did you mean longrec/games/mixed-v0 or .*\?"),
        ("longrec/games/mixed", r"must look like .* did you mean longrec/games/mixed-v0"),
        ("longrec/games/best-v0", "does not exist"),
        ("longrec/games/greedy-v0", "does not exist"),
        ("longrec/games/mixed-v1", "version v1"),
    ],
)
def test_wrong_names(name, text):
    with pytest.raises(ConfigurationError, match=text):
        spec_of(name)


@pytest.mark.parametrize(
    "changes",
    [{"sessions": 0}, {"seed": -1}, {"epsilon": 0.0}, {"epsilon": 1.5}, {"options": {"split": "test"}},
     {"options": {"horizon": object()}}, {"options": {"horizon": float("nan")}}, {"sessions": "many"},
     {"split": "test"}, {"split": "held-out"}],
)  # fmt: skip
def test_wrong_values(changes):
    with pytest.raises(ConfigurationError):
        spec_of("longrec/games/mixed-v0", **changes)


def test_seeds_are_hashes_that_evaluation_does_not_use():
    spec = DatasetSpec("longrec/Games-v0", "mixed", sessions=2000)
    ours = set(spec.episode_seeds().tolist()) | set(spec.session_keys().tolist())
    assert len(ours) == 4000
    for suite in ("smoke-v1", "custom"):
        assert ours.isdisjoint(seeds.episode_seeds(suite, spec.env_id, 20_000).tolist())
        assert ours.isdisjoint(seeds.session_keys(suite, spec.env_id, 0, 20_000).tolist())


def test_sessions_are_shared_by_policies_but_not_by_seeds():
    one, other = (DatasetSpec("longrec/Games-v0", p, sessions=50) for p in ("mixed", "random"))
    assert np.array_equal(one.episode_seeds(), other.episode_seeds())
    assert not np.isin(one.session_keys(), other.session_keys()).any()
    again = DatasetSpec("longrec/Games-v0", "mixed", sessions=50, seed=1)
    assert not np.isin(one.episode_seeds(), again.episode_seeds()).any()


def test_the_default_path_is_in_the_home_folder(own_home):
    assert default_path("longrec/games/mixed-v0") == own_home / "logs" / "longrec" / "games" / "mixed-v0"
