"""Coordinates: axes, scales with bands, charts, the plot of score against cost."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.board.arrange import board_of
from leaderboard.schema import Estimate
from leaderboard.site import geometry
from leaderboard.site.charts import Line, chart
from leaderboard.site.learning import learning_charts
from leaderboard.site.pareto import Pareto, paretos
from leaderboard.site.scale import Scale
from tests.leaderboard.fake_rows import fake_rows
from tests.leaderboard.site.fake_board import fake_board, judged, told


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=8), st.booleans())
def test_axes_hold_their_estimates(values: list[float], score: bool) -> None:
    axis = geometry.axis([Estimate(value=v) for v in values], 8, 128, score=score)
    assert axis.low <= min(values)
    assert axis.high >= max(values)
    assert all(8 <= axis.at(v) <= 128 for v in [*values, *axis.ticks])
    assert 2 <= len(axis.ticks) <= 6


@given(st.lists(st.floats(0, 1), max_size=7))
def test_stacked_bars_are_contiguous(shares: list[float]) -> None:
    parts = geometry.stack(shares, 96)
    assert all(width >= 0 for _, width in parts)
    for (start, width), (following, _) in pairwise(parts):
        assert start + width == pytest.approx(following, abs=0.01)


@pytest.mark.parametrize("horizon", [1, 2, 5, 20, 50, 70, 1_000])
def test_the_horizon_is_a_tick(horizon: int) -> None:
    assert geometry.step_ticks(horizon)[-1] == horizon


def test_a_band_holds_every_interval_of_its_tier() -> None:
    figures = [(1, Estimate(value=0.8, low=0.7, high=0.9)), (1, Estimate(value=0.75, low=0.6, high=0.85)), (2, None)]
    scale = Scale.of([*figures, (2, Estimate(value=0.1)), (None, Estimate(value=1.0))], score=True)
    start, width = scale.bands[1]
    assert start < scale.axis.at(0.6) < scale.axis.at(0.9) < start + width
    assert set(scale.bands) == {1, 2}


def test_lines_break_where_there_is_no_figure_and_stay_small() -> None:
    ys = [None if n == 500 else n / 1000 for n in range(1001)]
    drawn = chart("t", "t", "x", "y", [Line("a", range(1001), ys)], x_ticks=(0, 1000), y_ticks=(0, 1), y_range=(0, 1))
    assert drawn is not None
    pieces = drawn.points(drawn.lines[0])
    assert sum(len(piece.split()) for piece in pieces) <= 122
    assert pieces[-1].split()[-1] == f"{drawn.x.at(1000):g},{drawn.y.at(1):g}"
    assert drawn.lines[0].at(250) == 0.25
    assert drawn.lines[0].at(1001) is None
    gap = chart("t", "t", "x", "y", [Line("a", range(3), (0, None, 1))], x_ticks=(0, 2), y_ticks=(0,), y_range=(0, 1))
    assert gap is not None
    assert len(gap.points(gap.lines[0])) == 2


def test_learning_is_drawn_as_far_as_all_seeds_of_an_agent_went() -> None:
    section = fake_board().sections[0]
    charts = {drawn.title: drawn for drawn in learning_charts(section.entries)}
    assert list(charts) == ["Reward while training", "Reward after training: training episodes"]
    training, tested = charts.values()
    assert [line.label for line in training.lines] == ["billp", "ppo"]
    line = training.lines[0]
    assert (line.xs[0], line.xs[-1]) == (80, 640)
    assert line.ys[0] == pytest.approx(18.5)  # 19 under one seed, 18 under the other
    assert line.band[0] == pytest.approx((18, 19))
    assert tested.x_labels == ("0", "10", "100", "1.0\xa0k")
    assert tested.lines[0].ys == [20, 29, 38, 47]
    assert learning_charts([e for e in section.entries if e.row.agent == "greedy"]) == []


def plots() -> dict[str, Pareto]:
    (section, _) = board_of(judged(told(fake_rows()))).sections
    return {plot.key: plot for plot in paretos(section)}


def test_only_costs_that_differ_and_are_told_by_two_are_plotted() -> None:
    assert list(plots()) == ["steps", "p50", "p95", "wall"]  # one agent alone tells of money and tokens


def test_nobody_on_the_front_is_beaten_in_both() -> None:
    for plot in plots().values():
        front = [tuple(map(float, pair.split(","))) for pair in plot.front.split()]
        for x, y in front:
            assert not [p for p in plot.points if p.x <= x and p.y < y]  # y grows downwards
        assert front == sorted(front)
        assert all(plot.x.start <= p.x <= plot.x.stop for p in plot.points)


def test_names_in_the_plot_do_not_lie_on_each_other() -> None:
    for plot in plots().values():
        named = [p for p in plot.points if p.named]
        assert named
        for n, one in enumerate(named):
            assert not [p for p in named[n + 1 :] if abs(p.y - one.y) < 12 and abs(p.x - one.x) < 100]
