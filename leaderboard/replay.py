"""`verify`: replay a submission's actions, without its agent, and hold every claim against the simulator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from gymnasium.spaces import flatdim
from numpy.typing import NDArray

from leaderboard import seeds
from leaderboard.evaluate.build import checked_fingerprint, simulator_for, world_of
from leaderboard.files import file_sha256, read_model
from leaderboard.metrics import Outcomes
from leaderboard.schema import Submission, Task
from leaderboard.traces import Trace, read_trace
from recsim_envs.errors import InvalidActionError, PlatformError, ReplayMismatchError, SubmissionError
from recsim_envs.families.base import Simulator
from recsim_envs.fingerprint import platform_text
from recsim_envs.spec import TaskSpec

LANES: Final = 2048  # episodes replayed at once
_NAMED: Final = 100_000  # episodes of a suite up to which the missing one is looked for by name
_CELLS: Final = 2**22  # items of a padded (steps, lanes, k) array
_OBSERVED: Final = 2**26  # numbers that the lanes of a simulator may show at once: a stranger chooses their options
_SHOWN: Final = 20  # items of a slate that a message names


@dataclass(frozen=True, eq=False)
class Replayed:
    """A submission whose every step was replayed; `outcomes` holds one entry for each task of its suite."""

    path: Path
    submission: Submission
    outcomes: tuple[Outcomes, ...]

    @property
    def steps(self) -> int:
        """Steps replayed."""
        return sum(len(o.rewards) for o in self.outcomes)


def verify(path: Path) -> Replayed:
    """Replay a submission folder.

    Raises `ReplayMismatchError` naming environment, episode and step where the trace is not what the simulator
    does, `SubmissionError` for a folder that is incomplete, malformed or does not hold what its suite asks for,
    and `PlatformError` where an environment computes otherwise here than where the submission was made.
    """
    submission = read_model(path / "submission.json", Submission)
    simulators = _simulators(path, submission)
    trace = _read(path, submission, simulators)
    _check_quota(path, submission, trace)
    suite, outcomes, start = submission.suite, [], 0
    for task, simulator in zip(suite.tasks, simulators, strict=True):
        stop = start + task.episodes * len(suite.training_seeds)
        promised = seeds.episode_seeds(suite.name, task.env_id, task.episodes)
        outcomes.append(replay_episodes(task, promised, simulator, trace.of(slice(start, stop))))
        start = stop
    if file_sha256(path / "traces.parquet") != submission.traces_sha256:
        raise SubmissionError(
            f"{path / 'traces.parquet'} replays, but is not the file that submission.json was written for "
            "(traces_sha256 differs); restore the original pair of files"
        )
    return Replayed(path, submission, tuple(outcomes))


def _simulators(path: Path, submission: Submission) -> list[Simulator]:
    found = []
    for task, world, known in zip(submission.suite.tasks, submission.worlds, submission.fingerprints, strict=True):
        simulator = simulator_for(task, _lanes(task, len(submission.suite.training_seeds)))
        here = world_of(simulator)
        if here.sha256 != world.sha256:
            raise SubmissionError(
                f"{path}: {task.env_id} was run on world {world.name!r} {world.sha256[:12]}, here it is {here.name!r} "
                f"{here.sha256[:12]}; install the longrec version {submission.packages.get('longrec', '?')} that made "
                "the submission, or evaluate again on this world"
            )
        if (computed := checked_fingerprint(task)) != known:
            raise PlatformError(
                f"{path}: {task.env_id} computes otherwise here than where the submission was made: its fingerprint is "
                f"{computed[:12]}, there it was {known[:12]} (there {_made_with(submission)}; here {platform_text()}); "
                "verify with those versions, or evaluate again"
            )
        found.append(simulator)
    return found


def _lanes(task: Task, training_seeds: int) -> int:
    """Episodes replayed at once: fewer where one is so wide that `LANES` of them would not fit into memory."""
    numbers = flatdim(simulator_for(task, 1).task.observation_space)
    return min(LANES, task.episodes * training_seeds, max(1, _OBSERVED // numbers))


def _made_with(submission: Submission) -> str:
    wanted = [f"{name} {submission.packages.get(name, '?')}" for name in ("longrec", "numpy", "numba")]
    return ", ".join((*wanted, f"Python {submission.machine.python[:20]}"))


def _read(path: Path, submission: Submission, simulators: list[Simulator]) -> Trace:
    suite = submission.suite
    quotas = [task.episodes * len(suite.training_seeds) for task in suite.tasks]
    steps = [q * s.task.horizon for q, s in zip(quotas, simulators, strict=True)]
    items = [n * (s.task.slate_size or 1) for n, s in zip(steps, simulators, strict=True)]
    # Room for duplicates, so that the quota check can name them.
    return read_trace(path / "traces.parquet", 2 * sum(quotas), 2 * sum(steps), 2 * sum(items))[0]


def _check_quota(path: Path, submission: Submission, trace: Trace) -> None:
    """Every asked-for episode once, in order, and none else."""
    suite = submission.suite
    if len(trace) != suite.episodes and suite.episodes > _NAMED:
        raise SubmissionError(f"{path}: {len(trace)} episodes, the suite asks for {suite.episodes}; evaluate again")
    seeds_of, tasks = suite.training_seeds, suite.tasks
    quotas = np.array([task.episodes for task in tasks])
    wanted = (
        np.repeat(np.arange(len(tasks)), quotas * len(seeds_of)),
        np.concatenate([np.repeat(seeds_of, quota) for quota in quotas]),
        np.concatenate([np.tile(np.arange(quota), len(seeds_of)) for quota in quotas]),
    )
    columns = trace.task, trace.training_seed, trace.episode
    if all(np.array_equal(w, c) for w, c in zip(wanted, columns, strict=True)):
        return
    if suite.episodes > _NAMED:
        row = int(np.argmax(np.any([w != c for w, c in zip(wanted, columns, strict=True)], axis=0)))
        raise SubmissionError(f"{path}: row {row} is not the episode that the suite asks for there; evaluate again")
    asked = dict.fromkeys(zip(*(w.tolist() for w in wanted), strict=True))
    found = Counter(zip(*(c.tolist() for c in columns), strict=True))
    missing = next((key for key in asked if key not in found), None)
    unknown = next((key for key in found if key not in asked), None)
    doubled = next((key for key, count in found.items() if count > 1), None)
    for episode, fault in ((missing, "is missing"), (unknown, "is not part of the suite"), (doubled, "is there twice")):
        if episode is not None:
            task, seed, number = episode
            env_id = tasks[task].env_id if task < len(tasks) else f"task {task}"
            raise SubmissionError(
                f"{path}: {env_id}, training seed {seed}, episode {number} {fault}; the suite asks for each episode "
                "exactly once: evaluate again"
            )
    raise SubmissionError(f"{path}: episodes are not sorted by task, training seed and episode; evaluate again")


class _Faults:
    """Raises `ReplayMismatchError` for an episode and step of one task."""

    def __init__(self, task: TaskSpec, trace: Trace) -> None:
        self._env_id, self._trace, self._slate = task.env_id, trace, task.slate_size
        self.word = "slot" if task.candidates else "item"

    def fail(self, i: int, step: int | None, text: str) -> None:
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


def replay_episodes(task: Task, promised: NDArray[np.uint64], simulator: Simulator, trace: Trace) -> Outcomes:
    """Replay the episodes of one task under one or more training seeds, which all meet the seeds `promised` (E,).

    Raises `ReplayMismatchError` where the trace is not what the simulator does.
    """
    faults, repeats = _Faults(simulator.task, trace), len(trace) // task.episodes
    if (wrong := trace.episode_seed != np.tile(promised, repeats)).any():
        faults.fail(int(wrong.argmax()), None, "its seed is not the one that the suite derives")
    _check_steps(faults, simulator.task, trace)
    width = simulator.task.slate_size or 1
    users = np.empty(len(trace), np.int64)
    left = np.empty(len(trace), np.bool_)
    by_length = np.argsort(trace.lengths, kind="stable")  # alike lengths together: little padding
    start = 0
    while start < len(by_length):
        longest = int(trace.lengths[by_length[min(start + simulator.num_lanes, len(by_length)) - 1]])
        chosen = by_length[start : start + max(1, min(simulator.num_lanes, _CELLS // (longest * width)))]
        try:
            users[chosen], left[chosen] = _replay(simulator, trace, chosen, faults)
        except InvalidActionError:  # somewhere among them: one by one, to name the episode
            alone = simulator_for(task, 1)
            for i in np.sort(chosen):
                _replay(alone, trace, np.array([i]), faults)
        start += len(chosen)
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
        width=width,
        leaving_earns=simulator.leaving_earns,
        candidates=simulator.task.candidates,
    )


def _check_steps(faults: _Faults, task: TaskSpec, trace: Trace) -> None:
    width = task.slate_size or 1
    for wrong, text in (
        (trace.lengths < 1, "it has no steps"),
        (trace.lengths > task.horizon, f"it is longer than the horizon of {task.horizon}"),
    ):
        if wrong.any():
            faults.fail(int(wrong.argmax()), None, text)
    shown = np.diff(trace.item_offsets)
    if (wrong := shown != trace.lengths * width).any():
        i = int(wrong.argmax())
        text = f"it shows {shown[i]} {faults.word}s in {trace.lengths[i]} steps, where each shows {width}"
        faults.fail(i, min(int(shown[i]) // width, int(trace.lengths[i]) - 1), text)
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


def _replay(
    simulator: Simulator, trace: Trace, chosen: NDArray[np.int64], faults: _Faults
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Replay the chosen episodes, one a lane; their users and whether these left. Raises at the first difference."""
    lengths = trace.lengths[chosen]
    longest, lanes = int(lengths.max()), np.arange(len(chosen))
    claimed = np.arange(longest)[:, None] < lengths  # (steps, lanes)
    flat = (trace.offsets[chosen] + np.arange(longest)[:, None])[claimed]
    shape: tuple[int, ...] = simulator.task.action_space.shape or ()  # of one action
    actions = np.zeros((longest, len(chosen), *shape), np.int64)
    rewards = np.zeros((longest, len(chosen)), np.float32)
    actions[claimed] = trace.actions.reshape(-1, *shape)[flat]
    rewards[claimed] = trace.rewards[flat]
    differs = np.zeros((longest, len(chosen)), np.bool_)
    simulator.begin(lanes, trace.episode_seed[chosen])
    users = simulator.user_ids()[lanes]
    earned = np.zeros((longest, len(chosen)), np.float32)
    whole = np.zeros((simulator.num_lanes, *shape), np.int64)  # lanes beyond the chosen are over
    try:
        for t in range(longest):
            whole[: len(chosen)] = actions[t]
            step = simulator.step(whole)
            earned[t] = step.rewards[lanes]
            over = (step.terminated | step.truncated)[lanes]
            differs[t] = over != (lengths <= t + 1)
    except InvalidActionError as error:
        if len(chosen) == 1:
            faults.fail(int(chosen[0]), t, f"the action is not allowed ({error})")
        raise
    differs |= claimed & (earned != rewards)
    causes = simulator.causes(lanes)
    if differs.any():
        _explain(faults, trace, chosen, differs, earned, causes)
    if (other := causes != trace.ends[chosen]).any():
        lane = int(other.argmax())
        text = f"the session ended by {causes[lane]!r}, the trace says {str(trace.ends[chosen[lane]])[:40]!r}"
        faults.fail(int(chosen[lane]), int(lengths[lane]) - 1, text)
    return users, step.terminated[lanes]


def _explain(
    faults: _Faults,
    trace: Trace,
    chosen: NDArray[np.int64],
    differs: NDArray[np.bool_],
    earned: NDArray[np.float32],
    causes: NDArray[Any],
) -> None:
    bad = np.flatnonzero(differs.any(axis=0))
    lane = int(bad[np.argmin(chosen[bad])])
    i, step = int(chosen[lane]), int(differs[:, lane].argmax())
    at, got = trace.offsets[i] + step, earned[step, lane]
    if got != trace.rewards[at]:
        faults.fail(i, step, f"{faults.action(at)} earns {got:g}, the trace claims {trace.rewards[at]:g}")
    if step + 1 < trace.lengths[i]:
        faults.fail(i, step, f"the session ends here by {causes[lane]!r}, the trace goes on")
    faults.fail(i, step, "the trace ends here, the session goes on")
