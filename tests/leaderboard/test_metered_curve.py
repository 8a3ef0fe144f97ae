"""Training in a few dozen points: nothing is lost in them, whatever comes together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.evaluate.metered_curve import MeteredCurve
from leaderboard.schema.curve import MOST_POINTS


@given(st.lists(st.lists(st.tuples(st.floats(-10, 10), st.integers(1, 50)), max_size=9), max_size=300))
def test_points_hold_all_sessions_in_order(batches):
    curve, ended, steps = MeteredCurve(), [], 0
    for batch in batches:
        ended += batch
        steps += 10
        curve.add([r for r, _ in batch], [n for _, n in batch], len(ended), steps)
    points = curve.points()
    assert len(points) <= MOST_POINTS
    assert sum(point.sessions for point in points) == len(ended)
    start = 0
    for point in points:
        part = ended[start : start + point.sessions]
        start += point.sessions
        assert point.mean_return == pytest.approx(sum(r for r, _ in part) / len(part))
        assert point.mean_length == pytest.approx(sum(n for _, n in part) / len(part))
    assert [p.steps for p in points] == sorted(p.steps for p in points)
    if points:
        assert points[-1].episodes == len(ended)
        assert {point.sessions for point in points[:-1]} <= {points[0].sessions}
