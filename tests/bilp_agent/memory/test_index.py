"""The index: what a slow reference finds while it is exact, and the same whether it grew or was made at once."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bilp_agent.memory.index import Sizes, VectorIndex
from recsim_envs.errors import AgentError

SMALL = Sizes(exact=400, lists=8, probes=3, block=32)


def slow_nearest(vectors: list[list[float]], query: list[float], k: int) -> list[tuple[float, int]]:
    """Every distance, in plain Python, sorted by distance and age."""
    distances = [sum((a - b) ** 2 for a, b in zip(row, query, strict=True)) for row in vectors]
    return sorted((distance, row) for row, distance in enumerate(distances))[:k]


def vectors_of(count: int, dim: int = 16, seed: int = 0) -> NDArray[np.float32]:
    """Small integers in clusters: many are at the same distance."""
    g = np.random.default_rng(seed)
    centres = g.integers(-2, 3, (12, dim))
    return (centres[g.integers(0, 12, count)] + g.integers(0, 2, (count, dim))).astype(np.float32)


@given(
    st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), min_size=1, max_size=40),
    st.lists(st.integers(-2, 2), min_size=3, max_size=3),
    st.integers(1, 45),
)
def test_few_vectors_are_searched_as_the_reference_does(rows: list[list[float]], query: list[float], k: int) -> None:
    index = VectorIndex(3)
    index.add(np.array(rows, np.float32))
    assert index.search(np.array(query, np.float32), k) == slow_nearest(rows, query, k)


def test_a_long_answer_is_cut_by_age_too() -> None:
    vectors = vectors_of(350, 3)
    index = VectorIndex(3)
    index.add(vectors)
    for k in (99, 100, 150, 349, 350):
        assert index.search(vectors[0], k) == slow_nearest(vectors.tolist(), vectors[0].tolist(), k)


@settings(max_examples=20)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=12), st.integers(0, 3))
def test_an_index_that_grew_equals_one_made_at_once(steps: list[int], seed: int) -> None:
    vectors = vectors_of(1000, seed=seed)
    whole, grown = VectorIndex(16, SMALL), VectorIndex(16, SMALL)
    whole.add(vectors)
    done = 0
    for step in [*steps, len(vectors)]:
        grown.add(vectors[done : done + step])
        done = min(done + step, len(vectors))
        assert len(grown) == done
    assert not whole.exact
    for query in vectors_of(20, seed=seed + 10):
        assert grown.search(query, 7) == whole.search(query, 7)


def test_many_vectors_are_found_by_cells() -> None:
    vectors = vectors_of(3000)
    index = VectorIndex(16, SMALL)
    index.add(vectors)
    found = [index.search(query, 5) for query in vectors]
    assert all(hits[0][0] == 0.0 for hits in found)  # what is remembered is found
    wanted = [slow_nearest(vectors.tolist(), query.tolist(), 5) for query in vectors[:100]]
    near = [sum(a[0] <= w[-1][0] for a in hits) for hits, w in zip(found, wanted, strict=False)]
    assert sum(near) >= 0.9 * 500
    # The newest are in no cell yet; they are compared one by one.
    assert (0.0, 2999) in index.search(vectors[2999], 3000)
    # Cells that hold fewer than were asked for say so by answering less, never by inventing a row.
    rows = [row for _, row in index.search(vectors[0], 3000)]
    assert len(rows) == len(set(rows)) <= 3000


def test_exact_until_the_limit() -> None:
    index = VectorIndex(16, SMALL)
    assert index.search(vectors_of(1)[0], 3) == []
    index.add(vectors_of(400))
    assert index.exact
    index.add(vectors_of(1))
    assert (index.exact, len(index)) == (False, 401)


def test_without_faiss_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(AgentError, match=r"pip install 'longrec\[llm\]'"):
        VectorIndex(3)
