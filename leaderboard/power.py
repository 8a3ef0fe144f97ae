"""What a suite can tell apart: the smallest differences in normalised score that it finds, from recorded runs.

Runs tell how scores differ between users and between training seeds; the suite's quotas say how far that averages out.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

from leaderboard.board.cached import Watch, summaries
from leaderboard.board.groups import Group, groups
from leaderboard.board.store import Store, default_folder
from leaderboard.board.summary import Summary, without_twins
from leaderboard.files import read_model
from leaderboard.schema import Submission, Suite, Task, canonical_json
from leaderboard.stats import LEVEL, Detectable, Influence, SeedLevel, average, detectable_of
from recsim_envs.errors import ConfigurationError, LongrecError

WHOLE: Final = "mean of all"


@dataclass(frozen=True)
class Power:
    """The smallest differences that are found between two agents of a task, each pair compared by itself.

    sessions: under each training seed; median, largest: over `pairs` of agents; share: of the pairs between which a
    difference of the size wanted is found; needed: the sessions with which half of the pairs find it, None where
    training seeds vary too much for any number.
    """

    label: str
    sessions: int
    pairs: int
    median: float
    largest: float
    share: float
    needed: int | None


def recorded(suite: Suite, folders: Sequence[Path], watch: Watch = lambda done, total: None) -> list[Group]:
    """The tables of those submissions that share an environment with a suite; replays are kept as a board's are.

    Raises what makes one of them fail to replay.
    """
    wanted = {task.env_id for task in suite.tasks}
    suites = {folder: read_model(folder / "submission.json", Submission).suite for folder in folders}
    of_it = [folder for folder, of in suites.items() if wanted & {task.env_id for task in of.tasks}]
    found = summaries(of_it, Store(default_folder() / "replays"), watch=watch).values()
    for failed in (one for one in found if isinstance(one, LongrecError)):
        raise failed
    return groups(without_twins([one for one in found if isinstance(one, Summary)])[0])


def suite_power(
    suite: Suite, tables: Sequence[Group], *, wanted: float = 0.05, power: float = 0.8, level: float = LEVEL
) -> list[Power]:
    """What each task of a suite finds with probability `power`, and last, where two agents have run all, their mean.

    `tables` are of recorded runs: of the suite itself, or of a pilot on the same environments. Agents that read hidden
    state are left out, and so are pairs between which nothing varies. Raises `ConfigurationError` for a task without
    a table that has both ends of the scale.
    """
    found = [_planned(task, _table(suite, task, tables)) for task in suite.tasks]
    whole = {agent: average([of[agent] for of in found]) for agent in found[0] if all(agent in of for of in found)}
    chosen = [(task.env_id.rpartition("/")[2], task.episodes, of) for task, of in zip(suite.tasks, found, strict=True)]
    if len(found) > 1 and len(whole) > 1:
        chosen.append((WHOLE, sum(task.episodes for task in suite.tasks), whole))
    rows = []
    for label, sessions, of in chosen:
        pairs = [
            detectable_of(one, other, sessions, wanted=wanted, power=power, level=level)
            for one, other in combinations(of.values(), 2)
        ]
        rows.append(_power(label, sessions, [pair for pair in pairs if pair.smallest is not None]))
    return rows


def _table(suite: Suite, task: Task, tables: Sequence[Group]) -> Group:
    """The one that tells of a task: the suite's own, else the only one on the same environment and track."""
    known = [
        table
        for table in tables
        if table.scale is not None
        and (row := table.members[0].row).track == suite.track
        and (row.env_id, canonical_json(row.options)) == (task.env_id, canonical_json(task.options))
    ]
    own = [table for table in known if table.members[0].row.suite_hash == suite.hash]
    if len(found := own or known) != 1:
        raise ConfigurationError(
            f"{len(found)} tables of {task.env_id} on track {suite.track} with the agents random and oracle are among "
            f"these submissions; name the folders of one pilot of suite {suite.name}"
        )
    return found[0]


def _planned(task: Task, table: Group) -> dict[str, Influence]:
    """Each agent's score as it would vary with the quota of the task, by agent and parameters."""
    found = {}
    for n in table.competing:
        row = table.members[n].row
        share = row.episodes / row.training_seeds / task.episodes
        found[canonical_json([row.agent, row.parameters])] = _with_users(table.influences[n], share)
    return found


def _with_users(of: Influence, share: float) -> Influence:
    """A figure whose users were so many times as many as those it is planned for: their part of its variance grows."""
    seeds = tuple(SeedLevel(s.raw + (share - 1) * s.noise, share * s.noise, s.freedom) for s in of.seeds)
    return Influence(of.value, of.users * share**0.5, of.blocks, seeds, of.num_seeds, of.stream)


def _power(label: str, sessions: int, pairs: Sequence[Detectable]) -> Power:
    if not pairs:
        raise ConfigurationError(f"{label}: nothing is known of how two agents differ; name runs of two that do")
    smallest = [pair.smallest for pair in pairs if pair.smallest is not None]
    needed = sorted(float("inf") if pair.needed is None else pair.needed for pair in pairs)[(len(pairs) - 1) // 2]
    return Power(
        label=label,
        sessions=sessions,
        pairs=len(pairs),
        median=statistics.median(smallest),
        largest=max(smallest),
        share=sum(size <= pairs[0].wanted for size in smallest) / len(smallest),
        needed=None if needed == float("inf") else int(needed),
    )
