"""Whatever is registered can be logged, and a log is what a plain loop over one session gives."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import recsim_envs
from recsim_envs.errors import ConfigurationError
from recsim_envs.ids import builtin_ids
from recsim_envs.offline import DatasetSpec, generate, observations, spec_of, transitions
from recsim_envs.offline.generate import fitting_lanes, returns
from recsim_envs.offline.policies import LogPolicy
from recsim_envs.offline.spec import POLICIES

IDS = builtin_ids()
OPTIONS = {"longrec/Games-v0": {"protocol": "NX_0"}}


def simulator(spec, lanes=1):
    return recsim_envs.make_simulator(spec.env_id, lanes, **dict(spec.options), split="train")


@pytest.mark.parametrize("env_id", IDS)
def test_a_log_is_what_one_session_after_the_other_gives(env_id):
    """Actions, propensities, rewards, ends and every observation, against one lane and no tricks."""
    spec = DatasetSpec(env_id, "mixed", sessions=7, seed=3)
    log, one = generate(spec), simulator(spec)
    seen, keys, row, place = observations(log, 0, 7), spec.session_keys(), 0, 0
    for session in range(3):
        policy = LogPolicy("mixed", one.task, 1)
        one.begin(np.arange(1), log.seeds[session : session + 1])
        policy.begin(np.arange(1), keys[session : session + 1])
        assert all(np.array_equal(log.starts[k][session], v[0]) for k, v in one.observe().items())
        assert log.component_names[log.components[session]] == policy.components[policy.chosen[0]]
        for _ in range(log.lengths[session]):
            assert all(np.array_equal(seen[k][place], v[0]) for k, v in one.observe().items())
            action, chance = policy.act(np.ones(1, bool), one)
            step = one.step(action)
            assert np.array_equal(log.actions[row], action[0])
            assert log.propensities[row] == chance[0]
            assert log.rewards[row] == np.float32(step.rewards[0])
            row, place = row + 1, place + 1
        assert all(np.array_equal(seen[k][place], v[0]) for k, v in one.observe().items())
        assert one.over[0]
        assert log.terminated[session] == step.terminated[0] != step.truncated[0]
        assert log.ends[session] == one.causes()[0]
        place += 1


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("env_id", IDS)
def test_every_policy_makes_a_log_or_says_why_not(env_id, policy):
    spec = DatasetSpec(env_id, policy, sessions=12)
    if simulator(spec).task.candidates and policy == "popular":
        with pytest.raises(ConfigurationError, match="none is popular"):
            generate(spec)
        return
    log = generate(spec)
    assert len(log) == 12
    assert ((log.propensities > 0) & (log.propensities <= 1)).all()
    assert set(np.unique(log.components)) <= set(range(len(log.component_names)))


@pytest.mark.parametrize("options", [{}, {"protocol": "NX_0"}])
def test_lanes_change_nothing(options):
    spec = DatasetSpec("longrec/Games-v0", "mixed", sessions=60, options=options)
    first, *others = (generate(spec, lanes=lanes) for lanes in (60, 7, 1))
    for other in others:
        for name in ("offsets", "actions", "rewards", "propensities", "components", "terminated", "seeds"):
            assert np.array_equal(getattr(first, name), getattr(other, name)), name
        assert first.ends.tolist() == other.ends.tolist()
        assert all(np.array_equal(first.starts[k], other.starts[k]) for k in first.starts)


def test_masks_of_a_huge_catalogue_get_few_lanes():
    masked = SimpleNamespace(infos=lambda: {"action_mask": None}, task=SimpleNamespace(catalogue=SimpleNamespace()))
    for items, lanes in ((10, 256), (10**7, 13), (10**9, 1)):
        masked.task.catalogue.num_items = items
        assert fitting_lanes(masked, 1000) == lanes
    assert fitting_lanes(SimpleNamespace(infos=dict), 10_000) == 4096
    assert fitting_lanes(SimpleNamespace(infos=dict), 3) == 3


def test_the_first_sessions_of_a_longer_log_are_the_shorter_log():
    short, long = (generate(DatasetSpec("longrec/Games-v0", "mixed", sessions=n)) for n in (20, 90))
    rows = int(short.offsets[-1])
    assert np.array_equal(short.actions, long.actions[:rows])
    assert np.array_equal(short.propensities, long.propensities[:rows])


def test_only_train_users_visit():
    spec = DatasetSpec("longrec/Games-v0", "random", sessions=300)
    world, many = simulator(spec), simulator(spec, 300)
    many.begin(np.arange(300), spec.episode_seeds())
    assert np.isin(many.user_ids(), world.world.users("train")).all()


def test_returns_are_those_of_a_log():
    spec = DatasetSpec("longrec/Videos-v0", "random", sessions=40)
    log = generate(spec)
    same = returns(spec, "random", spec.episode_seeds(), spec.session_keys())
    assert same == pytest.approx(log.returns())
    first = [log.rewards[a : min(a + 3, b)].sum() for a, b in zip(log.offsets[:-1], log.offsets[1:], strict=True)]
    assert returns(spec, "random", spec.episode_seeds(), spec.session_keys(), 3) == pytest.approx(np.array(first))


@pytest.mark.parametrize("env_id", ["longrec/Games-v0", "longrec/SlateRerankBored-v0"])
def test_transitions_follow_one_another(env_id):
    log = generate(DatasetSpec(env_id, "mixed", sessions=25))
    batches = list(transitions(log, sessions=10))
    assert [len(np.unique(b.sessions)) for b in batches] == [10, 10, 5]
    assert np.array_equal(np.concatenate([b.actions for b in batches]), log.actions)
    assert np.array_equal(np.concatenate([b.steps for b in batches]), log.steps())
    for b in batches:
        over = b.terminated | b.truncated
        inside = np.flatnonzero(~over)
        for key, after in b.next_observations.items():
            assert np.array_equal(after[inside], b.observations[key][inside + 1])
        assert np.array_equal(b.terminated[over], log.terminated[b.sessions[over]])
        starts = b.steps == 0
        for key, first in log.starts.items():
            assert np.array_equal(b.observations[key][starts], first[b.sessions[starts]])


def test_your_own_worlds_have_logs_too(small_factor_world, tmp_path):
    import gymnasium

    small_factor_world.save(tmp_path / "w")
    recsim_envs.register("mine/Shop-v0", world=tmp_path / "w", protocol="NX_0")
    try:
        log = generate(spec_of("mine/shop/mixed-v0", sessions=30))
        assert (log.facts["env_id"], log.facts["world"], log.facts["fingerprint"]) == ("mine/Shop-v0", "tiny", "")
        shown = [log.actions[a:b].tolist() for a, b in zip(log.offsets[:-1], log.offsets[1:], strict=True)]
        assert all(len(set(items)) == len(items) for items in shown)
        assert max(map(len, shown)) > 1
    finally:
        gymnasium.registry.pop("mine/Shop-v0")


def test_a_log_of_another_world_is_not_replayed(tmp_path):
    from recsim_envs.errors import LogError
    from tests.worlds import tiny_world

    tiny_world().save(tmp_path / "w")
    spec = DatasetSpec("longrec/GamesNoisy-v0", "random", sessions=3, options={"world": str(tmp_path / "w")})
    log = generate(spec)
    observations(log, 0, 3)
    tiny_world(seed=5).save(tmp_path / "w")
    with pytest.raises(LogError, match="make the log again"):
        observations(log, 0, 3)


def test_rewards_that_do_not_replay_are_named():
    from recsim_envs.errors import LogError

    log = generate(DatasetSpec("longrec/GamesNoisy-v0", "random", sessions=5))
    log.rewards[log.offsets[2] + 1] += 1
    with pytest.raises(LogError, match="session 2, step 1"):
        observations(log, 0, 5)
