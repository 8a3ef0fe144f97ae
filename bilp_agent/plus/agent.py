"""`BiLLPPlusAgent`: the second configuration of the bi-level planner."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bilp_agent.agent import PlanningAgent
from bilp_agent.mind import Mind
from bilp_agent.plus.learned import Learned
from bilp_agent.plus.mind import PlusMind
from bilp_agent.settings import PlusSettings
from bilp_agent.states import graded
from recsim_envs.spec import TaskSpec
from recsim_envs.text.encoder import Encoder, HashingEncoder


@dataclass(kw_only=True, eq=False, repr=False)
class BiLLPPlusAgent(PlanningAgent):
    """The bi-level planner taken further: plans over several steps, tested beliefs, choices by expected value.

    As `BiLLPAgent`, but states are abstract, so that they recur; the Critic is the mean of remembered outcomes, and the
    language model is asked only where memory is thin; reflections are merged and ranked by how sessions went with them;
    hypotheses about why users leave are counted across sessions and, where they hold, become beliefs that prompts
    tell and grounding obeys; the Actor may name several titles, of which the one worth most is shown.

    plan_steps, choices, simulate, thin: see `bilp_agent.settings.PlusSettings`; the others: see `PlanningAgent`. States
    that the Critic values are made of a few words and grades, and keep an encoder of their own.
    """

    gamma: float = PlusSettings.gamma
    neighbours: int = PlusSettings.neighbours
    plan_steps: int = PlusSettings.plan_steps
    choices: int = PlusSettings.choices
    simulate: int = PlusSettings.simulate
    thin: float = PlusSettings.thin

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settings = PlusSettings.of(self)

    def _encoder_of_values(self) -> Encoder:
        return HashingEncoder(256, graded)

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
