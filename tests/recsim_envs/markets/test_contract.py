"""Every market keeps the contract: faces, seeds, lanes, bounds, refusals."""

from __future__ import annotations

import copy
import importlib
import pickle
import subprocess
import sys

import numpy as np
import pytest

from recsim_envs import rng
from recsim_envs.errors import ConfigurationError, EpisodeError, InvalidActionError
from recsim_envs.faces.seeding import episode_seeds
from recsim_envs.markets import make_market, registered_markets
from tests.recsim_envs.markets.support import begun, random_actions

MARKETS = registered_markets()
SMALL = {"creator_market_v0": {"viability": 20.0, "num_users": 20}, "slate_team_v0": {"tiring": 3.0}, "duopoly_v0": {}}

pytestmark = pytest.mark.parametrize("name", MARKETS)


def module(name):
    return importlib.import_module(f"recsim_envs.{name}")


@pytest.mark.filterwarnings("error")
def test_pettingzoo_finds_nothing_to_complain_about(name):
    from pettingzoo.test import api_test, max_cycles_test, parallel_api_test, parallel_seed_test, seed_test

    mod = module(name)
    api_test(mod.env(**SMALL[name]), num_cycles=150)
    parallel_api_test(mod.parallel_env(**SMALL[name]), num_cycles=300)
    seed_test(mod.env, num_cycles=30)
    parallel_seed_test(mod.parallel_env, num_cycles=100)
    max_cycles_test(mod)
    assert str(mod.raw_env()) == name


def test_a_lane_equals_a_parallel_environment(name):
    """Two episodes of each of eight seeds, bit for bit, to the end, with agents who leave."""
    env = module(name).parallel_env(horizon=60, **SMALL[name])
    seeds = rng.bits_array(5, np.arange(8), rng.POLICY) >> np.uint64(1)
    for episode in (0, 1):
        market = make_market(name, 8, horizon=60, **SMALL[name])
        market.begin(np.arange(8), episode_seeds(seeds, np.full(8, episode)))
        first, record = market.observe(), []
        while not market.over.all():
            actions = random_actions(market, 9, len(record))
            record.append((actions, market.step(actions), market.observe()))
        assert name == "duopoly_v0" or any(step.terminated.any() for _, step, _ in record)
        for lane in range(8):
            seen, infos = env.reset(seed=int(seeds[lane]))
            if episode:
                seen, infos = env.reset()
            assert list(seen) == list(infos) == env.agents == env.possible_agents
            assert np.array_equal(np.stack(list(seen.values())), first[lane])
            follow(env, lane, record)


def follow(env, lane, record):
    for actions, step, observed in record:
        if not env.agents:
            return
        playing = {agent: env.possible_agents.index(agent) for agent in env.agents}
        results = env.step({agent: int(actions[lane, i]) for agent, i in playing.items()})
        for values, batch in zip(results, (observed, *step), strict=False):
            assert list(values) == list(playing)
            for agent, i in playing.items():
                assert np.asarray(values[agent]).tobytes() == batch[lane, i].tobytes()
        assert results[4] == {agent: {} for agent in playing}
        assert env.agents == [a for a, i in playing.items() if not (step.terminated | step.truncated)[lane, i]]


def test_a_world_does_not_depend_on_its_lane_or_its_neighbours(name):
    wide, narrow = (make_market(name, lanes, **SMALL[name]) for lanes in (20, 2))
    seeds = rng.bits_array(1, np.arange(20), rng.POLICY)
    wide.begin(np.arange(20), seeds)
    narrow.begin(np.array([1, 0]), seeds[[7, 13]])
    for number in range(30):
        actions = random_actions(wide, 2, number)
        a, b = wide.step(actions), narrow.step(actions[[13, 7]])
        for left, right in zip((*a, wide.observe()), (*b, narrow.observe()), strict=True):
            assert left[[13, 7]].tobytes() == right.tobytes()


def test_seeds_and_splits_give_other_worlds(name):
    worlds = {
        split: begun(name, 50, split=split)[0].hidden()["tastes"].reshape(50, -1) for split in ("train", "test", "all")
    }
    assert len(np.unique(np.concatenate(list(worlds.values())), axis=0)) == 150


def test_lanes_can_be_begun_one_by_one(name):
    market = make_market(name, 3, **SMALL[name])
    assert market.over.all()
    assert not market.step(np.zeros((3, market.spec.num_agents), int)).rewards.any()
    market.begin(np.array([1]), np.array([4], np.uint64))
    assert market.over.tolist() == [True, False, True]
    before = market.observe()
    market.step(random_actions(market, 0, 0))
    assert np.array_equal(market.observe()[[0, 2]], before[[0, 2]])
    assert market.rounds.tolist() == [0, 1, 0]
    market.begin(np.array([1]), np.array([4], np.uint64))
    assert np.array_equal(market.observe(), before)


def test_a_world_that_is_over_is_left_alone(name):
    market, _ = begun(name, 2, horizon=3)
    for number in range(3):
        step = market.step(random_actions(market, 0, number))
    kept, causes = market.observe(), market.causes()
    again = market.step(np.full((2, market.spec.num_agents), -7))
    assert not again.rewards.any()
    assert np.array_equal(again.terminated, step.terminated)
    assert np.array_equal(again.truncated, step.truncated)
    assert np.array_equal(market.observe(), kept)
    assert np.array_equal(market.causes(), causes)
    assert market.rounds.tolist() == [3, 3]


def test_observations_and_rewards_keep_their_bounds(name):
    low, high = make_market(name, 1).spec.reward_range
    for action in (None, 0, -1, 4):
        market, _ = begun(name, 12, horizon=80, **SMALL[name])
        space, number = market.spec.observation_space, 0
        assert len(market.spec.fields) == space.shape[0] == len(set(market.spec.fields))
        while not market.over.all():
            actions = random_actions(market, 3, number)
            if action is not None:
                actions[:] = action % market.spec.num_actions
            rewards, seen = market.step(actions).rewards, market.observe()
            assert seen.dtype == np.float32
            assert all(space.contains(row) for row in seen.reshape(-1, *space.shape))
            assert ((rewards >= low) & (rewards <= high)).all()
            assert not market.spec.shared_reward or (rewards == rewards[:, :1]).all()
            number += 1
        assert number <= 80


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda market: pickle.loads(pickle.dumps(market))])
def test_a_copy_goes_on_alone(name, clone):
    market, _ = begun(name, 4)
    market.step(random_actions(market, 0, 0))
    copied, kept = clone(market), market.observe()
    ahead = [market.step(random_actions(market, 0, n)).rewards for n in range(1, 10)]
    assert np.array_equal(copied.observe(), kept)
    assert all(np.array_equal(copied.step(random_actions(copied, 0, n)).rewards, ahead[n - 1]) for n in range(1, 10))
    assert np.array_equal(copied.observe(), market.observe())


def test_arrays_are_fresh(name):
    market, _ = begun(name, 2)
    arrays = [market.observe(), *market.hidden().values(), market.rounds, market.active]
    kept = [array.copy() for array in arrays]
    market.step(random_actions(market, 0, 0))
    market.begin(np.arange(2), np.array([8, 9], np.uint64))
    assert all(np.array_equal(array, copied) for array, copied in zip(arrays, kept, strict=True))


def test_wrong_actions_are_refused_and_move_nothing(name):
    market, _ = begun(name, 2)
    count, agents = market.spec.num_actions, market.spec.num_agents
    good, before = np.zeros((2, agents), int), market.observe()
    for value in (-1, count, 2**40):
        bad = good.copy()
        bad[1, agents - 1] = value
        with pytest.raises(InvalidActionError, match=rf"lane 1, {market.spec.agents[-1]}: action {value} is out"):
            market.step(bad)
    for bad in (good.astype(float), good[:1], good.ravel(), "a", None, good.astype(bool)):
        with pytest.raises(InvalidActionError, match=f"actions must be 2 x {agents} integers"):
            market.step(bad)
    assert np.array_equal(market.observe(), before)
    assert not market.rounds.any()


def test_the_parallel_face_says_what_is_wrong(name):
    env = module(name).parallel_env(max_cycles=1)
    first, *others = env.possible_agents
    with pytest.raises(EpisodeError, match=r"call reset\(\) first"):
        env.step(dict.fromkeys(env.possible_agents, 0))
    env.reset(seed=1)
    good = dict.fromkeys(env.agents, 0)
    for bad, words in [
        (dict.fromkeys(others, 0), f"agent '{first}' has no action"),
        (good | {"nobody": 0}, "agent 'nobody' does not exist"),
        (good | {first: 0.5}, "must be one integer"),
        (good | {first: None}, "must be one integer"),
        (good | {first: 10**30}, "must be one integer"),
        (good | {first: np.uint64(2**64 - 1)}, "out of range"),
        (good | {first: 1000}, "is out of range"),
    ]:
        with pytest.raises(InvalidActionError, match=words):
            env.step(bad)
    assert not any(env.step({agent: np.int32(0) for agent in env.agents})[2].values())
    assert env.agents == []
    with pytest.raises(EpisodeError):
        env.step(good)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"horizn": 5}, "did you mean 'horizon'"),
        ({"horizon": 0}, "horizon must be an integer"),
        ({"horizon": 2.5}, "horizon must be an integer"),
        ({"split": "dev"}, "use 'train', 'test' or 'all'"),
    ],
)
def test_options_without_meaning_are_refused(name, options, words):
    with pytest.raises(ConfigurationError, match=words):
        make_market(name, 1, **options)
    with pytest.raises(ConfigurationError, match=words):
        module(name).parallel_env(**options)


def test_the_faces_own_options(name):
    mod = module(name)
    with pytest.raises(ConfigurationError, match="same option"):
        mod.parallel_env(max_cycles=5, horizon=5)
    with pytest.raises(ConfigurationError, match="use 'ansi' or None"):
        mod.env(render_mode="human")
    for lanes in (0, 1.5, True):
        with pytest.raises(ConfigurationError, match="number of lanes"):
            make_market(name, lanes)
    for seed in (-1, 2**64, 1.5):
        with pytest.raises(ConfigurationError, match="seed must be an integer"):
            mod.parallel_env().reset(seed=seed)


def test_text_and_state(name):
    env = module(name).parallel_env(render_mode="ansi", max_cycles=2)
    env.reset(seed=3)
    env.render()
    env.step(dict.fromkeys(env.agents, 1))
    text = env.render()
    assert f"{name}  round 1 of 2" in text
    assert all(agent in text for agent in env.possible_agents)
    assert env.state_space.contains(env.state())
    assert module(name).parallel_env().render() is None


def test_what_is_hidden_is_no_field_and_constants_are_told(name):
    market, _ = begun(name, 1)
    assert not set(market.hidden()) & set(market.spec.fields)
    assert {"horizon", *SMALL[name]} <= set(market.constants())


def test_planning_together_beats_each_for_itself(name):
    """The horizon gap is above one fifth, already at a shorter horizon; differences are taken in the same world.

    Rules of thumb come nearer. Creators' fixed honest offers are their plan but for the last round.
    """
    market = make_market(name, 60, split="test", horizon=80)
    returns = {}
    for label, make in market.references().items():
        market.begin(np.arange(60), np.arange(60, dtype=np.uint64))
        policy, total = make(), np.zeros(60)
        while not market.over.all():
            total += market.step(policy()).rewards.sum(axis=1)
        returns[label] = total
    planned = returns.pop("planner")
    for label, total in returns.items():
        if label == "rule-honest" and name == "creator_market_v0":
            assert 0.98 * planned.mean() < total.mean() < planned.mean()
            continue
        surplus = (1.0 if label.startswith("rule-") else 0.8) * planned - total
        assert surplus.mean() > 3 * surplus.std() / np.sqrt(60)  # passes by chance with p < 0.002


def test_importing_the_package_imports_no_pettingzoo(name):
    code = f"import sys, recsim_envs; from recsim_envs.markets import make_market; make_market({name!r}, 1); "
    subprocess.run([sys.executable, "-c", code + "assert 'pettingzoo' not in sys.modules"], check=True)
