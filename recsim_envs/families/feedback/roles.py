"""What the keys of a family's observations are about, as far as feedback is concerned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gymnasium import spaces

from recsim_envs.errors import ConfigurationError


@dataclass(frozen=True)
class Roles:
    """Keys of an observation by what they tell.

    `profile`: who the user is and what they did before the session. `feedback`: what they did at the last step.
    `log`: the keys of the items last shown in this session and of what each earned, both (m,), the latest on the right.
    """

    profile: tuple[str, ...] = ()
    feedback: tuple[str, ...] = ()
    log: tuple[str, str] | None = None


_DEPARTURE: Final = Roles(
    profile=("history_items", "history_rewards"), log=("session_items", "session_rewards")
)  # fmt: skip

_TOPICS: Final = ("response_clicks", "response_topics", "response_qualities")

ROLES: Final = {
    "departure": _DEPARTURE,
    "changing-departure": _DEPARTURE,
    "interest-evolution": Roles(profile=("user_interests",), feedback=(*_TOPICS, "response_watch_time")),
    "interest-exploration": Roles(feedback=_TOPICS),
    "satisfaction": Roles(feedback=("response_clicks", "response_engagement")),
    "boredom": Roles(feedback=("clicks", "hist")),
}
"""Of the families for which they are known; for others the options `profile` and `feedback` tell."""


def roles_of(family: str, space: spaces.Dict, profile: Any, feedback: Any) -> Roles | None:
    """The roles of a family's keys, None if nothing is known; options given take the place of what is known.

    Raises `ConfigurationError` for a key that the family's observations do not have.
    """
    known = ROLES.get(family)
    if profile is None and feedback is None:
        return known
    base = known or Roles()
    return Roles(
        profile=base.profile if profile is None else _keys("profile", profile, space),
        feedback=base.feedback if feedback is None else _keys("feedback", feedback, space),
        log=base.log,
    )


def _keys(option: str, value: Any, space: spaces.Dict) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(key in space.spaces for key in value):
        raise ConfigurationError(f"{option} must be a list of observation keys out of {list(space)}, got {value!r}")
    return tuple(value)
