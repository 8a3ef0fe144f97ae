"""`verify`: replay a submission's actions, without its agent, and hold every claim against the simulator."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from gymnasium.spaces import flatdim

from leaderboard import seeds
from leaderboard.ends import LOST
from leaderboard.evaluate.build import checked_fingerprint, simulator_for, world_of
from leaderboard.files import file_sha256, read_model
from leaderboard.folder import check_folder
from leaderboard.metrics import Outcomes
from leaderboard.schema import Submission, Task
from leaderboard.seasons import check_season
from leaderboard.stepping import LANES, replay_episodes
from leaderboard.traces import Trace, read_trace
from recsim_envs.errors import ConfigurationError, PlatformError, SubmissionError, UnreplayableError, WorldError
from recsim_envs.families.base import Simulator
from recsim_envs.fingerprint import platform_text
from recsim_envs.registration import check_registered

_NAMED: Final = 100_000  # episodes of a suite up to which the missing one is looked for by name
_OBSERVED: Final = 2**26  # numbers that the lanes of a simulator may show at once: a stranger chooses their options


@dataclass(frozen=True, eq=False)
class Replayed:
    """A submission whose every step was replayed; `outcomes` holds one entry for each task of its suite."""

    path: Path
    submission: Submission
    outcomes: tuple[Outcomes, ...]
    trace: Trace

    @property
    def steps(self) -> int:
        """Steps replayed."""
        return sum(len(o.rewards) for o in self.outcomes)


def verify(path: Path) -> Replayed:
    """Replay a submission folder.

    Raises `ReplayMismatchError` naming environment, episode and step where the trace is not what the simulator
    does, `SubmissionError` for a folder that is incomplete, malformed or does not hold what its suite asks for,
    `UnreplayableError` where an environment or its world is not here, and `PlatformError` where an environment computes
    otherwise here than where the submission was made.
    """
    submission = read_model(path / "submission.json", Submission)
    check_folder(path, submission)
    check_season(path, submission.suite)
    simulators = _simulators(path, submission)
    trace = _read(path, submission, simulators)
    _check_quota(path, submission, trace)
    _check_lost(path, submission, trace)
    suite, outcomes, start = submission.suite, [], 0
    for task, simulator in zip(suite.tasks, simulators, strict=True):
        stop = start + task.episodes * len(suite.training_seeds)
        promised = seeds.episode_seeds(suite.seed_name, task.env_id, task.episodes)
        outcomes.append(replay_episodes(task, promised, simulator, trace.of(slice(start, stop))))
        start = stop
    if file_sha256(path / "traces.parquet") != submission.traces_sha256:
        raise SubmissionError(
            f"{path / 'traces.parquet'} replays, but is not the file that submission.json was written for "
            "(traces_sha256 differs); restore the original pair of files"
        )
    return Replayed(path, submission, tuple(outcomes), trace)


def _simulators(path: Path, submission: Submission) -> list[Simulator]:
    found = []
    for task, world, known in zip(submission.suite.tasks, submission.worlds, submission.fingerprints, strict=True):
        simulator = _simulator(path, task, len(submission.suite.training_seeds))
        here = world_of(simulator)
        if here.sha256 != world.sha256:
            raise UnreplayableError(
                f"{path}: {task.env_id} was run on world {world.name!r} {world.sha256[:12]}, here it is {here.name!r} "
                f"{here.sha256[:12]}; install the longrec version {submission.packages.get('longrec', '?')} that made "
                "the submission, or evaluate again on this world"
            )
        if here.name != world.name:
            raise SubmissionError(f"{path}: {task.env_id} was run on world {here.name!r}, and not on {world.name!r}")
        if (computed := checked_fingerprint(task)) != known:
            raise PlatformError(
                f"{path}: {task.env_id} computes otherwise here than where the submission was made: its fingerprint is "
                f"{computed[:12]}, there it was {known[:12]} (there {_made_with(submission)}; here {platform_text()}); "
                "verify with those versions, or evaluate again"
            )
        found.append(simulator)
    return found


def _simulator(path: Path, task: Task, training_seeds: int) -> Simulator:
    try:
        check_registered(task.env_id)
    except ConfigurationError as error:
        raise UnreplayableError(f"{path}: {error}") from error
    try:
        return simulator_for(task, _lanes(task, training_seeds))
    except WorldError as error:
        raise UnreplayableError(f"{path}: the world of {task.env_id} is not here ({error})") from error
    except (ConfigurationError, TypeError) as error:  # an option that there is not
        raise SubmissionError(f"{path}: {task.env_id} has no such options: {error}") from error


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


def _check_lost(path: Path, submission: Submission, trace: Trace) -> None:
    """What each cell tells of sessions that the agent lost is what its trace says."""
    start = 0
    for cell in submission.cells:
        stop = start + submission.suite.tasks[cell.task].episodes
        told = (cell.lost.crashed, cell.lost.timed_out, cell.lost.out_of_memory)
        if told != (found := tuple(int((trace.ends[start:stop] == cause).sum()) for cause in LOST)):
            raise SubmissionError(
                f"{path}: task {cell.task}, training seed {cell.training_seed}: lost tells of {told} sessions "
                f"(crashed, timed out, out of memory), and the trace holds {found}; evaluate again"
            )
        start = stop
