"""The list of markets, and what is not on it."""

from __future__ import annotations

import importlib

import pytest

from recsim_envs.errors import ConfigurationError
from recsim_envs.markets import make_market, registered_markets

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
