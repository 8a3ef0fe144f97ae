"""The four roles at work on one task: Planner, Actor with tools and memory, grounding, Critic, a batch at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bilp_agent.actor import Actor, Turn
from bilp_agent.asking import Asker
from bilp_agent.context import Context
from bilp_agent.critic import Critic, Returns
from bilp_agent.memory import ActorExample, CriticExample, Match, Memory, Reflection, records_of
from bilp_agent.planner import Plan, Planner
from bilp_agent.reflector import Ended, Reflector
from bilp_agent.session import Session
from recsim_envs.spec import TaskSpec
from recsim_envs.text.encoder import Encoder
from recsim_envs.text.grounding import Allowed, Grounding


@dataclass(frozen=True)
class Settings:
    """What of BiLLP is switched on, and its constants; see `BiLLPAgent`."""

    gamma: float
    reflections: int
    neighbours: int
    window: int
    use_planner: bool
    use_reflector: bool
    use_actor_memory: bool
    use_critic: bool


@dataclass(frozen=True, eq=False)
class Memories:
    """What training leaves behind."""

    planner: Memory[Reflection]
    actor: Memory[ActorExample]
    critic: Memory[CriticExample]

    @classmethod
    def empty(cls, encoder: Encoder) -> Memories:
        """Nothing learned yet."""
        return cls(Memory(Reflection, encoder), Memory(ActorExample, encoder), Memory(CriticExample, encoder))

    def save(self, folder: Path) -> None:
        """Write `planner.jsonl`, `actor.jsonl` and `critic.jsonl`."""
        for name, memory in self._named().items():
            memory.save(folder / f"{name}.jsonl")

    @classmethod
    def load(cls, folder: Path, encoder: Encoder) -> Memories:
        """Read them. Raises `AgentError` naming the file and line if one is unusable."""
        return cls(
            Memory.load(folder / "planner.jsonl", Reflection, encoder),
            Memory.load(folder / "actor.jsonl", ActorExample, encoder),
            Memory.load(folder / "critic.jsonl", CriticExample, encoder),
        )

    def sizes(self) -> dict[str, dict[str, int]]:
        """Records and different states of each memory."""
        return {name: {"records": len(m), "states": m.num_states} for name, m in self._named().items()}

    def _named(self) -> dict[str, Memory[Any]]:
        return {"planner": self.planner, "actor": self.actor, "critic": self.critic}


class Mind:
    """Decides for a batch of sessions. Each role is asked once a batch; memories are only read here.

    `grounded` counts how names became items, `recalled` how often a state was in memory already ("same") or not.
    """

    def __init__(self, task: TaskSpec, settings: Settings, memories: Memories, asker: Asker) -> None:
        self.settings, self.memories, self.asker = settings, memories, asker
        self.context = Context.of(task, settings.window)
        largest = max(abs(bound) for bound in task.reward_range)
        self.returns = Returns(settings.gamma, largest)
        self._planner, self._actor = Planner(self.context, asker), Actor(self.context, asker)
        self._critic = Critic(self.context, asker, self.returns)
        self._reflector = Reflector(self.context, asker)
        self._grounding = Grounding(self.context.text)
        self.grounded: Counter[str] = Counter()
        self.recalled: Counter[str] = Counter()
        self.decisions = 0

    def recall(self, session: Session) -> None:
        """Retrieve the reflections for a new session: those of the most similar users, nearest first."""
        if self.settings.use_reflector:
            matches = self.memories.planner.nearest(self.context.profile(session), self.settings.reflections)
            session.reflections = tuple(records_of(matches)[: self.settings.reflections])

    def decide(self, sessions: Sequence[Session], masks: Sequence[Any], seeds: Sequence[int]) -> list[int]:
        """The item to show in each session; leaves the plan, the state and its value in the session.

        masks: int8 (n_items,) of what the protocol allows, or None, for each session.
        """
        self.decisions += len(sessions)
        for session in sessions:
            session.state = self.context.state(session)
        self._make_plans(sessions, seeds)
        turns = [self._turn(session, mask) for session, mask in zip(sessions, masks, strict=True)]
        names = self._actor.name(turns, seeds)
        items = [self._ground(name.value, turn) for name, turn in zip(names, turns, strict=True)]
        self.judge(sessions, seeds)
        return items

    def _make_plans(self, sessions: Sequence[Session], seeds: Sequence[int]) -> None:
        if not self.settings.use_planner:
            return
        for session, answer in zip(sessions, self._planner.plan(sessions, seeds), strict=True):
            session.plan = answer.value

    def _turn(self, session: Session, mask: Any) -> Turn:
        plan = session.plan or Plan()
        blocked = (i for i in session.last_step if (session.steps_since(i) or 0) <= plan.repeat_after)
        allowed = Allowed(frozenset(blocked), mask)
        if not allowed.any_item(self.context.task.catalogue.num_items):
            self.grounded["plan relaxed"] += 1  # the plan forbids all that the protocol allows
            allowed = Allowed(mask=mask)
        candidates = self._actor.candidates(session, plan, allowed)
        examples: tuple[Match[ActorExample], ...] = ()
        if self.settings.use_actor_memory:
            self.recalled["same" if session.state in self.memories.actor else "near"] += 1
            examples = tuple(self.memories.actor.nearest(session.state, self.settings.neighbours))
        return Turn(session, plan, allowed, examples, candidates)

    def _ground(self, name: str, turn: Turn) -> int:
        found = self._grounding.ground(name, turn.allowed, turn.candidates)
        self.grounded[found.how] += 1
        return found.item

    def judge(self, sessions: Sequence[Session], seeds: Sequence[int]) -> None:
        """Let the Critic value the present state of each session; without a Critic every value is 0."""
        if not self.settings.use_critic:
            return
        examples = [self.memories.critic.nearest(s.state, self.settings.neighbours) for s in sessions]
        for session, answer in zip(sessions, self._critic.value(sessions, examples, seeds), strict=True):
            session.value = answer.value

    def reflect(self, ended: Sequence[Ended], seeds: Sequence[int]) -> list[Reflection]:
        """Reflections on finished sessions, without those that could not be read."""
        if not self.settings.use_reflector:
            return []
        answers = self._reflector.reflect(ended, seeds)
        return [answer.value for answer in answers if answer.value is not None]

    def report(self) -> dict[str, Any]:
        """JSON form of what the language model was asked and how its answers were used."""
        calls = self.asker.usage.calls
        return {
            "language_model": self.asker.model.name,
            "decisions": self.decisions,
            "calls_per_decision": calls / self.decisions if self.decisions else None,
            **self.asker.report(),
            "grounding": dict(sorted(self.grounded.items())),
            "actor_memory": dict(sorted(self.recalled.items())),
        }
