"""What agents that learn from logs share: reading the log, training, acting, files. An agent's own file is its loss."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from baselines.files import read_bytes, read_json, write_atomic, write_json
from baselines.offline.network import Network, State
from baselines.offline.replay import Replay, Steps
from baselines.offline.training import Course, fit
from baselines.online.encoder import check_encoder
from baselines.online.sb3_agent import own_torch
from baselines.online.watch import check_device
from baselines.selection import allowed_items, best_slates
from baselines.states import StateReader
from recsim_envs import rng
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.spec import Agent, Batch, Sessions, TaskSpec, TrainingLog

Facts = Mapping[str, Any]


@dataclass(kw_only=True, eq=False)
class LogAgent(Agent):
    """Base of all of them. device: where torch computes while learning; acting is on the CPU."""

    trains = True
    learns_from_log = True

    device: str = "cpu"

    def __post_init__(self) -> None:
        self._weights: dict[str, torch.Tensor] | None = None
        self._facts: dict[str, Any] = {}

    def check(self, task: TaskSpec) -> None:
        """Raise `AgentError` for a task that the agent cannot play. Any family's is read unless a subclass says no."""

    def network(self, task: TaskSpec) -> nn.Module:
        """An untrained network."""
        raise NotImplementedError

    def fitted(self, log: TrainingLog, replay: Replay, seed: int) -> tuple[nn.Module, Facts]:
        """The network that has learned from the log, and facts for `describe`."""
        raise NotImplementedError

    def scores(self, network: nn.Module, state: State) -> torch.Tensor:
        """Score of every item, (b, n); the agent shows the best."""
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
        self._weights = {name: value.cpu().contiguous().clone() for name, value in network.state_dict().items()}
        read = {"log": log.name, "log_sessions": log.num_sessions, "log_steps": log.num_steps}
        self._facts = {"trained_on": log.task.env_id} | read | dict(facts)

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Build the network around the learned weights, in float64 on the CPU.

        The order in which a matrix product is summed depends on the batch size. In float64 that moves a score by
        about 1e-16, far less than two items' scores differ by, so that the choice does not depend on it.
        """
        if self._weights is None:
            raise AgentError(f"{type(self).__name__} has learned nothing yet; train it or load what was learned")
        self.check(task)
        with own_torch():
            network = self.network(task)
        try:
            network.load_state_dict(self._weights)
        except RuntimeError as error:
            raise AgentError(
                f"the learned weights (trained on {self._facts.get('trained_on')}) do not fit {task.env_id} and these "
                f"parameters: {str(error).splitlines()[1].strip()}; train again"
            ) from error
        self._network, self._reader, self._slate = network.double().eval(), StateReader(task), task.slate_size

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """The allowed items of the highest scores.

        These are rounded to float32 first: candidates alike in every feature differ by the rounding of a matrix
        product, which depends on the batch, and must not be told apart by it.
        """
        state = {key: torch.from_numpy(array) for key, array in self._reader.read(observations).items()}
        with torch.no_grad():
            scores = self.scores(self._network, state).float().numpy()
        return best_slates(scores, self._slate, allowed_items(infos))

    def describe(self) -> Mapping[str, Any]:
        """What was learned from, and how."""
        return self._facts

    def save(self, path: Path) -> None:
        """Write `policy.safetensors` and `agent.json`."""
        if self._weights is None:
            raise AgentError(f"{type(self).__name__} has learned nothing yet; there is nothing to save")
        write_atomic(path / "policy.safetensors", save_tensors(self._weights))
        write_json(path / "agent.json", self._facts)

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
        self._facts = read_json(path / "agent.json", "trained_on", "log")
        data = read_bytes(path / "policy.safetensors")
        try:
            self._weights = load_tensors(data)
        except Exception as error:  # safetensors has its own error type, and json's and struct's come through
            raise AgentError(f"{path / 'policy.safetensors'} is damaged ({error}); train the agent again") from error


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
        super().__post_init__()
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

    def course(self, name: str, updates: int, log: TrainingLog, seed: int) -> Course:
        """How the part `name` of the agent is fitted to the log."""
        known = {f.name: getattr(self, f.name) for f in fields(self)} | {"agent": type(self).__name__}
        known |= {"env": log.task.env_id, "log": log.name, "sessions": log.num_sessions, "steps": log.num_steps}
        return Course(name, updates, self.learning_rate, seed, log.folder, known)


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

    def scores(self, network: nn.Module, state: State) -> torch.Tensor:
        """Those of the head that is followed."""
        return network(state)[self.acts_by]  # type: ignore[no-any-return]


@torch.no_grad()
def follow(network: nn.Module, target: nn.Module, rate: float) -> None:
    """Move `target` towards `network` by that share of the way (Polyak averaging)."""
    if rate:
        for slow, fast in zip(target.parameters(), network.parameters(), strict=True):
            slow.lerp_(fast, rate)
