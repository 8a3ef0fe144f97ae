"""What is kept of prompts that were read, and for how long."""

from __future__ import annotations

import numpy as np
import pytest

from bilp_agent.pocket.prefixes import BLOCK, Prefixes

LENGTH = 5 * BLOCK + 3


def read(prefixes: Prefixes, ids: np.ndarray) -> int:
    """Ask what is known, compute the rest (of each token: itself), offer it; how many were known."""
    keys = np.full((2, 3, 8, LENGTH), -1, np.float32)
    values = np.full((2, 3, LENGTH, 8), -1, np.float32)
    known = prefixes.recall(ids, keys, values)
    assert (keys[..., :known] == ids[:known]).all()
    assert (values[:, :, :known] == ids[:known, None]).all()
    assert (keys[..., known:] == -1).all()
    keys[..., : len(ids)], values[:, :, : len(ids)] = ids, ids[:, None]
    prefixes.keep(ids, keys, values)
    return known


def test_what_came_twice_is_known_the_third_time():
    prefixes, ids = Prefixes(), np.arange(LENGTH)
    assert [read(prefixes, ids) for _ in range(3)] == [0, 0, 5 * BLOCK]
    other = np.concatenate([ids[: 2 * BLOCK + 1], ids[: 3 * BLOCK]])
    assert read(prefixes, other) == 2 * BLOCK
    assert read(prefixes, ids + 1) == 0


@pytest.mark.parametrize("length", [1, BLOCK, BLOCK + 1])
def test_the_last_token_is_always_read(length: int):
    prefixes, ids = Prefixes(), np.arange(length)
    assert [read(prefixes, ids) for _ in range(3)][-1] == (length - 1) // BLOCK * BLOCK


def test_the_least_used_goes_first():
    block = 2 * 4 * 2 * 3 * 8 * BLOCK  # bytes
    prefixes, prompts = Prefixes(most_bytes=2 * block), [np.full(BLOCK + 1, n) for n in range(3)]
    for n in (0, 0, 1, 1, 0, 2, 2):
        read(prefixes, prompts[n])
    assert [read(prefixes, prompts[n]) for n in (2, 0, 1)] == [BLOCK, BLOCK, 0]


def test_of_a_prompt_its_end_goes_first():
    """A block is of no use without those before it."""
    block = 2 * 4 * 2 * 3 * 8 * BLOCK  # bytes
    prefixes, long, short = Prefixes(most_bytes=4 * block), np.arange(LENGTH), np.arange(1, 2 * BLOCK + 2)
    assert [read(prefixes, long) for _ in range(3)] == [0, 0, 4 * BLOCK]
    assert [read(prefixes, short) for _ in range(3)] == [0, 0, 2 * BLOCK]
    assert read(prefixes, long) == 2 * BLOCK


def test_nothing_is_kept_where_there_is_no_room():
    prefixes = Prefixes(most_bytes=0)
    assert [read(prefixes, np.arange(LENGTH)) for _ in range(3)] == [0, 0, 0]
