"""Seasons: rounds on seeds that nobody knew before the close. What is published of each is a JSON file beside this
module: at its opening a hash of a secret salt, after its close the salt.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from leaderboard import seeds
from leaderboard.files import read_model
from leaderboard.schema import Season, Suite
from leaderboard.words import suggestion
from recsim_envs.errors import ConfigurationError, SubmissionError, UnreplayableError

FOLDER: Final = Path(__file__).parent


def season_names(folder: Path | None = None) -> list[str]:
    """The published seasons, sorted."""
    return sorted(file.stem for file in (folder or FOLDER).glob("*.json"))


def read_season(name: str, folder: Path | None = None) -> Season:
    """A published season by name. Raises `ConfigurationError` for one that there is not, or that was tampered with."""
    known = season_names(folder)
    if name not in known:
        raise ConfigurationError(f"season {name!r} does not exist{suggestion(name, known)}")
    season = read_model((folder or FOLDER) / f"{name}.json", Season, ConfigurationError)
    if season.name != name:
        raise ConfigurationError(f"{name}.json holds the season {season.name!r}; restore the file that was published")
    return season


def check_season(path: Path, suite: Suite, folder: Path | None = None) -> None:
    """Raise for a suite of a season that is not the one published: `SubmissionError`, or `UnreplayableError` where
    there is no such season here. Suites without a season pass.
    """
    ref = suite.season
    if ref is None:
        return
    if ref.name not in season_names(folder):
        raise UnreplayableError(f"{path} is of season {ref.name!r}, which is not published here; update longrec")
    season = read_season(ref.name, folder)
    if season.commitment_to(ref.salt) != season.commitment:
        raise SubmissionError(f"{path}: its salt is not the one that season {season.name!r} committed to; run it again")
    if suite != season.bound_suite(ref.salt):
        raise SubmissionError(f"{path}: its suite is not that of season {season.name!r}; run it again")


def shared_seeds(one: Suite, other: Suite) -> int:
    """How many test episodes of two suites have the same seed."""
    first, second = (
        np.concatenate([seeds.episode_seeds(s.seed_name, t.env_id, t.episodes) for t in s.tasks]) for s in (one, other)
    )
    return len(np.intersect1d(first, second))
