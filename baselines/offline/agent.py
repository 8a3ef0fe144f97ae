"""What agents that learn from logs share: reading the log, training, acting, files. An agent's own file is its loss."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from baselines.networks import NetworkAgent, check_device, own_torch
from baselines.offline.network import Network, State
from baselines.offline.replay import Replay, Steps
from baselines.offline.training import Course, fit
from baselines.online.encoder import check_encoder
from baselines.selection import allowed_items, best_slates
from baselines.states import StateReader
from recsim_envs import rng
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import Batch, Sessions, TaskSpec, TrainingLog

Facts = Mapping[str, Any]


@dataclass(kw_only=True, eq=False)
class LogAgent(NetworkAgent):
    """Base of all of them. device: where torch computes while learning; acting is on the CPU."""

    learns_from_log = True

    device: str = "cpu"

    def network(self, task: TaskSpec) -> nn.Module:
        """An untrained network."""
        raise NotImplementedError

    def fitted(self, log: TrainingLog, replay: Replay, seed: int) -> tuple[nn.Module, Facts]:
        """The network that has learned from the log, and facts for `describe`."""
        raise NotImplementedError

    def scores(self, network: nn.Module, state: State, allowed: torch.Tensor | None) -> torch.Tensor:
        """Score of every item, (b, n), of which the agent shows the best that are `allowed`, bool (b, n) or None."""
        raise NotImplementedError

    def learn(self, log: TrainingLog, seed: int) -> None:
        """Learn from the whole log. Deterministic on the CPU in `seed` and the log; resumes in `log.folder`.

        Raises `AgentError` for a task that the agent cannot play, a device that is not there, a checkpoint of
        something else, and where the loss is no number.
        """
        self.check(log.task)
        check_device(self.device)
        with own_torch():
            torch.manual_seed(rng.derive_seed("offline", seed) % 2**63)
            network, facts = self.fitted(log, Replay(log, torch.device(self.device)), seed)
        read = {"log": log.name, "log_sessions": log.num_sessions, "log_steps": log.num_steps}
        self._learned(network, {"trained_on": log.task.env_id} | read | dict(facts))

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Build the network around the learned weights. Raises `AgentError` as `NetworkAgent._filled` does."""
        self._network = self._filled(task, self.network)
        self._reader, self._slate = StateReader(task), task.slate_size

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """What `choose` makes of the scores.

        These are rounded to float32 first: candidates alike in every feature differ by the rounding of a matrix
        product, which depends on the batch, and must not be told apart by it.
        """
        state = {key: torch.from_numpy(array) for key, array in self._reader.read(observations).items()}
        allowed = allowed_items(infos)
        with torch.no_grad():
            told = None if allowed is None else torch.from_numpy(allowed)
            scores = self.scores(self._network, state, told).float().numpy()
        return self.choose(scores, allowed, sessions)

    def choose(
        self, scores: NDArray[np.float32], allowed: NDArray[np.bool_] | None, sessions: Sessions
    ) -> NDArray[np.int64]:
        """What to show, by the scores (b, n): the best."""
        return best_slates(scores, self._slate, allowed)


@dataclass(kw_only=True, eq=False)
class GradientAgent(LogAgent):
    """An agent that minimises a loss of mini-batches.

    updates, batch_size: mini-batches of Adam, and steps of the log in each. learning_rate: of Adam. embedding_dim:
    size of an item's embedding, at least 3.
    """

    target_rate: ClassVar[float] = 0.0
    """Share of the learned parameters that moves into the target network after each update; 0: there is none."""

    updates: int = 2000
    batch_size: int = 64
    learning_rate: float = 1e-3
    embedding_dim: int = 32

    def __post_init__(self) -> None:
        if self.updates < 1 or self.batch_size < 1 or self.embedding_dim < 3:
            raise ConfigurationError(
                f"updates {self.updates}, batch_size {self.batch_size} and embedding_dim {self.embedding_dim} must be "
                "at least 1, 1 and 3"
            )
        if not self.learning_rate > 0:
            raise ConfigurationError(f"learning_rate must be above 0, got {self.learning_rate}")

    def prepare(self, log: Replay) -> None:
        """Look at the whole log before the first update."""

    def loss(self, network: nn.Module, target: nn.Module, steps: Steps) -> torch.Tensor:
        """The loss of a mini-batch, a scalar. `target` is a slow copy, or `network` itself where there is none."""
        raise NotImplementedError

    def fitted(self, log: TrainingLog, replay: Replay, seed: int) -> tuple[nn.Module, Facts]:
        """A network of `network` that has gone through all updates, and its losses."""
        self.prepare(replay)
        network = self.network(log.task).to(replay.device)
        parts = [network, copy.deepcopy(network).requires_grad_(False)] if self.target_rate else [network]
        curve = fit(
            nn.ModuleList(parts),
            lambda update: self.loss(network, parts[-1], replay.draw(self.batch_size)),
            self.course("policy", self.updates, log, seed),
            after=lambda: follow(network, parts[-1], self.target_rate),
        )
        return network, {"updates": self.updates, "loss_curve": curve}

    def all_updates(self) -> int:
        """Of every part of the agent."""
        return self.updates

    def course(self, name: str, updates: int, log: TrainingLog, seed: int, before: int = 0) -> Course:
        """How the part `name` of the agent is fitted to the log, after so many updates of other parts."""
        known: dict[str, Any] = {"agent": type(self).__name__, "environment": log.task.env_id, "log": log.name}
        known |= {"log sessions": log.num_sessions, "log steps": log.num_steps}
        known |= {f.name: getattr(self, f.name) for f in fields(self)}
        total = self.all_updates()
        return Course(
            name, updates, self.learning_rate, seed, log.folder, known, lambda done: log.progress(before + done, total)
        )


@dataclass(kw_only=True, eq=False)
class HeadAgent(GradientAgent):
    """An agent on one `Network`.

    hidden: units of each head's hidden layer. gamma: discount a step. encoder: how lists of items are read, "mean",
    "gru" or "attention" (`baselines.online.pools`).
    """

    heads: ClassVar[tuple[str, ...]]
    """Names of scores of every item."""
    values: ClassVar[tuple[str, ...]] = ()
    """Names of numbers of a state."""
    acts_by: ClassVar[str]
    """The head whose best items are shown."""

    hidden: int = 64
    gamma: float = 0.9
    encoder: str = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_encoder(self.encoder)
        if self.hidden < 1 or not 0 <= self.gamma <= 1:
            raise ConfigurationError(f"hidden {self.hidden} must be at least 1 and gamma {self.gamma} in 0 to 1")

    def network(self, task: TaskSpec) -> Network:
        """An untrained `Network`."""
        return Network(task, self.embedding_dim, self.hidden, self.encoder, self.heads, self.values)

    def scores(self, network: nn.Module, state: State, allowed: torch.Tensor | None) -> torch.Tensor:
        """Those of the head that is followed."""
        return network(state)[self.acts_by]  # type: ignore[no-any-return]


@torch.no_grad()
def follow(network: nn.Module, target: nn.Module, rate: float) -> None:
    """Move `target` towards `network` by that share of the way (Polyak averaging)."""
    if rate:
        for slow, fast in zip(target.parameters(), network.parameters(), strict=True):
            slow.lerp_(fast, rate)
