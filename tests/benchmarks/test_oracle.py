"""How near the oracle comes to what no policy can exceed, where that is known. See docs/agents/oracle.md."""

from __future__ import annotations

import pytest

from recsim_envs.bounds import share_of_bound
from tests.benchmarks.boredom_optimum import shares

PROVEN = [
    ("Games-v0", {"protocol": "FB"}), ("Games-v0", {"protocol": "NX_0"}), ("Games-v0", {"protocol": "NX_10"}),
    ("Books-v0", {}), ("Videos-v0", {}), ("GamesTempting-v0", {}),
    ("GamesShift-v0", {}), ("GamesNoisy-v0", {}), ("SingleItemBored-v0", {}),
    ("SlateTopKStatic-v0", {}), ("SlateRerankStatic-v0", {}),
]  # fmt: skip
"""Ids with a bound that leaves nothing of weight out. Where slates bore, the bound forgets boredom and tells little."""


@pytest.mark.parametrize(("name", "options"), PROVEN)
def test_earns_nearly_all_that_can_be_earned(name: str, options: dict[str, str]):
    found = share_of_bound(f"longrec/{name}", episodes=10, **options)
    assert found is not None
    assert found.share.high >= 0.95
    if name == "SlateRerankStatic-v0":  # few clicks in ten steps: the mean of ten sessions may be above expectation
        return
    assert 0.95 <= found.share.value <= 1.05


def test_comes_near_the_optimum_where_slates_bore():
    """Of a small instance whose optimum is known. Clicks are random, so that the planner may seem to beat it."""
    best, planned, error = shares(user=0, lanes=200)
    assert 0.9 * best - 4 * error < planned < best + 4 * error
