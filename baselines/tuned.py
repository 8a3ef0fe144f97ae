"""Values that `longrec tune` has found on train users, by agent and family, for parameters that are left open (None).

They are kept in `tuned.json`: class of the agent -> family -> what was found, the file and the command that found it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import gymnasium

from recsim_envs.spec import TaskSpec

Parameters = TypeVar("Parameters")  # a dataclass


def filled(agent: Parameters, task: TaskSpec, general: Mapping[str, Any]) -> Parameters:
    """A copy of `agent` whose open parameters have the values tuned for the task's family, else the `general` ones.

    What is in neither stays open, and what is given stays as it is.
    """
    values = dict(general) | tuned_values(type(agent).__name__, task)
    return replace(agent, **{name: value for name, value in values.items() if name in open_parameters(agent)})  # type: ignore[type-var]


def open_parameters(agent: Any) -> list[str]:
    """Names of the parameters that are None."""
    return [field.name for field in fields(agent) if getattr(agent, field.name) is None]


def tuned_values(agent: str, task: TaskSpec) -> dict[str, Any]:
    """What was found for a class of agents and the family of a task; nothing where there was no search."""
    spec = gymnasium.registry.get(task.env_id)
    family = "" if spec is None else str(spec.kwargs.get("family", ""))
    return dict(_table().get(agent, {}).get(family, {}).get("parameters", {}))


@cache
def _table() -> dict[str, dict[str, dict[str, Any]]]:
    return dict(json.loads((Path(__file__).parent / "tuned.json").read_text("utf-8")))
