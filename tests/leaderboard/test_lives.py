"""Lives: the sample sessions of a submission, with hidden state, are what was replayed."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.ends import CRASHED
from leaderboard.evaluate.build import simulator_for
from leaderboard.lives import Lives, lives_of
from leaderboard.schema import Task
from leaderboard.seeds import episode_seeds
from leaderboard.traces import Trace
from recsim_envs.families.base import Simulator

FAMILIES = ("Games-v0", "Retention-v0", "InterestEvolution-v0", "SlateTopKBored-v0", "GamesDelayed-v0", "Session-v0")


def played(task: Task) -> tuple[Trace, Simulator]:
    """Sessions of a policy that always does the same, as a trace of one training seed."""
    seeds = episode_seeds("lives", task.env_id, task.episodes)
    simulator = simulator_for(task, len(seeds))
    simulator.begin(np.arange(len(seeds)), seeds)
    size = simulator.task.slate_size or 1
    action = np.arange(size) if simulator.task.slate_size else np.zeros((), np.int64)
    actions = np.broadcast_to(action, (len(seeds), *np.shape(action))).copy()
    rewards, steps = [], np.zeros(len(seeds), np.int64)
    while not simulator.over.all():
        steps += ~simulator.over
        rewards.append(simulator.step(actions).rewards.astype(np.float32))
    earned = np.stack(rewards, axis=1)
    offsets = np.concatenate([[0], np.cumsum(steps)])
    flat = np.concatenate([row[:n] for row, n in zip(earned, steps, strict=True)])
    return Trace(
        task=np.zeros(len(seeds), np.int64),
        training_seed=np.full(len(seeds), 3),
        episode=np.arange(len(seeds)),
        episode_seed=seeds,
        offsets=offsets,
        item_offsets=offsets * size,
        actions=np.tile(np.ravel(action), int(offsets[-1])).astype(np.int32),
        rewards=flat,
        tags=np.zeros(len(flat), np.uint16),
        ends=simulator.causes(),
    ), simulator


@pytest.mark.parametrize("name", FAMILIES)
def test_lives_are_what_was_replayed(name: str) -> None:
    task = Task(env_id=f"longrec/{name}", episodes=4)
    trace, simulator = played(task)
    lives = lives_of(task, trace, sessions=3)
    assert lives.training_seed == 3
    assert lives.horizon == simulator.task.horizon
    assert [life.episode for life in lives.sessions] == [0, 1, 2]
    assert [life.user for life in lives.sessions] == simulator.user_ids()[:3].tolist()
    for i, life in enumerate(lives.sessions):
        steps = slice(trace.offsets[i], trace.offsets[i + 1])
        assert [moment.reward for moment in life.moments] == pytest.approx(trace.rewards[steps].tolist(), abs=1e-6)
        assert life.cause == trace.ends[i]
        assert all(0 <= moment.fatigue <= 1 for moment in life.moments)
        assert {len(moment.hidden) for moment in life.moments} == {len(lives.hidden)}
        assert {len(moment.shown) for moment in life.moments} == {simulator.task.slate_size or 1}
        assert {n for moment in life.moments for n in moment.shown} <= set(range(len(lives.items)))
    assert {item.group for item in lives.items} <= set(range(len(lives.groups)))
    assert Lives.model_validate_json(lives.model_dump_json()) == lives


def test_hidden_state_is_told_where_the_family_has_some() -> None:
    task = Task(env_id="longrec/Retention-v0", episodes=2)
    lives = lives_of(task, played(task)[0])
    assert lives.hidden == ("trust", "habit", "mood", "return effect")
    assert len({moment.hidden for moment in lives.sessions[0].moments}) > 1


def test_a_lost_session_ends_where_its_trace_ends() -> None:
    task = Task(env_id="longrec/Retention-v0", episodes=2)
    trace, simulator = played(task)
    size = simulator.task.slate_size or 1
    kept = trace.offsets.copy()
    kept[1], kept[2] = 4, 4 + trace.lengths[1]
    steps = np.r_[0:4, trace.offsets[1] : trace.offsets[2]]
    lost = Trace(
        **{n: getattr(trace, n) for n in ("task", "training_seed", "episode", "episode_seed")},
        offsets=kept,
        item_offsets=kept * size,
        actions=trace.actions.reshape(-1, size)[steps].reshape(-1),
        rewards=trace.rewards[steps],
        tags=trace.tags[steps],
        ends=np.array([CRASHED, trace.ends[1]], dtype=object),
    )
    first = lives_of(task, lost).sessions[0]
    assert (len(first.moments), first.cause, first.left) == (4, CRASHED, False)
