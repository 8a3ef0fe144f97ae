"""Slates through the whole harness: played, recorded, replayed, measured, and every edit of one named."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gymnasium.spaces import flatdim

from leaderboard import replay, seeds
from leaderboard.agents import build_agent
from leaderboard.board.build import build
from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.evaluate.build import simulator_for
from leaderboard.evaluate.simulate import simulate
from leaderboard.replay import verify
from leaderboard.reproduce import reproduce
from leaderboard.results import differences, rows
from leaderboard.schema import Suite, Task
from leaderboard.submit import submit
from leaderboard.traces import Trace, concatenate, step_tags
from recsim_envs.errors import AgentError, ReplayMismatchError, SubmissionError
from recsim_envs.spec import Agent
from tests.leaderboard.conftest import ENV
from tests.leaderboard.edits import changed, longest, read, retagged, write
from tests.leaderboard.slates import ONE, SLATES, SLOTS, register

register()


@pytest.fixture(scope="module")
def mixed(world_path) -> Suite:
    """Slates of three, slots of two, a slate of one and single items, in one suite."""
    return Suite(
        name="mixed-suite",
        training_seeds=(0, 1),
        tasks=(
            Task(env_id=SLATES, episodes=20),
            Task(env_id=ENV, options={"world": str(world_path)}, episodes=10),
            Task(env_id=SLOTS, options={"earns": False}, episodes=15),
            Task(env_id=ONE, episodes=5),
        ),
    )


@pytest.fixture(scope="module")
def played(mixed, tmp_path_factory):
    path = tmp_path_factory.mktemp("played") / "random"
    evaluate(Job("random", path), mixed, workers=1)
    return path


@pytest.fixture
def slate_run(played, tmp_path):
    return shutil.copytree(played, tmp_path / "submission")


def run(agent, task, lanes, quota=40):
    agent = build_agent(agent, {}) if isinstance(agent, str) else agent
    simulator = simulator_for(task, lanes)
    agent.reset(simulator.task, lanes, 5)
    keys = seeds.session_keys("s", task.env_id, 0, quota)
    return simulate(agent, simulator, seeds.episode_seeds("s", task.env_id, quota), keys, privileged=agent.privileged)


def test_a_suite_may_mix_slates_slots_and_items(played, mixed):
    replayed = verify(played)
    assert [o.width for o in replayed.outcomes] == [3, 1, 2, 1]
    assert [o.left.shape for o in replayed.outcomes] == [(2, 20), (2, 10), (2, 15), (2, 5)]
    assert replayed.steps == sum(int(o.lengths.sum()) for o in replayed.outcomes)
    trace = read(played)
    assert (np.diff(trace.item_offsets) == trace.lengths * np.repeat([3, 1, 2, 1], [40, 20, 30, 10])).all()
    table = pq.read_table(played / "traces.parquet")
    assert table["actions"][0].as_py() == trace.slates(0).ravel().tolist()
    assert len(table["actions"][0]) == 3 * len(table["rewards"][0])


@pytest.mark.parametrize("agent", ["random", "oracle"])
@pytest.mark.parametrize("env_id", [SLATES, SLOTS, ONE])
def test_lanes_change_nothing(agent, env_id):
    task = Task(env_id=env_id, episodes=1)
    wide = run(agent, task, 40)
    for lanes in (1, 7):
        other = run(agent, task, lanes)
        assert all(np.array_equal(getattr(wide, n), getattr(other, n)) for n in Trace.__dataclass_fields__)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (np.zeros(6, np.int64), r"int64 of shape \(6,\) for 6 sessions; return a slate of 3 integer item ids a row"),
        (np.zeros((6, 2), np.int64), r"of shape \(6, 2\) for 6 sessions; .* of shape \(6, 3\)"),
        (np.zeros((6, 3)), r"float64 of shape \(6, 3\)"),
        (np.full((6, 3), 12), r"chose an impossible action: lane 0: slate \[12, 12, 12\] is out of range 0\.\.11"),
    ],
)
def test_what_is_no_slate(answer, text):
    class Answers(Agent):
        def act(self, observations, infos, sessions):
            return answer

    with pytest.raises(AgentError, match=text):
        run(Answers(), Task(env_id=SLATES, episodes=1), 6, quota=6)


def test_a_slate_is_no_item():
    class Slates(Agent):
        def act(self, observations, infos, sessions):
            return np.zeros((len(sessions.keys), 3), np.int64)

    with pytest.raises(AgentError, match=r"return one integer item id a row, of shape \(6,\)"):
        run(Slates(), Task(env_id=ENV, episodes=1), 6, quota=6)


def test_feedback_holds_the_slates():
    class Watches(Agent):
        def act(self, observations, infos, sessions):
            return np.tile(np.arange(3), (len(sessions.keys), 1))

        def observe(self, sessions, feedback):
            assert feedback.actions.shape == (len(sessions.keys), 3)

    run(Watches(), Task(env_id=SLATES, episodes=1), 8)


def test_tags_see_every_place_of_a_slate():
    offsets, seed, rewards = np.array([0, 1]), np.array([7], np.uint64), np.ones(1, np.float32)
    slates = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [3, 2, 1], [1, 2, 4], [0, 2, 3], [1, 2], [1, 2, 3, 0]]
    tags = {int(step_tags(seed, offsets, np.array(s, np.int32), rewards)[0]) for s in slates}
    assert len(tags) == len(slates)


def test_tags_of_single_items_are_those_of_earlier_versions():
    tags = step_tags(
        np.array([1, 2], np.uint64), np.array([0, 2, 3]), np.array([5, 6, 7], np.int32), np.ones(3, np.float32)
    )
    assert tags.tolist() == [3743, 7900, 4691]


def test_swapped_items_are_found_by_their_tag(slate_run):
    trace = changed(read(slate_run))
    at = trace.item_offsets[4]
    trace.actions[[at, at + 1]] = trace.actions[[at + 1, at]]
    write(slate_run, trace)
    with pytest.raises(ReplayMismatchError, match=rf"{SLATES}, .*episode 4, step 0: slate \[.*does not carry its tag"):
        verify(slate_run)
    write(slate_run, retagged_by_task(trace))
    with pytest.raises(ReplayMismatchError, match=r"episode 4, step 0: slate \[.*\] earns .*, the trace claims"):
        verify(slate_run)


def retagged_by_task(trace):
    parts = [trace.of(slice(*np.searchsorted(trace.task, [n, n + 1]))) for n in range(int(trace.task.max()) + 1)]
    return changed(trace, tags=np.concatenate([retagged(part).tags for part in parts]))


@pytest.mark.parametrize("item", [-1, 12, 2**31 - 1])
def test_items_that_do_not_exist(slate_run, item):
    trace = changed(read(slate_run))
    trace.actions[trace.item_offsets[2] + 4] = item
    write(slate_run, trace)
    with pytest.raises(ReplayMismatchError, match=f"episode 2, step 1: item {item} does not exist, items are 0..11"):
        verify(slate_run)


def test_slots_that_do_not_exist(slate_run):
    trace = changed(read(slate_run))
    trace.actions[trace.item_offsets[60]] = 12
    write(slate_run, trace)
    with pytest.raises(ReplayMismatchError, match=f"{SLOTS}, .*step 0: slot 12 does not exist, slots are 0..11"):
        verify(slate_run)


@pytest.mark.parametrize(("episode", "surplus"), [(3, 1), (3, 3), (3, -1), (3, -3), (45, 1), (62, -2)])
def test_steps_with_other_numbers_of_items(slate_run, episode, surplus):
    trace = read(slate_run)
    end, shift = trace.item_offsets[episode + 1], surplus * (np.arange(len(trace) + 1) > episode)
    less = np.delete(trace.actions, np.arange(end + min(surplus, 0), end))
    items = np.insert(less, [end] * surplus, 0) if surplus > 0 else less
    steps, width = trace.slates(episode).shape
    word = "slots" if episode == 62 else "items"
    text = (
        rf"episode \d+, step \d+: it shows {steps * width + surplus} {word} in {steps} steps, where each shows {width}"
    )
    write(slate_run, changed(trace, actions=items, item_offsets=trace.item_offsets + shift))
    with pytest.raises(ReplayMismatchError, match=text):
        verify(slate_run)
    # The same where the next episode makes up for it, so that sums agree.
    shift[episode + 2 :] = 0
    write(slate_run, changed(trace, item_offsets=trace.item_offsets + shift))
    with pytest.raises(ReplayMismatchError, match=text):
        verify(slate_run)


def test_wide_environments_are_replayed_in_fewer_lanes(played, monkeypatch):
    whole, simulators, make = verify(played), [], replay.simulator_for
    monkeypatch.setattr(replay, "_OBSERVED", 100)
    monkeypatch.setattr(replay, "simulator_for", lambda *given: simulators.append(make(*given)) or simulators[-1])
    narrow = verify(played)
    assert max(s.num_lanes * flatdim(s.task.observation_space) for s in simulators if s.num_lanes > 1) <= 100
    for a, b in zip(whole.outcomes, narrow.outcomes, strict=True):
        assert np.array_equal(a.users, b.users)
        assert np.array_equal(a.left, b.left)


def test_a_cut_session(slate_run):
    trace = read(slate_run)
    i = longest(trace)
    before, whole, after = (trace.of(s) for s in (slice(i), slice(i, i + 1), slice(i + 1, None)))
    cut = changed(
        whole,
        offsets=whole.offsets - [0, 1],
        item_offsets=whole.item_offsets - [0, 3],
        actions=whole.actions[:-3],
        rewards=whole.rewards[:-1],
        tags=whole.tags[:-1],
    )
    write(slate_run, concatenate([before, cut, after]))
    with pytest.raises(ReplayMismatchError, match="the trace ends here, the session goes on"):
        verify(slate_run)


def test_more_items_than_the_slates_allow(slate_run):
    """Sizes are bounded by steps times k before anything is decoded: k of the suite, not of the file."""
    table = pq.read_table(slate_run / "traces.parquet")
    bomb = pa.array([[0] * 2_000_000] + [[0]] * (len(table) - 1), pa.list_(pa.int32()))
    table = table.set_column(4, table.schema.field("actions"), bomb.cast(table.schema.field("actions").type))
    pq.write_table(table, slate_run / "traces.parquet")
    with pytest.raises(SubmissionError, match="more than the suite's horizon allows"):
        verify(slate_run)


def test_a_trace_that_nobody_could_read_is_not_written(slate_run, monkeypatch):
    before, trace = (slate_run / "traces.parquet").read_bytes(), read(slate_run)
    monkeypatch.setattr("leaderboard.traces.MAX_STEPS", len(trace.actions) - 1)
    with pytest.raises(
        SubmissionError, match=r"would hold \d+ items, and at most \d+ are read; ask for fewer episodes"
    ):
        write(slate_run, trace)
    assert (slate_run / "traces.parquet").read_bytes() == before


def test_metrics_of_slates_and_slots(played):
    replayed = verify(played)
    slates, items, slots, _ = rows([replayed])
    assert {"Len", "R_each", "R_traj", "repeats", "coverage"} <= set(slates.metrics)
    assert not {"repeats", "coverage"} & set(slots.metrics)
    assert slates.users == 20  # each session drew its own
    assert slates.metrics["R_traj"].low < slates.metrics["R_traj"].value < slates.metrics["R_traj"].high
    of_slates, of_slots = replayed.outcomes[0], replayed.outcomes[2]
    assert slates.steps == of_slates.lengths.sum()
    assert slates.metrics["Len"].value == pytest.approx(of_slates.lengths.mean())  # leaving steps earn here
    assert slots.metrics["Len"].value == pytest.approx((of_slots.lengths - of_slots.left).mean())
    assert items.env_id == ENV
    shown = {(e, int(item)) for e in range(40) for item in read(played).slates(e).ravel()}
    total = 3 * of_slates.lengths.sum()
    assert slates.metrics["repeats"].value == pytest.approx((total - len(shown)) / total)


def test_the_whole_way(mixed, played, tmp_path):
    submitted = submit(played, tmp_path / "submissions")
    assert reproduce(submitted, workers=1).steps == verify(submitted).steps
    evaluate(Job("oracle", tmp_path / "oracle"), mixed, workers=1)
    built = build([submitted, tmp_path / "oracle"], tmp_path / "board", cache=tmp_path / "cache", workers=1)
    rows_of_board = built.board.rows
    assert {r.env_id for r in rows_of_board} == {SLATES, SLOTS, ONE, ENV}
    best = next(r for r in rows_of_board if r.env_id == SLATES and r.agent == "oracle")
    assert best.metrics["score"].value == 1
    listed = json.loads((tmp_path / "board" / "leaderboard.json").read_text())
    assert len(json.dumps(listed)) > 1000
    found = differences(verify(tmp_path / "oracle"), verify(played))
    assert {d.metric for d in found if d.env_id == SLOTS} >= {"Len", "R_each", "R_traj"}
    assert "repeats" not in {d.metric for d in found if d.env_id == SLOTS}


def test_reproduce_names_the_slate(played, tmp_path, monkeypatch):
    class Other(type(build_agent("random", {}))):
        def act(self, observations, infos, sessions):
            actions = super().act(observations, infos, sessions)
            return np.where(sessions.steps[:, None] == 1, actions[:, ::-1], actions) if actions.ndim == 2 else actions

    monkeypatch.setattr("leaderboard.evaluate.player.start_agent", lambda name, parameters, isolation: Other())
    with pytest.raises(ReplayMismatchError, match=rf"{SLATES}, .*step 1: the agent now chooses items? \d+, \d+, \d+, "):
        reproduce(played, workers=1)
