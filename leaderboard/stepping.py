"""Stepping recorded episodes through their simulator, many at a time, and naming the first step that differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from leaderboard.ends import LOST
from leaderboard.evaluate.build import simulator_for
from leaderboard.metrics import Outcomes
from leaderboard.schema import Task
from leaderboard.traces import Trace
from recsim_envs.errors import InvalidActionError, ReplayMismatchError
from recsim_envs.families.base import Simulator
from recsim_envs.spec import TaskSpec

LANES: Final = 2048
"""Episodes that a replay steps at once, where there are as many."""

_CELLS: Final = 2**22  # items of a padded (steps, lanes, k) array
_SHOWN: Final = 20  # items of a slate that a message names


def replay_episodes(task: Task, promised: NDArray[np.uint64], simulator: Simulator, trace: Trace) -> Outcomes:
    """Replay the episodes of one task under one or more training seeds, which all meet the seeds `promised` (E,).

    A session that the agent's failure ended (`leaderboard.ends.LOST`) must not have ended by itself. Raises
    `ReplayMismatchError` where the trace is not what the simulator does.
    """
    faults, repeats = _Faults(simulator.task, trace), len(trace) // task.episodes
    if (wrong := trace.episode_seed != np.tile(promised, repeats)).any():
        faults.fail(int(wrong.argmax()), None, "its seed is not the one that the suite derives")
    lost = np.logical_or.reduce([trace.ends == cause for cause in LOST])
    _check_steps(faults, simulator.task, trace, lost)
    users, left = np.empty(len(trace), np.int64), np.zeros(len(trace), np.bool_)
    for chosen in _batches(trace, np.flatnonzero(~lost), simulator):
        try:
            users[chosen], left[chosen] = _replay(simulator, trace, chosen, faults)
        except InvalidActionError:  # somewhere among them: one by one, to name the episode
            _replay_alone(task, trace, chosen, faults)
    _replay_lost(task, trace, np.flatnonzero(lost), users, faults)
    shape = repeats, task.episodes
    return Outcomes(
        horizon=simulator.task.horizon,
        num_items=simulator.task.catalogue.num_items,
        users=users[: task.episodes],
        left=left.reshape(shape),
        ends=trace.ends.reshape(shape),
        offsets=trace.offsets,
        items=trace.actions,
        rewards=trace.rewards,
        width=simulator.task.slate_size or 1,
        leaving_earns=simulator.leaving_earns,
        candidates=simulator.task.candidates,
        catalogue=simulator.task.catalogue,
    )


class _Faults:
    """Raises `ReplayMismatchError` for an episode and step of one task."""

    def __init__(self, task: TaskSpec, trace: Trace) -> None:
        self._env_id, self._trace, self._slate = task.env_id, trace, task.slate_size
        self.word = "slot" if task.candidates else "item"

    def fail(self, i: int, step: int | None, text: str) -> NoReturn:
        where = f"{self._env_id}, training seed {self._trace.training_seed[i]}, episode {self._trace.episode[i]}"
        where += f", step {step}" if step is not None else ""
        raise ReplayMismatchError(
            f"{where}: {text}; the trace was changed or was made by another version: evaluate again"
        )

    def fail_at(self, bad: NDArray[np.bool_], text: Callable[[int], str]) -> None:
        """Fail at the first True of an array over the task's steps; `text` gets its position."""
        if bad.any():
            at = int(bad.argmax())
            i = int(np.searchsorted(self._trace.offsets, at, "right")) - 1
            self.fail(i, at - int(self._trace.offsets[i]), text(at))

    def action(self, at: int) -> str:
        """The action at a position of the task's steps, in words."""
        if self._slate is None:
            return f"{self.word} {self._trace.actions[at]}"
        slate = self._trace.actions[at * self._slate : (at + 1) * self._slate].tolist()
        more = f" and {len(slate) - _SHOWN} more" if len(slate) > _SHOWN else ""
        return f"slate {slate[:_SHOWN]}{more}"


def _check_steps(faults: _Faults, task: TaskSpec, trace: Trace, lost: NDArray[np.bool_]) -> None:
    width = task.slate_size or 1
    for wrong, text in (
        ((trace.lengths < 1) & ~lost, "it has no steps"),
        (trace.lengths > task.horizon, f"it is longer than the horizon of {task.horizon}"),
    ):
        if wrong.any():
            faults.fail(int(wrong.argmax()), None, text)
    shown = np.diff(trace.item_offsets)
    if (wrong := shown != trace.lengths * width).any():
        i = int(wrong.argmax())
        text = f"it shows {shown[i]} {faults.word}s in {trace.lengths[i]} steps, where each shows {width}"
        faults.fail(i, max(0, min(int(shown[i]) // width, int(trace.lengths[i]) - 1)), text)
    count = task.catalogue.num_items
    outside = (trace.actions < 0) | (trace.actions >= count)
    if outside.any():
        at = int(outside.argmax())
        text = f"{faults.word} {trace.actions[at]} does not exist, {faults.word}s are 0..{count - 1}"
        faults.fail_at(np.arange(len(trace.rewards)) == at // width, lambda _: text)
    faults.fail_at(
        trace.tags != trace.expected_tags(),
        lambda at: f"{faults.action(at)} with reward {trace.rewards[at]:g} does not carry its tag",
    )


def _batches(trace: Trace, episodes: NDArray[np.int64], simulator: Simulator) -> Iterator[NDArray[np.int64]]:
    """Episodes of like lengths together, one a lane: little is padded."""
    by_length = episodes[np.argsort(trace.lengths[episodes], kind="stable")]
    width, start = simulator.task.slate_size or 1, 0
    while start < len(by_length):
        longest = int(trace.lengths[by_length[min(start + simulator.num_lanes, len(by_length)) - 1]])
        count = max(1, min(simulator.num_lanes, _CELLS // (longest * width)))
        yield by_length[start : start + count]
        start += count


def _replay_alone(task: Task, trace: Trace, chosen: NDArray[np.int64], faults: _Faults) -> None:
    alone = simulator_for(task, 1)
    for i in np.sort(chosen):
        _replay(alone, trace, np.array([i]), faults)


def _replay_lost(
    task: Task, trace: Trace, episodes: NDArray[np.int64], users: NDArray[np.int64], faults: _Faults
) -> None:
    """Replay sessions that the agent's failure cut short, one after the other: they are few, and would run on."""
    if not len(episodes):
        return
    alone = simulator_for(task, 1)
    for i in episodes:
        users[i] = _replay(alone, trace, np.array([i]), faults, lost=True)[0][0]


def _replay(
    simulator: Simulator, trace: Trace, chosen: NDArray[np.int64], faults: _Faults, *, lost: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Replay the chosen episodes, one a lane; their users and whether these left. Raises at the first difference.

    Sessions that are `lost` must still run where their steps end.
    """
    lengths, lanes = trace.lengths[chosen], len(chosen)
    longest = int(lengths.max())
    # (steps, lanes) in all that follows; a lane that is over repeats its last step
    step_of = np.arange(longest)[:, None]
    at = trace.offsets[chosen] + np.minimum(step_of, lengths - 1)
    shape: tuple[int, ...] = simulator.task.action_space.shape or ()  # of one action
    actions = trace.actions.reshape(-1, *shape)[at].astype(np.int64)
    whole = np.zeros((simulator.num_lanes, *shape), np.int64)  # lanes beyond the chosen are over
    earned = np.zeros((longest, lanes), np.float32)
    over, left = np.zeros((longest, lanes), np.bool_), np.zeros(lanes, np.bool_)
    simulator.begin(np.arange(lanes), trace.episode_seed[chosen])
    users = simulator.user_ids()[:lanes]
    try:
        for t in range(longest):
            whole[:lanes] = actions[t]
            step = simulator.step(whole)
            earned[t] = step.rewards[:lanes]
            left = step.terminated[:lanes]
            over[t] = left | step.truncated[:lanes]
    except InvalidActionError as error:
        if lanes == 1:
            faults.fail(int(chosen[0]), t, f"the action is not allowed ({error})")
        raise
    ends = np.zeros_like(over) if lost else lengths <= step_of + 1
    differs = (over != ends) | ((step_of < lengths) & (_bits(earned) != _bits(trace.rewards)[at]))
    causes = simulator.causes(slice(0, lanes))
    if differs.any():
        _explain(faults, trace, chosen, differs, earned, causes)
    if not lost and (other := causes != trace.ends[chosen]).any():
        lane = int(other.argmax())
        text = f"the session ended by {causes[lane]!r}, the trace says {str(trace.ends[chosen[lane]])[:40]!r}"
        faults.fail(int(chosen[lane]), int(lengths[lane]) - 1, text)
    return users, left


def _bits(rewards: Any) -> Any:
    """Rewards as integers: 0 and -0 are equal as numbers, and would make of one run two with other hashes."""
    return rewards.view(np.uint32)


def _explain(
    faults: _Faults,
    trace: Trace,
    chosen: NDArray[np.int64],
    differs: NDArray[np.bool_],
    earned: NDArray[np.float32],
    causes: NDArray[Any],
) -> NoReturn:
    bad = np.flatnonzero(differs.any(axis=0))
    lane = int(bad[np.argmin(chosen[bad])])
    i, step = int(chosen[lane]), int(differs[:, lane].argmax())
    at, got = trace.offsets[i] + step, earned[step, lane]
    if _bits(got) != _bits(trace.rewards[at]):
        faults.fail(i, step, f"{faults.action(at)} earns {got:g}, the trace claims {trace.rewards[at]:g}")
    if step + 1 < trace.lengths[i]:
        faults.fail(i, step, f"the session ends here by {causes[lane]!r}, the trace goes on")
    if (end := str(trace.ends[i])) in LOST:
        faults.fail(i, step, f"the session ends here by {causes[lane]!r}, the trace says {end!r}")
    faults.fail(i, step, "the trace ends here, the session goes on")
