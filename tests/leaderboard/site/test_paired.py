"""The statistics that the compare page computes in the browser are those of `leaderboard.stats`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leaderboard.site.compare import _packed
from leaderboard.stats import Sums, compare, detectable, improvement, influence

pytest.importorskip("playwright.sync_api")
SCRIPT = Path(__file__).parents[3] / "leaderboard" / "site" / "static" / "paired.js"


def agent(seed: int, seeds: int, users: int, *, spread: float = 1.0, counts: bool = True) -> Sums:
    """Returns that are single precision exactly, as what is packed is."""
    drawn = np.random.default_rng(seed)
    sessions = (np.random.default_rng(0).integers(1, 5, users) if counts else np.ones(users)) * np.ones((seeds, 1))
    values = drawn.normal(5, 2, (seeds, users)) + spread * drawn.normal(0, 1, (seeds, 1))
    return Sums((sessions * values).astype(np.float32).astype(np.float64), sessions, str(seed))


def told(sums: Sums) -> dict[str, Any]:
    return {"shape": sums.numerator.shape, "sums": _packed(sums.numerator), "counts": _packed(sums.denominator)}


@pytest.fixture(scope="module")
def page(browser: Any) -> Any:
    page = browser.new_context().new_page()
    page.add_script_tag(path=SCRIPT)
    return page


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (agent(1, 1, 40), agent(2, 1, 40)),
        (agent(1, 3, 40), agent(2, 3, 40)),
        (agent(1, 5, 200, spread=0.0), agent(2, 3, 200, spread=3.0)),
        (agent(1, 2, 40, counts=False), agent(2, 2, 40, counts=False)),
        (agent(1, 2, 40), agent(1, 2, 40)),
        (
            Sums(np.round(agent(1, 2, 9).numerator), np.ones((2, 9)), "a"),
            Sums(np.full((2, 9), 3.0), np.ones((2, 9)), "b"),
        ),
    ],
    ids=["one seed", "three seeds", "seeds that differ", "one session each", "the same twice", "a constant"],
)
@pytest.mark.parametrize("scale", [1.0, 0.03])
def test_the_browser_computes_what_python_does(page: Any, first: Sums, second: Sums, scale: float) -> None:
    found = page.evaluate("([a, b, scale]) => paired.difference(a, b, scale)", [told(first), told(second), scale])
    pairs = compare([influence(first, scale), influence(second, scale)], jointly=())
    chance, least = improvement(first, second), detectable(first, second, scale=scale).smallest
    wanted = {"value": pairs.value[0, 1], "low": pairs.low[0, 1], "high": pairs.high[0, 1]}
    for name, figure in wanted.items():
        assert (found[name] is None) == bool(np.isnan(figure)), name
        if found[name] is not None:
            assert found[name] == pytest.approx(figure, rel=2e-3, abs=1e-9), name
    assert chance is not None
    assert found["more"] == pytest.approx(chance.value)
    assert (found["smallest"] is None) == (least is None)
    if least is not None:
        assert found["smallest"] == pytest.approx(least, rel=2e-3)


def test_numbers_are_packed_as_small_as_they_allow() -> None:
    kinds = {_packed(np.array([[0.0, x]]))[0] for x in (255.0, 256.0, 0.5, -1.0)}
    assert kinds == {"u1", "u2", "f4"}
    assert len(_packed(np.ones((3, 1000)))[1]) == 4
