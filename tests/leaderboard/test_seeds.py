"""Seeds: common where they must be, disjoint everywhere else."""

from __future__ import annotations

import numpy as np

from leaderboard import seeds


def test_episode_seeds_are_a_function_of_their_number():
    assert np.array_equal(seeds.episode_seeds("s", "e-v0", 10), seeds.episode_seeds("s", "e-v0", 1000)[:10])


def test_known_answers():
    """Changing these makes every submission of record unreplayable."""
    first_two = seeds.episode_seeds("smoke-v1", "longrec/Games-v0", 2)
    assert first_two.tolist() == [13707816282063899164, 10018410047552707491]
    assert seeds.session_keys("smoke-v1", "longrec/Games-v0", 0, 1).tolist() == [7563726812651572093]
    assert seeds.agent_seed("smoke-v1", "longrec/Games-v0", 0) == 4899304203370116531


def test_no_seed_serves_two_purposes():
    names = [("a-v1", "x-v0"), ("a-v1", "y-v0"), ("b-v1", "x-v0")]
    test = [seeds.episode_seeds(s, e, 2000) for s, e in names]
    keys = [seeds.session_keys(s, e, t, 2000) for s, e in names for t in (0, 1)]
    train = [
        np.array([seeds.training_env_seed(s, e, t, k, r) for t in (0, 1) for k in (0, 1) for r in range(20)], np.uint64)
        for s, e in names
    ]
    agent = np.array([seeds.agent_seed(s, e, t) for s, e in names for t in (0, 1)], np.uint64)
    everything = np.concatenate([*test, *keys, *train, agent])
    assert len(np.unique(everything)) == len(everything)
