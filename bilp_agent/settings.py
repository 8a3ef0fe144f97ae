"""What of the planner is switched on, and its constants. Two configurations of one agent are made of these."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, TypeVar

from recsim_envs.errors import ConfigurationError

PROMPTS: Final = ("full", "compact")
S = TypeVar("S", bound="Settings")


@dataclass(frozen=True)
class Settings:
    """The constants and switches that every configuration has.

    gamma: discount of values, 0 to below 1. reflections: how many a session gets (K). neighbours: remembered states
    that Actor and Critic are shown (k). window: past recommendations that prompts and states hold.
    use_planner, use_reflector, use_actor_memory, use_critic, use_tools, use_filter: off for ablations. Without
    tools the Actor is told neither category means nor candidates; without the filter the plan and beliefs forbid
    nothing, only the protocol does. prompts: "full", or "compact" for small models, see `bilp_agent.compact`.
    """

    gamma: float = 0.5
    reflections: int = 2
    neighbours: int = 3
    window: int = 10
    use_planner: bool = True
    use_reflector: bool = True
    use_actor_memory: bool = True
    use_critic: bool = True
    use_tools: bool = True
    use_filter: bool = True
    prompts: str = "full"

    def __post_init__(self) -> None:
        if not 0 <= self.gamma < 1:
            raise ConfigurationError(f"gamma {self.gamma} must be at least 0 and below 1")
        if min(self.reflections, self.neighbours) < 0 or self.window < 1:
            raise ConfigurationError("reflections and neighbours must be at least 0, window at least 1")
        if self.prompts not in PROMPTS:
            raise ConfigurationError(f"prompts must be one of {', '.join(PROMPTS)}, got {self.prompts!r}")
        if self.compact and not self.use_tools:  # answers name candidates by number, and there would be none
            raise ConfigurationError(
                'use_tools=False leaves compact prompts without candidates; use prompts="full", and a model that reads '
                "them (-p model=scripted)"
            )

    @classmethod
    def of(cls: type[S], agent: object) -> S:
        """Those that an agent's parameters of these names say. Raises `ConfigurationError` if they have no meaning."""
        return cls(**{setting.name: getattr(agent, setting.name) for setting in fields(cls)})

    @property
    def compact(self) -> bool:
        """Whether prompts are those for small models."""
        return self.prompts == "compact"


@dataclass(frozen=True)
class PlusSettings(Settings):
    """What `billp-plus` has besides.

    plan_steps: how many steps a plan holds unless something unexpected happens. choices: titles that the Actor names,
    in order; the best by value is shown. simulate: steps that are played forward in thought before choosing, each of
    which makes that up to six times as long (`foresight.WIDEST`); 0 is to trust the value of the state right after.
    thin: weight of remembered states below which the Critic is asked.
    """

    gamma: float = 0.9
    neighbours: int = 8
    plan_steps: int = 10
    choices: int = 1
    simulate: int = 0
    thin: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.plan_steps, self.choices) < 1 or self.simulate < 0 or self.thin < 0:
            raise ConfigurationError("plan_steps and choices must be at least 1, simulate and thin at least 0")
