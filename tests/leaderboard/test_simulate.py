"""The quota loop: results do not depend on lanes, and every agent's fault has a name."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard import seeds
from leaderboard.agents import build_agent
from leaderboard.evaluate.build import simulator_for
from leaderboard.evaluate.simulate import simulate
from leaderboard.schema import Task
from leaderboard.traces import step_tags
from recsim_envs import rng
from recsim_envs.errors import AgentError
from recsim_envs.spec import Agent
from tests.leaderboard.conftest import ENV, HERE

QUOTA = 60


def run(agent, task, lanes, quota=QUOTA, **options):
    agent = build_agent(agent, {}) if isinstance(agent, str) else agent
    simulator = simulator_for(task, lanes)
    agent.reset(simulator.task, lanes, 5)
    return simulate(
        agent,
        simulator,
        seeds.episode_seeds("s", ENV, quota),
        seeds.session_keys("s", ENV, 0, quota),
        **({"privileged": agent.privileged} | options),
    )


def same(a, b):
    names = ("task", "training_seed", "episode", "episode_seed", "offsets", "actions", "rewards", "tags", "ends")
    return all(np.array_equal(getattr(a, n), getattr(b, n)) for n in names)


@pytest.mark.parametrize(
    ("agent", "number"),
    [(f"{HERE}:Watcher", 0), *((a, n) for a in ("random", "oracle", "greedy-no-repeat") for n in (0, 1))],
)
def test_lanes_change_nothing(suite, agent, number):
    wide = run(agent, suite.tasks[number], 100)
    assert same(wide, run(agent, suite.tasks[number], 7))
    assert same(wide, run(agent, suite.tasks[number], 1))


def test_every_session_of_the_quota_is_there_once(one_task):
    trace = run(f"{HERE}:Watcher", one_task.tasks[0], 8)
    assert trace.episode.tolist() == list(range(QUOTA))
    assert (trace.lengths >= 1).all()
    assert len(set(trace.lengths.tolist())) > 3  # long and short sessions alike
    assert set(trace.ends) <= {"repeat", "too-alike", "low-reward", "horizon"}
    assert (trace.rewards[trace.offsets[1:] - 1][trace.ends != "horizon"] == 0).all()


def test_rows_are_the_running_lanes_only(one_task):
    class Recorder(Agent):
        sizes: list[int] = []

        def act(self, observations, infos, sessions):
            assert len(observations["length"]) == len(sessions.keys) == len(sessions.lanes)
            assert (observations["length"][:, 0] == sessions.steps).all()
            assert not infos
            self.sizes.append(len(sessions.lanes))
            return rng.below_array(60, sessions.keys, sessions.steps, rng.AGENT)

    run(Recorder(), one_task.tasks[0], 16, quota=20)
    assert Recorder.sizes[0] == 16
    assert Recorder.sizes[-1] < 16


def test_only_privileged_agents_see_hidden_state(one_task):
    class Looks(Agent):
        def act(self, observations, infos, sessions):
            self.seen = infos
            return rng.below_array(60, sessions.keys, sessions.steps, rng.AGENT)

    class Sees(Looks):
        privileged = True

        def act(self, observations, infos, sessions):
            assert infos["privileged"]["user"].shape == sessions.lanes.shape
            return super().act(observations, infos, sessions)

    blind, seeing = Looks(), Sees()
    run(blind, one_task.tasks[0], 16)
    run(seeing, one_task.tasks[0], 16)
    assert "privileged" not in blind.seen
    assert {"user", "world", "threshold"} <= set(seeing.seen["privileged"])


def test_what_lanes_share_is_whole_however_many_of_them_run():
    """As many lanes as there are topics must not make a row a lane of a row a topic."""
    sizes = set()

    class Sees(Agent):
        privileged = True

        def act(self, observations, infos, sessions):
            hidden = infos["privileged"]
            sizes.add(len(hidden["topic_quality"]))
            assert len(hidden["time_left"]) == len(sessions.lanes)
            return np.zeros((len(sessions.lanes), 2), np.int64)

    trace = run(Sees(), Task(env_id="longrec/InterestEvolution-v0", episodes=20), 20, quota=20)
    assert len(set(trace.lengths)) > 1  # some lanes were over before others
    assert sizes == {20}


def test_hidden_state_follows_the_record_not_the_instance(one_task):
    class Turns(Agent):
        def act(self, observations, infos, sessions):
            self.privileged = True
            assert "privileged" not in infos
            return rng.below_array(60, sessions.keys, sessions.steps, rng.AGENT)

    run(Turns(), one_task.tasks[0], 16)


def test_agents_may_write_into_what_they_get(one_task):
    class Scribbles(build_agent("random", {}).__class__):
        def act(self, observations, infos, sessions):
            actions = super().act(observations, infos, sessions)
            for array in (*observations.values(), *infos.values(), sessions.lanes, sessions.keys, sessions.steps):
                array[:] = 0
            return actions

        def observe(self, sessions, feedback):
            for array in (feedback.actions, feedback.rewards, *feedback.observations.values(), sessions.lanes):
                array[:] = 0
            feedback.terminated[:] = feedback.truncated[:] = False

    for task in one_task.tasks:
        assert same(run(Scribbles(), task, 7), run("random", task, 7))


def test_progress_counts_finished_sessions(one_task):
    seen: list[int] = []
    run("random", one_task.tasks[0], 9, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == QUOTA


@pytest.mark.parametrize(
    ("agent", "text"),
    [
        ("Crash", r"Crash\.act failed: ZeroDivisionError\('out of ideas'\)"),
        ("Shapeless", r"Shapeless\.act returned float64 of shape \(5,\).*return one integer"),
        ("Ragged", r"Ragged\.act failed: ValueError"),
        ("Exits", r"Exits\.act failed: SystemExit\(0\)"),
        ("OutOfRange", "OutOfRange.act chose an impossible action: .*1000000 is out of range"),
    ],
)
def test_faults_of_agents(one_task, agent, text):
    with pytest.raises(AgentError, match=text):
        run(f"{HERE}:{agent}", one_task.tasks[0], 5)


def test_tags_change_with_seed_step_action_and_reward():
    offsets = np.array([0, 2, 4])
    base = (np.array([1, 2], np.uint64), np.array([5, 5, 5, 5], np.int32), np.ones(4, np.float32))
    tags = step_tags(base[0], offsets, base[1], base[2])
    assert len(set(tags.tolist())) == 4  # seeds and steps differ
    for part in (1, 2):
        edited = [b.copy() for b in base]
        edited[part][3] += 1
        assert (step_tags(edited[0], offsets, edited[1], edited[2]) != tags).tolist() == [False, False, False, True]
