"""The four roles at work on one task: Planner, Actor with tools and memory, grounding, Critic, a batch at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bilp_agent.actor import Actor, Turn
from bilp_agent.asking import Answer, Asker
from bilp_agent.context import Context
from bilp_agent.critic import Critic, Returns
from bilp_agent.memory import ActorExample, CriticExample, Match, Memory, Reflection, bound, records_of
from bilp_agent.memory.files import FILES
from bilp_agent.planner import Plan, Planner
from bilp_agent.reflector import Ended, Reflector
from bilp_agent.session import Session
from bilp_agent.settings import Settings
from bilp_agent.slates import spread
from bilp_agent.telling import Choice, tell_reflection, tell_session
from bilp_agent.views import Mask
from recsim_envs.spec import TaskSpec
from recsim_envs.text.encoder import Encoder
from recsim_envs.text.grounding import Allowed, Grounding


@dataclass(frozen=True, eq=False)
class Memories:
    """What training leaves behind."""

    planner: Memory[Reflection]
    actor: Memory[ActorExample]
    critic: Memory[CriticExample]

    @classmethod
    def empty(cls, encoder: Encoder, valued: Encoder) -> Memories:
        """Nothing learned yet. encoder: of profiles and states; valued: of the states that the Critic values."""
        return cls(Memory(Reflection, encoder), Memory(ActorExample, encoder), Memory(CriticExample, valued))

    def save(self, folder: Path) -> None:
        """Write `planner.jsonl`, `actor.jsonl` and `critic.jsonl`."""
        for role, memory in self._by_role().items():
            memory.save(folder / FILES[role])

    @classmethod
    def load(cls, folder: Path, encoder: Encoder, valued: Encoder) -> Memories:
        """Read them. Raises `AgentError` naming the file and line if one is unusable."""
        return cls(
            Memory.load(folder / FILES["planner"], Reflection, encoder),
            Memory.load(folder / FILES["actor"], ActorExample, encoder),
            Memory.load(folder / FILES["critic"], CriticExample, valued),
        )

    def sizes(self) -> dict[str, dict[str, int]]:
        """Records and different states of each memory, and how many records were forgotten in how many compactions."""
        return {
            role: {
                "records": len(m), "states": m.num_states, "forgotten": m.forgotten, "compactions": m.compactions,
            }
            for role, m in self._by_role().items()
        }  # fmt: skip

    def bound(self, most: int) -> bool:
        """Compact each memory that holds more than `most` records; whether one did."""
        compacted = [bound(memory, most) for memory in self._by_role().values()]
        return any(compacted)

    def _by_role(self) -> dict[str, Memory[Any]]:
        return {"planner": self.planner, "actor": self.actor, "critic": self.critic}


class Mind:
    """Decides for a batch of sessions. Each role is asked once a batch; memories are only read here.

    `grounded` counts how names became items, `recalled` how often a state was in memory already ("same") or not.
    """

    def __init__(self, task: TaskSpec, settings: Settings, memories: Memories, asker: Asker) -> None:
        self.settings, self.memories, self.asker = settings, memories, asker
        self.context = self._make_context(task)
        self.returns = Returns(settings.gamma, max(abs(bound) for bound in self._worth(task)))
        self._planner = Planner(self.context, asker)
        self._actor = Actor(self.context, asker, choices=self._choices(), use_tools=settings.use_tools)
        self._critic = Critic(self.context, asker, self.returns)
        self._reflector = Reflector(self.context, asker)
        self._grounding = Grounding(self.context.text)
        self.grounded: Counter[str] = Counter()
        self.recalled: Counter[str] = Counter()
        self.decisions = 0

    def _make_context(self, task: TaskSpec) -> Context:
        return Context.of(task, self.settings.window, compact=self.settings.compact)

    def _choices(self) -> int:
        """Titles that the Actor names for the place of one."""
        return 1

    def _worth(self, task: TaskSpec) -> tuple[float, float]:
        """Bounds of what the Critic's values are sums of: here the rewards of steps."""
        return task.reward_range

    def recall(self, session: Session) -> None:
        """Retrieve the reflections for a new session: those of the most similar users, nearest first."""
        if self.settings.use_reflector:
            matches = self.memories.planner.nearest(self.context.profile(session), self.settings.reflections)
            session.reflections = tuple(records_of(matches)[: self.settings.reflections])

    def decide(self, sessions: Sequence[Session], masks: Sequence[Mask], seeds: Sequence[int]) -> list[tuple[int, ...]]:
        """The items to show in each session, first slot first; leaves the plan, the state and its value in the session.

        masks: what the protocol allows in each, see `views.Mask`. seeds: of sampled answers.
        """
        self.decisions += len(sessions)
        for session in sessions:
            self.describe(session)
        self._make_plans(sessions, seeds)
        turns = [self._turn(session, mask) for session, mask in zip(sessions, masks, strict=True)]
        names = self._actor.name(turns, seeds)
        items = [self._ground(name, turn) for name, turn in zip(names, turns, strict=True)]
        self.judge(sessions, seeds)
        return items

    def describe(self, session: Session) -> None:
        """Put the present state into words: what Actor and Critic remember it by."""
        session.state = self.context.state(session)
        session.valued = (session.state,)

    def _make_plans(self, sessions: Sequence[Session], seeds: Sequence[int]) -> None:
        if not self.settings.use_planner:
            return
        for session, answer in zip(sessions, self._planner.plan(sessions, seeds), strict=True):
            session.plan, session.planned = answer.value, session.step

    def _turn(self, session: Session, mask: Mask) -> Turn:
        plan = session.plan or Plan()
        allowed = self._allowed(session, plan, mask)
        return Turn(session, plan, allowed, self._examples(session), self._candidates(session, plan, allowed))

    def _candidates(self, session: Session, plan: Plan, allowed: Allowed) -> tuple[int, ...]:
        """What tools find for the Actor; nothing where they are switched off."""
        return self._actor.candidates(session, plan, allowed) if self.settings.use_tools else ()

    def _allowed(self, session: Session, plan: Plan, mask: Mask) -> Allowed:
        """What the protocol allows and, with the filter on, has rested as long as the plan demands."""
        if not self.settings.use_filter:
            return Allowed(mask=mask)
        blocked = (i for i in session.last_step if (session.steps_since(i) or 0) <= plan.repeat_after)
        allowed = Allowed(frozenset(blocked), mask)
        if allowed.room(self.context.task.catalogue.num_items) >= self.context.view.slots:
            return allowed
        self.grounded["plan relaxed"] += 1  # the plan forbids all that the protocol allows
        return Allowed(mask=mask)

    def _examples(self, session: Session) -> tuple[Match[ActorExample], ...]:
        if not self.settings.use_actor_memory:
            return ()
        self.recalled["same" if session.state in self.memories.actor else "near"] += 1
        return tuple(self.memories.actor.nearest(session.state, self.settings.neighbours))

    def _ground(self, names: Answer[tuple[str, ...]], turn: Turn) -> tuple[int, ...]:
        """Different items for titles, in order, as many as have a place at least; how is kept in the session.

        Where titles are missing the first candidates that keep to the plan's limit a category take their places.
        """
        found, hows, slots = list[int](), list[str](), self.context.view.slots
        for name in names.value:
            free = self._without(turn.allowed, found)
            left = [item for item in turn.candidates if item not in found] if found else turn.candidates
            grounded = self._grounding.ground(name, free, left)
            self.grounded[grounded.how] += 1
            hows.append(grounded.how)
            found.append(grounded.item)
        for item in self._filling(found, turn) if len(found) < slots else ():
            self.grounded["filled"] += 1
            found.append(item)
        turn.session.choice = Choice(
            turn.candidates, turn.notes, names.text, names.status, tuple(names.value), tuple(hows)
        )
        return tuple(found)

    def _without(self, allowed: Allowed, taken: Sequence[int]) -> Allowed:
        """What may stand beside the items taken; everything allowed, if nothing else is left."""
        free = Allowed(allowed.blocked | set(taken), allowed.mask) if taken else allowed
        return free if free.any_item(self.context.task.catalogue.num_items) else allowed

    def _filling(self, taken: Sequence[int], turn: Turn) -> list[int]:
        missing, tools = self.context.view.slots - len(taken), self.context.tools
        order = spread((*taken, *(c for c in turn.candidates if c not in taken)), tools.main_category, turn.plan.most)
        chosen = [item for item in order if item not in taken][:missing]
        while len(chosen) < missing:
            free = self._without(turn.allowed, (*taken, *chosen))
            chosen += tools.search((), free, missing - len(chosen))
        return chosen

    def judge(self, sessions: Sequence[Session], seeds: Sequence[int]) -> None:
        """Let the Critic value the present state of each session; without a Critic every value is 0."""
        if not self.settings.use_critic:
            return
        states = [session.valued[0] for session in sessions]
        rewards = [session.mean_reward for session in sessions]
        examples = [self.memories.critic.nearest(state, self.settings.neighbours) for state in states]
        for session, answer in zip(sessions, self._critic.value(states, rewards, examples, seeds), strict=True):
            session.value = answer.value

    def remember(self, record: CriticExample) -> None:
        """Keep what a state turned out to be worth."""
        self.memories.critic.add(record)

    def study(self, ended: Ended) -> None:
        """Take in the facts of a finished training session, before it is reflected on."""

    def reflect(self, ended: Sequence[Ended], seeds: Sequence[int]) -> None:
        """Remember reflections on finished sessions, but for those that could not be read."""
        if self.settings.use_reflector:
            answers = self._reflector.reflect(ended, seeds)
            self._keep([answer.value for answer in answers if answer.value is not None])

    def tidy(self, most: int) -> bool:
        """Compact memories of more than `most` records; whether there were any."""
        return self.memories.bound(most)

    def _keep(self, reflections: Sequence[Reflection]) -> None:
        self.memories.planner.extend(reflections)

    def explain(self, session: Session) -> dict[str, Any]:
        """JSON form of what the roles had in mind at the latest recommendation of a session."""
        return tell_session(session, self.context, valued=self.settings.use_critic)

    def lessons(self) -> list[dict[str, Any]]:
        """JSON form of the reflections that are remembered, oldest first."""
        return [tell_reflection(reflection, self.context) for reflection in self.memories.planner.records]

    def report(self) -> dict[str, Any]:
        """JSON form of what the language model was asked and how its answers were used."""
        return {
            **self.asker.report(self.decisions),
            "grounding": dict(sorted(self.grounded.items())),
            "tools": dict(sorted(self.context.toolbox.tally.items())),
            "actor_memory": dict(sorted(self.recalled.items())),
        }
