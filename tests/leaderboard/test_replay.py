"""`verify` accepts what was really run, and names the first step or episode that was not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from leaderboard.ends import CRASHED, LOST
from leaderboard.replay import verify
from recsim_envs.errors import ReplayMismatchError, SubmissionError
from tests.leaderboard.edits import changed, cut, edit, longest, read, retagged, select, write


def test_a_true_submission_replays(finished):
    replayed = verify(finished)
    trace = read(finished)
    assert replayed.steps == len(trace.actions)
    assert [o.left.shape for o in replayed.outcomes] == [(2, 25), (2, 10)]
    assert replayed.outcomes[0].returns.sum() == pytest.approx(trace.rewards[: trace.offsets[50]].sum())
    assert (replayed.outcomes[0].users >= 20).all()  # test users only


def test_an_edited_action_with_another_reward(submission):
    trace = read(submission)
    i = longest(trace)
    at = trace.offsets[i] + 1
    trace = changed(trace)
    trace.actions[at] = (trace.actions[at] + 1) % 60
    write(submission, trace)
    where = f"longrec/Games-v0, training seed {trace.training_seed[i]}, episode {trace.episode[i]}, step 1: item"
    with pytest.raises(ReplayMismatchError, match=where + ".*does not carry its tag.*evaluate again"):
        verify(submission)


def test_an_edited_action_with_the_same_reward_and_end(submission, world_path):
    """Two items that the user likes alike: only the tag tells them apart."""
    trace = read(submission)
    i = longest(trace)
    at = trace.offsets[i + 1] - 2
    for item in range(60):
        candidate = changed(trace)
        candidate.actions[at] = item
        if item == trace.actions[at]:
            continue
        write(submission, retagged(candidate))
        try:
            verify(submission)
        except ReplayMismatchError:
            continue
        break
    else:
        pytest.skip("no other item earns the same here")
    write(submission, candidate)  # the same edit without new tags
    with pytest.raises(ReplayMismatchError, match=f"step {trace.lengths[i] - 2}: item {candidate.actions[at]} "):
        verify(submission)


def test_an_edited_reward_with_its_tag(submission):
    trace = changed(read(submission))
    i = longest(trace)
    trace.rewards[trace.offsets[i]] += 1
    write(submission, retagged(trace))
    with pytest.raises(ReplayMismatchError, match=rf"episode {trace.episode[i]}, step 0: item \d+ earns .*claims"):
        verify(submission)


def test_nan_rewards_never_replay(submission):
    trace = changed(read(submission))
    trace.rewards[0] = np.nan
    write(submission, retagged(trace))
    with pytest.raises(ReplayMismatchError, match=r"step 0: item .* the trace claims nan"):
        verify(submission)


@pytest.mark.parametrize("item", [-1, 60, 2**31 - 1, -(2**31)])
def test_items_that_do_not_exist(submission, item):
    trace = changed(read(submission))
    trace.actions[0] = item
    write(submission, retagged(trace))
    with pytest.raises(ReplayMismatchError, match=f"step 0: item {item} does not exist, items are 0..59"):
        verify(submission)


def test_a_forbidden_repeat_is_named_by_episode(submission):
    trace = changed(read(submission))
    at = trace.offsets[53]  # fourth episode of the second task, where repeats are forbidden
    assert trace.lengths[53] > 1
    trace.actions[at + 1] = trace.actions[at]
    write(submission, retagged(trace))
    with pytest.raises(ReplayMismatchError, match="training seed 0, episode 3, step 1: the action is not allowed"):
        verify(submission)


def test_a_cut_and_a_stretched_session(submission):
    trace = read(submission)
    i = longest(trace)
    keep = np.ones(len(trace.actions), bool)
    keep[trace.offsets[i + 1] - 1] = False
    offsets = trace.offsets - (np.arange(len(trace.offsets)) > i)
    flat = {n: getattr(trace, n)[keep] for n in ("actions", "rewards", "tags")}
    write(submission, changed(trace, offsets=offsets, **flat))
    with pytest.raises(ReplayMismatchError, match="the trace ends here, the session goes on"):
        verify(submission)
    short = int(np.where(trace.task == 0, trace.lengths, 99).argmin())
    at = trace.offsets[short + 1]
    flat = {n: np.insert(getattr(trace, n), at, 0) for n in ("actions", "rewards", "tags")}
    offsets = trace.offsets + (np.arange(len(trace.offsets)) > short)
    write(submission, retagged(changed(trace, offsets=offsets, **flat)))
    with pytest.raises(ReplayMismatchError, match=r"the session ends here by '.+', the trace goes on"):
        verify(submission)


def test_a_wrong_cause(submission):
    trace = changed(read(submission))
    trace.ends[0] = "<script>" * 40
    write(submission, trace)
    with pytest.raises(ReplayMismatchError, match=r"the session ended by '.+', the trace says '<script>") as caught:
        verify(submission)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (list(range(69)), "training seed 3, episode 9 is missing"),
        ([0, 0, *range(2, 70)], "training seed 0, episode 1 is missing"),
        ([*range(70), 5], "training seed 0, episode 5 is there twice"),
        ([1, 0, *range(2, 70)], "are not sorted"),
        ([], "training seed 0, episode 0 is missing"),
    ],
)
def test_quota(submission, rows, text):
    trace = read(submission)
    assert len(trace) == 70
    if rows:
        write(submission, select(trace, rows))
    else:
        write(submission, trace.of(slice(0, 0)))
    with pytest.raises(SubmissionError, match=text):
        verify(submission)


def test_an_episode_that_nobody_asked_for(submission):
    trace = changed(read(submission))
    trace.training_seed[-1] = 4
    write(submission, trace)
    with pytest.raises(SubmissionError, match="training seed 3, episode 9 is missing"):
        verify(submission)


def test_a_wrong_seed(submission):
    trace = changed(read(submission))
    trace.episode_seed[3] += 1
    write(submission, retagged(trace))
    with pytest.raises(ReplayMismatchError, match="episode 3: its seed is not the one that the suite derives"):
        verify(submission)


@pytest.mark.parametrize("cause", LOST)
def test_a_session_that_the_agent_lost(submission, cause):
    """It keeps what it had earned, and nobody left in it; it may have no step at all."""
    trace = read(submission)
    i, j = 3, 51  # of the first and the third cell
    write(submission, cut(cut(trace, i, 1, cause), j, 0, cause))
    with pytest.raises(SubmissionError, match=r"task 0, training seed 0: lost tells of \(0, 0, 0\) sessions"):
        verify(submission)
    cells = json.loads((submission / "submission.json").read_text())["cells"]
    for cell in (cells[0], cells[2]):
        cell["lost"] = {cause.removeprefix("agent ").replace(" ", "_"): 1}
    edit(submission, cells=cells, isolation={})
    first, second = verify(submission).outcomes
    assert first.lengths.flat[i] == 1
    assert second.lengths.flat[j - 50] == 0
    assert not first.left.flat[i]
    assert first.ends.flat[i] == cause
    assert (first.users == verify(submission).outcomes[0].users).all()


def test_a_session_that_had_ended_was_not_lost(submission):
    trace = read(submission)
    i = int(np.argmax(trace.ends == "low-reward"))
    write(submission, cut(trace, i, int(trace.lengths[i]), CRASHED))
    cells = json.loads((submission / "submission.json").read_text())["cells"]
    cells[i // 25]["lost"] = {"crashed": 1}
    edit(submission, cells=cells, isolation={})
    with pytest.raises(ReplayMismatchError, match="the session ends here by 'low-reward', the trace says 'agent crash"):
        verify(submission)


def test_a_session_without_steps_that_was_not_lost(submission):
    write(submission, cut(read(submission), 2, 0, "low-reward"))
    with pytest.raises(ReplayMismatchError, match="episode 2: it has no steps"):
        verify(submission)
