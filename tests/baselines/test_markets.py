"""Baselines of markets: deterministic, lane by lane, and learning what they claim."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

from baselines.markets import AGENTS, make_agents, play
from baselines.markets.independent import IndependentAgents, Trajectory
from recsim_envs import rng
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.markets import make_market, registered_markets

MARKETS = registered_markets()
SHORT = {"horizon": 60}


def keys(count: int, number: int = 0) -> np.ndarray:
    return rng.bits_array(number, np.arange(count), rng.AGENT)


@cache
def learned(name: str, discount: float = 0.9, updates: int = 3) -> IndependentAgents:
    agents = IndependentAgents(discount=discount)
    agents.train(make_market(name, 16, **SHORT), 16 * updates + 5, seed=1)
    return agents


def agents_for(kind: str, name: str):
    return learned(name) if kind == "independent" else make_agents(kind)


@pytest.mark.parametrize("name", MARKETS)
@pytest.mark.parametrize("kind", AGENTS)
def test_agents_play_the_same_in_any_lane_order_and_number(kind, name):
    seeds, agents = keys(6, 1) >> np.uint64(1), agents_for(kind, name)
    whole = play(make_market(name, 6, **SHORT), agents, seeds, keys(6))
    part = play(make_market(name, 3, **SHORT), agents, seeds[[4, 0, 2]], keys(6)[[4, 0, 2]])
    assert np.array_equal(part, whole[[4, 0, 2]])
    assert np.unique(whole.sum(axis=1)).size > 1


def test_random_agents_are_uniform_and_each_draws_for_itself():
    market, agents = make_market("duopoly_v0", 9000), make_agents("random")
    agents.reset(market.spec, keys(9000))
    actions = agents.act(market.observe(), 0)
    for column in (*actions.T, agents.act(market.observe(), 1)[:, 0]):
        assert abs(np.bincount(column, minlength=45) - 200).max() < 5 * np.sqrt(200)
    assert (actions[:, 0] == actions[:, 1]).mean() < 0.05


def test_greedy_agents_try_everything_and_then_take_what_pays():
    market, agents = make_market("slate_team_v0", 4), make_agents("greedy", memory=0.5)
    agents.reset(market.spec, keys(4))
    seen, everyone, tried = market.observe(), np.ones((4, 5), bool), []
    for number in range(12):
        tried.append(agents.act(seen, number))
        agents.observe(tried[-1], np.where(tried[-1] == 3, 2.0, 0.5), everyone)
    assert (np.sort(tried, axis=0) == np.arange(12)[:, None, None]).all()
    assert len({tuple(order) for order in np.reshape(tried, (12, 20)).T.tolist()}) > 10
    for number, expected in ((12, 3), (13, 3), (14, 0)):  # 2, 1, 0.5: then all are equal, and the lowest number wins
        actions = agents.act(seen, number)
        assert (actions == expected).all()
        agents.observe(actions, np.zeros((4, 5)), everyone)
    agents.observe(np.full((4, 5), 7), np.full((4, 5), 9.0), ~everyone)  # who has left learns nothing
    assert (agents.act(seen, 15) != 7).all()


def test_the_gradient_is_that_of_credit_and_entropy():
    """Against finite differences, on made-up worlds in which one agent stops early."""
    random = np.random.default_rng(0)
    rounds, worlds, count, size = 5, 4, 3, 6
    agents = IndependentAgents(entropy=0.3, discount=0.7)
    agents._weights = random.normal(size=(2, count, size)) / 2
    features = random.normal(size=(rounds, worlds, 2, size))
    played = np.ones((rounds, worlds, 2), bool)
    played[3:, 1, 0] = False
    rewards = random.normal(size=played.shape) * played
    actions = random.integers(0, count, played.shape)

    def chances():
        return np.stack([agents._chances(row) for row in features])

    seen = Trajectory(features, chances(), actions, rewards, played)
    credits, gradient = agents._advantages(seen), agents._gradient(seen)
    assert not credits[3:, 1, 0].any()

    def objective(i):
        logs = np.log(chances()[:, :, i])
        taken = np.take_along_axis(logs, actions[:, :, i, None], 2)[..., 0]
        entropy = -(np.exp(logs) * logs).sum(axis=2)
        return ((credits[:, :, i] * taken + 0.3 * entropy) * played[:, :, i]).sum() / played[:, :, i].sum()

    for i, a, d in np.ndindex(agents._weights.shape):
        middle = agents._weights[i, a, d]
        ends = []
        for shift in (1e-5, -1e-5):
            agents._weights[i, a, d] = middle + shift
            ends.append(objective(i))
        agents._weights[i, a, d] = middle
        assert gradient[i, a, d] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-6)


def test_training_is_deterministic_and_counts_worlds():
    market = make_market("slate_team_v0", 8, **SHORT)
    begun = []
    begin = market.begin
    market.begin = lambda lanes, seeds: (begun.extend(seeds.tolist()), begin(lanes, seeds))[1]
    first, second = IndependentAgents(), IndependentAgents()
    first.train(market, 20, seed=3)
    assert len(begun) == len(set(begun)) == 16
    second.train(market, 20, seed=3)
    assert np.array_equal(first._weights, second._weights)
    second.train(market, 20, seed=4)
    assert not np.array_equal(first._weights, second._weights)


def test_far_sighted_learners_earn_more_than_myopic_ones_and_chance():
    """What the duopoly is about, learned: 60 worlds that no learner has met; 3 standard errors, p < 0.002."""
    market = make_market("duopoly_v0", 60, split="test", **SHORT)
    seeds = keys(60, 9)
    returns = {
        "far": play(market, learned("duopoly_v0", 0.9, 60), seeds, keys(60)).sum(axis=1),
        "near": play(market, learned("duopoly_v0", 0.0, 60), seeds, keys(60)).sum(axis=1),
        "random": play(market, make_agents("random"), seeds, keys(60)).sum(axis=1),
    }
    for other in ("near", "random"):
        surplus = returns["far"] - 1.1 * returns[other]
        assert surplus.mean() > 3 * surplus.std() / np.sqrt(60)


def test_what_was_learned_can_be_saved_and_loaded(tmp_path):
    agents, restored = learned("duopoly_v0"), IndependentAgents()
    agents.save(tmp_path)
    restored.load(tmp_path)
    market = make_market("duopoly_v0", 4, **SHORT)
    assert np.array_equal(play(market, restored, keys(4), keys(4)), play(market, agents, keys(4), keys(4)))
    with pytest.raises(AgentError, match="do not fit slate_team_v0"):
        restored.reset(make_market("slate_team_v0", 1).spec, keys(1))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read"),
        ("{", "is no JSON"),
        ("{}", "field weights is missing"),
        ('{"weights": [[1], [1, 2]]}', "no array of numbers"),
        ('{"weights": ["a"]}', "no array of numbers"),
        ('{"weights": [1, 2]}', "three axes"),
        (json.dumps({"weights": [[[float("nan")]]]}), "must be finite"),
    ],
)
def test_damaged_policies_are_refused(content, words, tmp_path):
    if content is not None:
        (tmp_path / "policies.json").write_text(content)
    with pytest.raises(AgentError, match=words):
        IndependentAgents().load(tmp_path)


def test_agents_say_what_is_missing_or_wrong(tmp_path):
    with pytest.raises(AgentError, match="has learned nothing yet"):
        IndependentAgents().reset(make_market("duopoly_v0", 1).spec, keys(1))
    with pytest.raises(AgentError, match="nothing to save"):
        IndependentAgents().save(tmp_path)
    with pytest.raises(AgentError, match="use random, greedy, independent"):
        make_agents("gredy")
    for parameters in ({"discount": 1.5}, {"learning_rate": 0}, {"entropy": -1}):
        with pytest.raises(ConfigurationError, match="discount must be in"):
            IndependentAgents(**parameters)
    with pytest.raises(ConfigurationError, match="memory must be"):
        make_agents("greedy", memory=1.0)
    with pytest.raises(ConfigurationError, match="less than one update of 8 lanes"):
        IndependentAgents().train(make_market("duopoly_v0", 8), 7, seed=0)
