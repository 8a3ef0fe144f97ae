"""Reflexion: ReAct that looks back on each training session in words, and reads the latest of these words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines.files import read_json
from baselines.llm.react import ReActAgent
from baselines.llm.visit import Visit, open_visit
from bilp_agent.asking import Prompt, Question, UnreadableAnswerError, request_seeds
from bilp_agent.text import field
from recsim_envs import rng
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.files import write_json
from recsim_envs.spec import TrainingEnvs

VERSION = 1
LINES = 20  # steps of a finished session that are looked back on
LONGEST = 600  # characters of one reflection that are kept


@dataclass(kw_only=True, eq=False, repr=False)
class ReflexionAgent(ReActAgent):
    """Writes a reflection at the end of each training session; all sessions read the `reflections` newest ones.

    After Shinn et al., "Reflexion: Language Agents with Verbal Reinforcement Learning", NeurIPS 2023, a baseline of
    Shi et al., SIGIR 2024: the list is bounded and shared by all users, for a user comes once. It is written in
    training only. Without training it is ReAct. train_lanes: training sessions side by side; part of the result,
    since they share what they learn. Other parameters as in `ReActAgent`.
    """

    trains = True

    reflections: int = 3
    train_lanes: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.reflections, self.train_lanes) < 1:
            raise ConfigurationError("reflections and train_lanes must be at least 1")
        self._reflections: list[str] = []
        self._training: dict[str, Any] = {}

    def _lessons(self) -> list[str]:
        return self._reflections

    def train(self, envs: TrainingEnvs, seed: int) -> None:
        """Fill an empty list within the budget. Sessions still open when it is spent are not reflected on."""
        self._open(envs.task)
        self._reflections, lengths = [], []
        vector = envs.make(self.train_lanes)
        observations, infos = vector.reset(seed=seed)
        started = vector.num_envs
        view = self.desk.view
        visits = [open_visit(view, observations, lane) for lane in range(started)]
        steps = np.zeros(started, np.int64)
        keys = _keys(seed, 0, started)
        while not envs.spent():
            for lane, visit in enumerate(visits):
                visit.follow(view, observations, lane, int(steps[lane]))
            actions = self._decide(visits, infos.get("action_mask"), request_seeds(keys, steps))
            observations, rewards, terminated, truncated, infos = vector.step(actions)
            steps += 1
            for visit, reward in zip(visits, rewards.tolist(), strict=True):
                visit.earned += reward
            ended = np.flatnonzero(terminated | truncated).tolist()
            for lane in ended:
                visits[lane].follow(view, infos["final_obs"], lane, int(steps[lane]))
                lengths.append(visits[lane].length - int(terminated[lane]))
            seeds = request_seeds(keys[ended], steps[ended])
            self._look_back([visits[lane] for lane in ended], terminated[ended].tolist(), seeds)
            for lane in ended:
                visits[lane] = open_visit(view, observations, lane)
            steps[ended] = 0
            keys[ended], started = _keys(seed, started, len(ended)), started + len(ended)
        vector.close()
        self._training = {**self._report(), "lengths": lengths}
        self._waited = {"train": round(self._asker.usage.seconds, 3)}

    def _look_back(self, visits: Sequence[Visit], left: Sequence[bool], seeds: Sequence[int]) -> None:
        """Reflect on finished sessions; what cannot be read is not remembered."""
        if not visits:
            return
        system, horizon = self.desk.render("reflexion_system"), self.desk.task.horizon
        asked = zip(visits, left, seeds, strict=True)
        prompts = [Prompt(system, self._last_words(visit, gone), seed) for visit, gone, seed in asked]
        answers = self._asker.ask_all([Question("reflector", prompt, read_reflection, str) for prompt in prompts])
        for visit, gone, answer in zip(visits, left, answers, strict=True):
            if answer.value:
                told = f"stayed {visit.length - gone} of {horizon} steps"
                told = f"earned {visit.earned:.1f}" if self.desk.view.name else told
                self._reflections.append(f"({told}) {answer.value}")
        self._reflections = self._reflections[-self.reflections :]

    def _last_words(self, visit: Visit, left: bool) -> str:
        desk = self.desk
        return desk.render(
            "reflexion_user",
            reflections=self._reflections,
            left=left,
            steps=visit.length,
            last="" if desk.view.name else desk.line(visit.shown[-1]),
            earned=visit.earned,
            **desk.past(visit, LINES),
        )

    def _tell(self, visit: Visit) -> dict[str, Any]:
        return {**super()._tell(visit), "reflections": self.lessons()}

    def lessons(self) -> Sequence[Mapping[str, Any]]:
        """The reflections that are remembered: the newest ones, with how their sessions went in front."""
        return [{"text": text} for text in self._reflections]

    def describe(self) -> Mapping[str, Any]:
        """As of ReAct, and the reflections with the same account of the training that led to them."""
        return {**super().describe(), "reflections": list(self._reflections), "training": self._training}

    def save(self, path: Path) -> None:
        """Write `reflections.json`. Raises `AgentError` before training."""
        if not self._training:
            raise AgentError("reflexion has nothing to save; train it first")
        record = {"version": VERSION, "reflections": self._reflections, "training": self._training}
        write_json(path / "reflections.json", record)

    def load(self, path: Path) -> None:
        """Read what `save` wrote. Raises `AgentError` naming the file if it is damaged or of another version."""
        file = path / "reflections.json"
        record = read_json(file, "version", "reflections", "training")
        texts = record["reflections"]
        if record["version"] != VERSION:
            raise AgentError(
                f"{file}: version {record['version']}, this longrec reads {VERSION}; train the agent again"
            )
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise AgentError(f"{file}: field reflections is no list of texts; train the agent again")
        self._reflections, self._training = texts, record["training"]


def read_reflection(answer: str) -> str:
    """The text of the line "Reflection: ..."; raises `UnreadableAnswerError` if there is none."""
    told = field(answer, "Reflection")
    if not told:
        raise UnreadableAnswerError('the line "Reflection: ..." is missing')
    return told[:LONGEST]


def _keys(seed: int, start: int, count: int) -> NDArray[np.uint64]:
    """Session keys of training sessions start..start+count-1: uint64 (count,)."""
    return rng.bits_array(rng.derive_seed("reflexion", seed), np.arange(start, start + count), rng.EPISODE)
