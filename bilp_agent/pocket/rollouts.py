"""Roll-outs: the planner plays a world, a teacher writes what each role should have answered, and both are kept.

The teacher is the scripted writer (`bilp_agent.llm.scripted`). It sees the prompt and nothing else, so whatever it
writes can be learned. From the first example on, states are those of real play: the teacher's own at first, later
those that the student gets itself into (DAgger: Ross, Gordon and Bagnell, AISTATS 2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import gymnasium as gym
from gymnasium.vector import AutoresetMode, VectorEnv

from bilp_agent.asking import Asker
from bilp_agent.learn import Learner
from bilp_agent.llm.base import Completion, LanguageModel, Request
from bilp_agent.llm.scripted import ScriptedModel
from bilp_agent.mind import Memories, Mind
from bilp_agent.plus.learned import Learned
from bilp_agent.plus.mind import PlusMind
from bilp_agent.pocket.worlds import DEPARTURE, Place, place_of
from bilp_agent.settings import PlusSettings, Settings
from bilp_agent.states import graded
from recsim_envs import rng
from recsim_envs.errors import AgentError
from recsim_envs.spec import Batch, Budget, TaskSpec
from recsim_envs.text.encoder import HashingEncoder
from recsim_envs.text.encoders import load_encoder

PERCENT_PLUS: Final = (
    10  # places of single items that are played by `billp-plus`, whose prompts tell beliefs and values besides
)
MOST_WRITTEN: Final = 96  # tokens of an answer; the teacher needs half of them
LANES: Final = 10  # as in the agents' own training


@dataclass(frozen=True)
class Example:
    """What a role read, and what it should write."""

    role: str
    system: str
    user: str
    answer: str


@dataclass
class Taught:
    """A language model for roll-outs: the teacher's answer to every prompt is kept, the student's may be acted on.

    student: None where the teacher acts alone. share: of the requests that the student answers, drawn by the prompt.
    """

    student: LanguageModel | None = None
    share: float = 1.0
    examples: list[Example] = field(default_factory=list)
    name: str = "taught"

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """The answers that are acted on."""
        answers = ScriptedModel().generate(requests)
        for request, answer in zip(requests, answers, strict=True):
            system, user = (m.content for m in request.messages[:2])
            if len(request.messages) == 2:  # what is asked again was unreadable: its prompt is kept already
                self.examples.append(Example(system.split()[3], system, user, answer.text))
        if self.student is None:
            return answers
        chosen = [n for n, request in enumerate(requests) if self._is_for_student(request)]
        for n, answer in zip(chosen, self.student.generate([requests[n] for n in chosen]), strict=True):
            answers[n] = answer
        return answers

    def _is_for_student(self, request: Request) -> bool:
        return rng.derive_seed("student", request.messages[-1].content) % 1000 < 1000 * self.share


@dataclass(eq=False)
class Playground:
    """`TrainingEnvs` over one place's train users, counted in sessions that end; it keeps nothing on disk."""

    place: Place
    budget: Budget
    folder: Path | None = None
    ended: int = 0
    task: TaskSpec = field(init=False)

    def __post_init__(self) -> None:
        self.task = self.place.task

    def make(self, num_envs: int) -> VectorEnv[Any, Any, Any]:
        """See `TrainingEnvs.make`."""
        vector = gym.make_vec(
            self.place.env_id,
            num_envs=num_envs,
            split="train",
            autoreset_mode=AutoresetMode.SAME_STEP,
            **self.place.options,
        )
        step = vector.step

        def counted(actions: Any) -> Any:
            out = step(actions)
            self.ended += int((out[2] | out[3]).sum())
            return out

        vector.step = counted  # type: ignore[method-assign]
        return vector

    def remaining(self) -> Budget:
        """See `TrainingEnvs.remaining`."""
        return Budget(episodes=max((self.budget.episodes or 0) - self.ended, 0))

    def spent(self) -> bool:
        """See `TrainingEnvs.spent`."""
        return self.remaining().episodes == 0

    def mark(self) -> int:
        """Nothing is kept."""
        raise AgentError("a playground keeps nothing")

    def restore(self, mark: int) -> list[tuple[VectorEnv[Any, Any, Any], Batch, dict[str, Any]]]:
        """Nothing is kept."""
        raise AgentError("a playground keeps nothing")


def examples_of(
    split: str, number: int, *, sessions: int = 30, student: LanguageModel | None = None, share: float = 1.0
) -> list[Example]:
    """All that was asked while the planner learned in place `number` of a split, with the teacher's answers."""
    playground = Playground(place_of(split, number), Budget(episodes=sessions))
    taught = Taught(student, share)
    key = rng.derive_seed("pocket rollout", split, number)
    plus = playground.place.env_id == DEPARTURE and key % 100 < PERCENT_PLUS
    mind = _mind(playground.task, Asker(taught, MOST_WRITTEN), plus=plus)
    Learner(mind, key % 2**31, 100_000).run(playground, LANES)
    return taught.examples


def _mind(task: TaskSpec, asker: Asker, *, plus: bool) -> Mind:
    encoder = load_encoder("hashing")
    if not plus:
        return Mind(task, Settings(prompts="compact"), Memories.empty(encoder, encoder), asker)
    memories = Memories.empty(encoder, HashingEncoder(256, graded))
    return PlusMind(task, PlusSettings(prompts="compact"), memories, Learned(), asker)
