"""The list of markets, and what is not on it."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from recsim_envs.errors import ConfigurationError
from recsim_envs.markets import make_market, registered_markets
from tests.recsim_envs.markets.support import begun, random_actions

HEADINGS = [
    "Description", "Action space", "Observation space", "Rewards", "Starting state", "Episode end", "Arguments",
    "What it shares with its reference and what it changes", "Version history",
]  # fmt: skip


def test_the_three_markets_are_registered():
    assert registered_markets() == ["creator_market_v0", "duopoly_v0", "slate_team_v0"]


@pytest.mark.parametrize("name", ["creator_market", "", None, 5, ["duopoly_v0"]])
def test_unknown_markets_are_refused(name):
    with pytest.raises(ConfigurationError, match=r"does not exist; use one of creator_market_v0, duopoly_v0"):
        make_market(name, 1)


@pytest.mark.parametrize("name", registered_markets())
def test_the_page_has_the_headings_and_names_every_option(name):
    market = make_market(name, 1)
    page = importlib.import_module(type(market).__module__.rpartition(".")[0]).__doc__
    assert [line[3:] for line in page.splitlines() if line.startswith("## ")] == HEADINGS
    assert ":" in page.splitlines()[0]
    for option, value in market.options.items():
        shown = f'`"{value}"`' if isinstance(value, str) else f"{value}"
        assert f"| `{option}` | {shown} |" in page


@pytest.mark.parametrize(
    ("name", "option", "value", "words"),
    [
        ("creator_market_v0", "num_creators", 1, "an integer of 2 to 1000"),
        ("creator_market_v0", "num_users", 0, "an integer of 1 to 10000"),
        ("creator_market_v0", "mechanism", "m1", "use 'engagement' or 'quality' or 'viability'"),
        ("creator_market_v0", "viability", 24.5, "a number of 0 to 24"),
        ("creator_market_v0", "fatigue_gain", float("nan"), "a number of 0 to 10"),
        ("slate_team_v0", "num_slots", 101, "an integer of 2 to 100"),
        ("slate_team_v0", "tiring", "0.2", "a number of 0 to 100"),
        ("duopoly_v0", "num_users", True, "an integer of 1 to 10000"),
        ("duopoly_v0", "harm", -0.1, "a number of 0 to 10"),
    ],
)
def test_a_markets_own_options_say_what_they_may_be(name, option, value, words):
    with pytest.raises(ConfigurationError, match=rf"{option}.*{words}"):
        make_market(name, 1, **{option: value})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("creator_market_v0", {"num_creators": 2, "num_users": 1, "viability": 24.0, "fatigue_gain": 10.0}),
        ("creator_market_v0", {"num_creators": 41, "num_users": 3, "viability": 0.0, "mechanism": "viability"}),
        ("slate_team_v0", {"num_slots": 100, "tiring": 100.0}),
        ("slate_team_v0", {"num_slots": 2, "tiring": 0.0}),
        ("duopoly_v0", {"num_users": 1, "harm": 10.0}),
        ("duopoly_v0", {"num_users": 1, "harm": 0.0}),
    ],
)
def test_extreme_options_keep_the_bounds(name, options):
    market, _ = begun(name, 4, horizon=300, **options)
    space, (low, high) = market.spec.observation_space, market.spec.reward_range
    for number in range(300):
        rewards = market.step(
            random_actions(market, 1, number) if number % 2 else np.zeros_like(market.active, int)
        ).rewards
        assert ((rewards >= low) & (rewards <= high)).all()
        assert all(space.contains(row) for row in market.observe().reshape(-1, *space.shape))
    assert market.over.all()
