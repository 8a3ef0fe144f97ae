"""Language models: which one an agent asked, in which prompts, and what else of its parameters says who it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from leaderboard.board.groups import Member

WRITER: Final[dict[str, Any]] = {"model": "scripted"}
"""What follows rules and is no language model, but reads what one would."""
POCKET: Final[dict[str, Any]] = {"model": "pocket"}
"""The language model that comes along."""

_TOLD: Final = ("model", "prompts")


def own_prompts(model: object) -> str:
    """The prompts that a model is asked in where none are named.

    As `bilp_agent.llm.registry.prompts_for` has it: nothing here may import the agents.
    """
    return "compact" if str(model).partition(":")[0] == "pocket" else "full"


def essential(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters without prompts that the model among them is asked in anyway."""
    own = None, own_prompts(parameters.get("model"))
    return {name: value for name, value in parameters.items() if name != "prompts" or value not in own}


def chosen(member: Member) -> dict[str, Any]:
    """The parameters that tell a submission from others of its agent, whichever of them were named and which followed:
    its language model, as far as its record tells, and all others that it was given but for the model's own prompts.
    """
    return _resolved(member.row.parameters, member.summary.submission.configuration)


def shown(member: Member) -> dict[str, Any]:
    """Of these, what names tell."""
    return names_tell(member.row.parameters, member.summary.submission.configuration)


def names_tell(given: Mapping[str, Any], configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Of an agent's parameters, those that tell it from others: the writer, which is no language model, only where it
    was asked for. `configuration`: every parameter, as a submission records them.
    """
    resolved = _resolved(given, configuration)
    return {name: value for name, value in resolved.items() if name in given or value != WRITER.get(name)}


def _resolved(given: Mapping[str, Any], configuration: Mapping[str, Any]) -> dict[str, Any]:
    followed = {name: configuration[name] for name in _TOLD if configuration.get(name) is not None}
    return essential({**given, **followed})
