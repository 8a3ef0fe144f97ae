"""A log under a target policy: ratios and expected features against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from leaderboard.ope.judged import _standard, judge, state_features
from recsim_envs.errors import ConfigurationError
from recsim_envs.offline import DatasetSpec, generate
from recsim_envs.offline.observations import simulator_of
from recsim_envs.offline.policies import LogPolicy, observed_values
from tests.worlds import tiny_world

TARGETS = ["random", "popular", "epsilon-greedy", "mixed", "greedy"]


@pytest.fixture(scope="module")
def world_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("worlds") / "tiny"
    tiny_world(items=8, threshold=0.1).save(path)
    return str(path)


@pytest.fixture(params=["FB", "NX_0"])
def log(request, world_path):
    options = {"world": world_path, "protocol": request.param, "horizon": 6}
    return generate(DatasetSpec("longrec/Games-v0", "mixed", sessions=15, options=options))


def brute_force(log, target):
    """The probability of every action at every row, by asking the policy of all of them: (rows, n), and masks."""
    one, chances = simulator_of(log, 1), []
    items = one.task.catalogue.num_items
    every = np.arange(items) if log.slate_size is None else np.array(list(itertools.permutations(range(items), 2)))
    for session in range(len(log)):
        one.begin(np.arange(1), log.seeds[session : session + 1])
        history = []
        for row in range(log.offsets[session], log.offsets[session + 1]):
            policy = LogPolicy(target, one.task, len(every))
            policy.begin(np.arange(len(every)), np.zeros(len(every), np.uint64))
            chances.append(_asked(policy, every, one, history))
            history.append((_frozen(one, len(every)), log.actions[row]))
            one.step(log.actions[row : row + 1].astype(np.int64))
    return every, np.array(chances)


class _Frozen:
    def __init__(self, infos, observations):
        self.infos, self.observe = lambda: infos, lambda: observations


def _frozen(simulator, lanes):
    def spread(arrays):
        return {k: np.repeat(v, lanes, axis=0) for k, v in arrays.items()}

    return _Frozen(spread(simulator.infos()), spread(simulator.observe()))


def _asked(policy, every, simulator, history):
    running = np.ones(len(every), bool)
    for stage, shown in history:
        policy.judge(running, np.repeat(np.array(shown)[None], len(every), axis=0).astype(np.int64), stage)
    return policy.judge(running, every, _frozen(simulator, len(every)))


@pytest.mark.parametrize("target", TARGETS)
def test_single_items_with_and_without_masks(log, target):
    found = judge(log, target)
    every, chances = brute_force(log, target)
    rows = np.arange(len(log.actions))
    assert found.ratios == pytest.approx(chances[rows, log.actions] / log.propensities)
    catalogue = simulator_of(log, 1).task.catalogue
    items = np.stack(
        [_standard(catalogue.mean_reward.astype(float)), _standard(np.log1p(catalogue.popularity))], axis=1
    )
    assert found.shown == pytest.approx(items[log.actions])
    assert chances.sum(axis=1) == pytest.approx(1)  # also after what the target would never have shown
    assert found.expected == pytest.approx(chances @ items[every])


@pytest.mark.parametrize("target", ["random", "epsilon-greedy", "mixed"])
def test_candidates_are_seen_again(target):
    options = {"num_candidates": 4, "slate_size": 2, "horizon": 5}
    log = generate(DatasetSpec("longrec/InterestEvolution-v0", "mixed", sessions=4, options=options))
    found = judge(log, target)
    every, chances = brute_force(log, target)
    index = {tuple(a): i for i, a in enumerate(every.tolist())}
    rows = np.arange(len(log.actions))
    picked = np.array([index[tuple(a)] for a in log.actions.tolist()])
    assert found.ratios == pytest.approx(chances[rows, picked] / log.propensities)
    seen = _values(log)
    assert found.shown[:, 0] == pytest.approx(np.take_along_axis(seen, log.actions, axis=1).mean(axis=1))
    assert found.expected[:, 0] == pytest.approx((chances * seen[:, every].mean(axis=2)).sum(axis=1))


def _values(log):
    from recsim_envs.offline import transitions

    (batch,) = transitions(log)
    return observed_values(batch.observations)


def test_slates_of_a_fixed_catalogue():
    log = generate(DatasetSpec("longrec/SlateTopKBored-v0", "random", sessions=5, options={"horizon": 4}))
    catalogue = simulator_of(log, 1).task.catalogue
    items = np.stack(
        [_standard(catalogue.mean_reward.astype(float)), _standard(np.log1p(catalogue.popularity))], axis=1
    )
    found = judge(log, "popular")
    assert found.shown == pytest.approx(items[log.actions].mean(axis=1))
    weights = catalogue.popularity + 1.0
    assert found.expected[0] == pytest.approx(weights @ items / weights.sum(), abs=0.02)  # hardly depleted by ten items
    assert judge(log, "random").expected == pytest.approx(np.zeros_like(found.expected), abs=1e-9)


@pytest.mark.parametrize("target", ["random", "popular", "epsilon-greedy", "mixed"])
def test_a_policy_judges_its_own_log_to_be_its_own(log, target, world_path):
    own = generate(DatasetSpec("longrec/Games-v0", target, sessions=10, options=dict(log.facts["options"])))
    assert judge(own, target).ratios == pytest.approx(np.ones(len(own.rewards)))


def test_what_the_environment_lacks_is_refused():
    log = generate(DatasetSpec("longrec/InterestEvolution-v0", "random", sessions=2))
    with pytest.raises(ConfigurationError, match="none is popular"):
        judge(log, "popular")


def test_state_features(log):
    found = state_features(log)
    scale = np.abs(log.rewards).max()
    row = log.offsets[3] + 1
    first = log.rewards[row - 1] / scale
    history = log.starts["history_rewards"][3].mean() / scale
    assert found[row] == pytest.approx([1, 1 / 6, first, first, history], rel=1e-6)
    assert found[log.offsets[:-1], 1:4].tolist() == [[0, 0, 0]] * len(log)
