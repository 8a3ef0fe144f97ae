"""`BiLLPAgent`: the bi-level planner as an agent of the benchmark, and what `billp-plus` shares with it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bilp_agent.asking import Asker, request_seeds
from bilp_agent.learn import Learner
from bilp_agent.llm.registry import prompts_for
from bilp_agent.llm.source import ModelSource
from bilp_agent.memory.files import TRAINING, read_json
from bilp_agent.mind import Memories, Mind
from bilp_agent.quality import critic_quality, risk_quality
from bilp_agent.session import Session, follow, open_session
from bilp_agent.settings import Settings
from bilp_agent.views import masks_of, shaped
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.files import write_json
from recsim_envs.spec import Agent, Batch, Feedback, Sessions, TaskSpec, TrainingEnvs
from recsim_envs.text.encoder import Encoder
from recsim_envs.text.encoders import load_encoder


@dataclass(kw_only=True, eq=False, repr=False)  # no repr: model_options may hold a secret
class PlanningAgent(Agent):
    """What both configurations share: parameters, sessions, memories, books and files. Subclasses make the mind.

    model, model_options, cache: the language model, its keyword arguments and the file of its answer cache, see
        `bilp_agent.llm.load_model`. max_tokens, temperature: of every answer.
    gamma, reflections, neighbours, window, use_*, prompts: see `bilp_agent.settings.Settings`; where no prompts are
        named they are those that the model reads, see `bilp_agent.llm.registry.prompts_for`.
    train_lanes: sessions side by side in training; part of the result, since they share what they learn.
    encoder: what profiles and states are compared by, see `recsim_envs.text.encoders.load_encoder`.
    max_memories: records of each memory beyond which training compacts it, see `bilp_agent.memory.bound`.
    """

    trains = True

    model: str = "scripted"
    model_options: Mapping[str, Any] | None = None
    cache: str | None = None
    max_tokens: int = 256
    temperature: float = 0.0
    gamma: float = Settings.gamma
    reflections: int = Settings.reflections
    neighbours: int = Settings.neighbours
    window: int = Settings.window
    use_planner: bool = Settings.use_planner
    use_reflector: bool = Settings.use_reflector
    use_actor_memory: bool = Settings.use_actor_memory
    use_critic: bool = Settings.use_critic
    use_tools: bool = Settings.use_tools
    use_filter: bool = Settings.use_filter
    prompts: str | None = None
    train_lanes: int = 10
    encoder: str = "hashing"
    max_memories: int = 100_000

    def __post_init__(self) -> None:
        if min(self.train_lanes, self.max_tokens, self.max_memories) < 1 or self.temperature < 0:
            raise ConfigurationError(
                "train_lanes, max_tokens and max_memories must be at least 1, temperature at least 0"
            )
        self._source = ModelSource(self.model, self.cache, self.model_options)
        self.prompts = prompts_for(self.model, self.prompts)
        self._encoder = load_encoder(self.encoder)
        self._valued = self._encoder_of_values()
        self._forget()
        self._training: dict[str, Any] = {}
        self._waited: dict[str, float] = {}
        self._mind: Mind | None = None
        self._lanes: dict[int, Session] = {}
        self._values: list[float] = []
        self._risks: list[float] = []
        self._left: list[bool] = []

    def __setattr__(self, name: str, value: Any) -> None:
        """Raise `AgentError` for a parameter of an agent that is made: it has been read, another would do nothing."""
        if name in self.__dataclass_fields__ and "_mind" in vars(self):
            made = type(self).__name__
            raise AgentError(f"{name} of a {made} cannot be changed; make another one: {made}({name}=...)")
        super().__setattr__(name, value)

    def train(self, envs: TrainingEnvs, seed: int) -> None:
        """Fill empty memories within the budget."""
        self._forget()
        mind = self._make_mind(envs.task)
        learner = Learner(mind, seed, self.max_memories)
        learner.run(envs, self.train_lanes)
        curve = [asdict(point) for point in learner.curve]
        self._training = {**mind.report(), "memories": self._memories.sizes(), "curve": curve}
        self._waited = {"train": round(mind.asker.usage.seconds, 3)}
        self._warn_of_unread()

    def _warn_of_unread(self) -> None:
        """Say so where a role has hardly been heard: the agent falls back, and what it earns is not the model's."""
        unread = [role for role, shares in self._training["answers"].items() if shares["fallback"] > 0.5]
        if unread:
            hint = "" if self.prompts == "compact" else '; small models follow prompts="compact"'
            told = f"most answers as {', '.join(unread)} could not be read and were replaced"
            warnings.warn(f"language model {self.model!r}: {told}{hint}", stacklevel=3)

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Get ready for `task`. Memories are only read from here on, so results do not depend on order."""
        self._mind = self._make_mind(task)
        self._lanes = {}
        self._values, self._risks, self._left = [], [], []

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """One item a row, int64 (b,), or a slate, (b, k)."""
        mind = self._ready()
        rows = [self._session(mind, observations, sessions, row) for row in range(len(sessions.lanes))]
        seeds = request_seeds(sessions.keys, sessions.steps) if self.temperature > 0 else [0] * len(rows)
        items = mind.decide(rows, masks_of(infos, len(rows)), seeds)
        for session, chosen in zip(rows, items, strict=True):
            session.chosen = chosen
        return shaped(items, mind.context.task)

    def observe(self, sessions: Sessions, feedback: Feedback) -> None:
        """Keep what the Critic said beside what happened, for `describe`. Nothing is learned from it."""
        for lane, left in zip(sessions.lanes.tolist(), feedback.terminated.tolist(), strict=True):
            session = self._lanes[lane]
            self._values.append(session.value)
            self._left.append(left)
            if session.risk is not None:
                self._risks.append(session.risk)

    def explain(self, sessions: Sessions) -> Sequence[Mapping[str, Any]]:
        """Plan, reflections, the Actor's answer, tools and the Critic's value of each row's latest recommendation."""
        mind = self._ready()
        return [mind.explain(self._lanes[lane]) for lane in sessions.lanes.tolist()]

    def lessons(self) -> Sequence[Mapping[str, Any]]:
        """The reflections that the Planner's memory holds, with the training sessions they were written after."""
        return [] if self._mind is None else self._mind.lessons()

    def use_cassette(self, path: Path, *, replay: bool) -> None:
        """See `Agent.use_cassette`."""
        self._source.use_cassette(path, replay=replay)

    def describe(self) -> Mapping[str, Any]:
        """Usage, repairs, fallbacks, grounding and the Critic's quality, in test and in training; memory sizes."""
        facts: dict[str, Any] = {"memories": self._memories.sizes(), "training": self._training}
        if self._mind is not None:
            facts |= self._mind.report()
            facts["waited_seconds"] = self._waited | {"test": round(self._mind.asker.usage.seconds, 3)}
        if self.use_critic and self._values:
            facts["critic"] = critic_quality(self._values, self._left)
        if self._risks:
            facts["risk"] = risk_quality(self._risks, self._left)
        return facts

    def save(self, path: Path) -> None:
        """Write the memories as JSON lines and the record of the training as `training.json`."""
        self._memories.save(path)
        write_json(path / TRAINING, self._training)

    def load(self, path: Path) -> None:
        """Read what `save` wrote. Raises `AgentError` naming the file if it is damaged or of another version."""
        memories, training = Memories.load(path, self._encoder, self._valued), read_json(path / TRAINING)
        self._memories, self._training = memories, training

    def _encoder_of_values(self) -> Encoder:
        """What the states that the Critic values are compared by."""
        return self._encoder

    def _forget(self) -> None:
        """Empty what earlier training left."""
        self._memories = Memories.empty(self._encoder, self._valued)

    def _asker(self) -> Asker:
        return Asker(self._source.load(), self.max_tokens, self.temperature)

    def _make_mind(self, task: TaskSpec) -> Mind:
        raise NotImplementedError

    def _ready(self) -> Mind:
        if self._mind is None:
            raise AgentError("BiLLP was asked to act before reset; call reset(task, num_lanes, seed) first")
        return self._mind

    def _session(self, mind: Mind, observations: Batch, sessions: Sessions, row: int) -> Session:
        """The ledger of one row's session, brought up to date."""
        lane, view = int(sessions.lanes[row]), mind.context.view
        if sessions.steps[row] == 0 or lane not in self._lanes:
            self._lanes[lane] = open_session(view, mind.context.task.catalogue, observations, row)
            mind.recall(self._lanes[lane])
        follow(self._lanes[lane], view, observations, row, int(sessions.steps[row]))
        return self._lanes[lane]


@dataclass(kw_only=True, eq=False, repr=False)
class BiLLPAgent(PlanningAgent):
    """Bi-level LLM planner: learns from few sessions, by writing memories instead of changing weights.

    A Planner reads reflections and writes a plan, an Actor carries it out with tools and judged examples, its
    answer is grounded in the catalogue, a Critic values the state; when a training session ends a Reflector
    writes why. After Shi et al., "Large Language Models are Learnable Planners for Long-Term Recommendation",
    SIGIR 2024, with the published code's errors corrected (docs/agents/billp.md). Parameters: see `PlanningAgent`.
    """

    model: str = "pocket"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settings = Settings.of(self)

    def _make_mind(self, task: TaskSpec) -> Mind:
        return Mind(task, self._settings, self._memories, self._asker())
