"""`DatasetSpec`: what a log is a pure function of, and the names of logs.

`longrec/games/mixed-v0` is the log of policy `mixed` on `longrec/Games-v0`; its version is that of the log, not of
the environment. An environment of a later version says so: `longrec/games-v1/mixed-v0`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.errors import ConfigurationError
from recsim_envs.families.options import choice, integer, number
from recsim_envs.ids import NAMESPACE
from recsim_envs.worlds.home import home

VERSION: Final = 0
"""Version of the logs that this package makes; it counts up when the same spec would give other rows."""
SESSIONS: Final = 10_000
EPSILON: Final = 0.2
SPLITS: Final = ("train", "fit")
"""Whose sessions a log may hold: those of the train users, or of the part of them that parameters are chosen on."""
POLICIES: Final = ("random", "popular", "epsilon-greedy", "mixed")
"""Policies that make logs. Each gives every allowed action a positive probability."""

RESERVED: Final = frozenset({"split", "env_id", "num_lanes", "family", "of"})
"""Options that no log may set: its users are those of its split, and `family` and `of` name code to import."""

_ID: Final = re.compile(r"(?P<env>.+)/(?P<policy>[a-z-]+)-v(?P<version>[0-9]{1,4})")


@dataclass(frozen=True)
class DatasetSpec:
    """Everything that decides the rows of a log.

    env_id: a registered environment. policy: one of `POLICIES`. sessions: how many. seed: which log of many; other
    seeds have other sessions. epsilon: the share of random actions of the greedy policy. options: keywords of
    `gymnasium.make` for the environment, JSON-serialisable. split: one of `SPLITS`, whose users visit. Raises
    `ConfigurationError` for a value without meaning.
    """

    env_id: str
    policy: str
    sessions: int = SESSIONS
    seed: int = 0
    epsilon: float = EPSILON
    options: Mapping[str, Any] = field(default_factory=dict)
    version: int = VERSION
    split: str = "train"

    def __post_init__(self) -> None:
        check_policy(self.policy)
        integer("sessions", self.sessions, 1, 2**31 - 1)
        integer("seed", self.seed, 0, 2**63 - 1)
        number("epsilon", self.epsilon, 0.0, 1.0)
        choice("split", self.split, SPLITS)
        if self.epsilon == 0:
            raise ConfigurationError("epsilon must be above 0: a log without chance tells nothing of other actions")
        if self.version != VERSION:
            raise ConfigurationError(f"logs of version v{self.version} are not made; this package makes v{VERSION}")
        if taken := sorted(RESERVED & self.options.keys()):
            raise ConfigurationError(
                f"options must not set {taken[0]}: which users visit and which code runs is settled"
            )
        try:
            json.dumps(dict(self.options), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"options must be JSON, for they are written into the log: {error}") from None

    @property
    def id(self) -> str:
        """The name of the log, such as `longrec/games/mixed-v0`; sessions, seed and options are not part of it."""
        return dataset_id(self.env_id, self.policy, self.version)

    def episode_seeds(self) -> NDArray[np.uint64]:
        """Seeds of the sessions: uint64 (sessions,). The same for all policies, so that logs meet the same users.

        The labels under the hash are none that evaluation uses (`leaderboard/seeds.py`), and test users never visit.
        """
        return rng.bits_array(self._root("sessions"), np.arange(self.sessions), rng.EPISODE)

    def session_keys(self) -> NDArray[np.uint64]:
        """The policy's own randomness, a key a session: uint64 (sessions,)."""
        return rng.bits_array(self._root("policy", self.policy), np.arange(self.sessions), rng.EPISODE)

    def _root(self, *labels: str) -> int:
        return rng.derive_seed("offline log", self.version, self.env_id, self.seed, *labels)


def check_policy(policy: str, others: tuple[str, ...] = ()) -> None:
    """Raise `ConfigurationError` unless it is one of `POLICIES` or of `others`."""
    known = (*POLICIES, *others)
    if policy not in known:
        raise ConfigurationError(f"policy {policy!r} does not exist; use {', '.join(known)}")


def dataset_id(env_id: str, policy: str, version: int = VERSION) -> str:
    """The name of an environment's log: "longrec/Games-v0" and "mixed" -> "longrec/games/mixed-v0"."""
    check_policy(policy)
    return f"{_environment_part(env_id)}/{policy}-v{version}"


def spec_of(name: str, **changes: Any) -> DatasetSpec:
    """The spec of a log's name, with `changes` to its defaults.

    Raises `ConfigurationError` where no registered environment has such a name, or several have.
    """
    from recsim_envs.registration import registered_ids

    found = _ID.fullmatch(name)
    if found is None:
        wanted = "must look like longrec/games/mixed-v0: environment, policy, version"
        raise ConfigurationError(f"log {name!r} {wanted}; {_suggestion(name)}")
    fits = [env_id for env_id in registered_ids() if _environment_part(env_id) == found["env"]]
    if not fits:
        reason = "is that of no registered environment"
        raise ConfigurationError(f"{found['env']!r} in {name!r} {reason}; {_suggestion(name)}")
    if len(fits) > 1:
        raise ConfigurationError(f"{name!r} is a log of {' and of '.join(fits)}; register one under another name")
    return DatasetSpec(fits[0], found["policy"], version=int(found["version"]), **changes)


def _suggestion(name: str) -> str:
    import difflib

    from recsim_envs.registration import registered_ids

    known = [dataset_id(env_id, policy) for env_id in registered_ids() for policy in POLICIES]
    close = difflib.get_close_matches(name.lower(), known, 2, cutoff=0.6)
    return f"did you mean {' or '.join(close)}?" if close else "`longrec logs list` shows all names"


def default_path(name: str) -> Path:
    """Where a log lies unless it is told otherwise: under `logs` in the home folder."""
    return home() / "logs" / name


def _environment_part(env_id: str) -> str:
    from recsim_envs.pages import slug

    name = slug(env_id)
    version = env_id.rpartition("-v")[2]
    own = f"{NAMESPACE}{name}" if env_id.startswith(NAMESPACE) else name
    return own if version == "0" else f"{own}-v{version}"
