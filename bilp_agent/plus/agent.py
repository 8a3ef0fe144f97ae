"""`BiLLPPlusAgent`: the second configuration of the bi-level planner."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bilp_agent.agent import PlanningAgent
from bilp_agent.mind import Mind
from bilp_agent.plus.learned import Learned
from bilp_agent.plus.mind import PlusMind
from bilp_agent.settings import PlusSettings
from bilp_agent.states import graded
from recsim_envs.spec import TaskSpec
from recsim_envs.text.encoder import HashingEncoder


class BiLLPPlusAgent(PlanningAgent):
    """The bi-level planner taken further: plans over several steps, tested beliefs, choices by expected value.

    As `BiLLPAgent`, but states are abstract, so that they recur; the Critic is the mean of remembered outcomes, and the
    language model is asked only where memory is thin; reflections are merged and ranked by how sessions went with them;
    hypotheses about why users leave are counted across sessions and, where they hold, become beliefs that prompts
    tell and grounding obeys; the Actor may name several titles, of which the one worth most is shown.

    model, model_options, cache, max_tokens, temperature, train_lanes, encoder, max_memories: as in `BiLLPAgent`. States
        that the Critic values are made of a few words and grades, and keep an encoder of their own.
    gamma, ..., thin: see `bilp_agent.settings.PlusSettings`.
    """

    _settings: PlusSettings

    def __init__(
        self,
        *,
        model: str = "scripted",
        model_options: Mapping[str, Any] | None = None,
        cache: str | None = None,
        max_tokens: int = 256,
        temperature: float = 0.0,
        gamma: float = 0.9,
        reflections: int = 2,
        neighbours: int = 8,
        window: int = 10,
        use_planner: bool = True,
        use_reflector: bool = True,
        use_actor_memory: bool = True,
        use_critic: bool = True,
        use_tools: bool = True,
        use_filter: bool = True,
        prompts: str = "full",
        plan_steps: int = 10,
        choices: int = 1,
        simulate: int = 0,
        thin: float = 1.0,
        train_lanes: int = 10,
        encoder: str = "hashing",
        max_memories: int = 100_000,
    ) -> None:
        super().__init__(
            PlusSettings(
                gamma, reflections, neighbours, window,
                use_planner, use_reflector, use_actor_memory, use_critic, use_tools, use_filter,
                prompts,
                plan_steps, choices, simulate, thin,
            ),
            model=model, model_options=model_options, cache=cache, max_tokens=max_tokens, temperature=temperature,
            train_lanes=train_lanes, encoder=encoder, max_memories=max_memories, valued=HashingEncoder(256, graded),
        )  # fmt: skip
        self._learned = Learned()

    def _forget(self) -> None:
        super()._forget()
        self._learned = Learned()

    def _make_mind(self, task: TaskSpec) -> Mind:
        return PlusMind(task, self._settings, self._memories, self._learned, self._asker())

    def save(self, path: Path) -> None:
        """Write the memories, the counts and the record of the training."""
        super().save(path)
        self._learned.save(path)

    def load(self, path: Path) -> None:
        """Read what `save` wrote. Raises `AgentError` naming the file if it is damaged or of another version."""
        learned = Learned.load(path)
        super().load(path)
        self._learned = learned
