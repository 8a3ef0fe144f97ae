"""The agents that learn in words, through the whole of a small curve: every figure that they can tell is on it."""

from __future__ import annotations

import pytest

from leaderboard.evaluate.curve.plan import make_curve_plan
from leaderboard.evaluate.curve.run import learning_curve
from tests.leaderboard.conftest import ENV

ALWAYS = {"calls_per_decision", "prompt_characters", "reusable_prefix", "repaired", "fallback", "memory_records"}


@pytest.mark.parametrize(
    ("agent", "figures"),
    [
        ("billp", {"critic_auc", "memory_hits"}),
        ("billp-plus", {"critic_auc", "leaving_brier", "memory_hits"}),
        ("reflexion", set()),
    ],
)
def test_every_figure_that_is_told_is_on_the_curve(agent, figures, world_path, tmp_path):
    options = {"world": str(world_path)}
    plan = make_curve_plan(agent, {"model": "scripted"}, ENV, options, at=(0, 8), training_seeds=(0,), sessions=12)
    untrained, trained = learning_curve(agent, plan, tmp_path / "curve").points
    known = {name for name, value in trained.measures.items() if value is not None}
    assert known == ALWAYS | figures  # tokens are not measured: the scripted model has none
    assert untrained.measures["memory_records"] == 0.0
    assert trained.measures["memory_records"] > 0
    assert trained.spent[0].episodes == 8
    if figures:
        assert trained.facts[0]["critic"]["calibration"]
