"""Environments of users who get bored, drift, leave and come back.

Importing this package registers its environments with Gymnasium and nothing more: compiled kernels, worlds
and readers are imported when an environment is first made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recsim_envs.registration import make_simulator, register, register_builtin, registered_ids
from recsim_envs.spec import Agent, Budget, Catalogue, Feedback, Sessions, TaskSpec, TrainingLog

if TYPE_CHECKING:
    from recsim_envs.worlds.world import World

__version__ = "0.1.0"
__all__ = [
    "Agent",
    "Budget",
    "Catalogue",
    "Feedback",
    "Sessions",
    "TaskSpec",
    "TrainingLog",
    "World",
    "make_simulator",
    "register",
    "registered_ids",
]


def __getattr__(name: str) -> Any:
    if name == "World":  # pydantic comes with it: kept out of the import of the package
        from recsim_envs.worlds.world import World

        return World
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


register_builtin()
