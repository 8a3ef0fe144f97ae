"""Decision Transformer (Chen et al., "Reinforcement learning via sequence modeling", NeurIPS 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from baselines.offline.agent import GradientAgent
from baselines.offline.network import ItemHead, State, item_vectors, state_encoder
from baselines.offline.replay import Replay, Steps
from baselines.online.encoder import check_encoder
from baselines.scores import log_probability, only_allowed
from baselines.selection import allowed_items, best_slates, require_items
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import Batch, Feedback, Sessions, TaskSpec


@dataclass(kw_only=True, eq=False)
class DecisionTransformerAgent(GradientAgent):
    """Imitates the log given the return that is still to come, and then asks for a high one.

    context: last steps of a session that are read, each as return to go, state and action. layers, attention_heads:
    of the transformer. hidden: its width. encoder: how lists of items are read, as of the other agents.
    target_quantile: the return asked for is this quantile of the log's. Returns are not discounted.
    """

    hidden: int = 64
    encoder: str = "mean"
    context: int = 10
    layers: int = 2
    attention_heads: int = 2
    target_quantile: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        check_encoder(self.encoder)
        least = min(self.context, self.layers, self.attention_heads, self.hidden)
        if least < 1 or self.hidden % self.attention_heads:
            raise ConfigurationError(
                f"context {self.context} and layers {self.layers} must be at least 1, and attention_heads "
                f"{self.attention_heads} a divisor of hidden {self.hidden}"
            )
        if not 0 <= self.target_quantile <= 1:
            raise ConfigurationError(f"target_quantile must be in 0 to 1, got {self.target_quantile}")

    def check(self, task: TaskSpec) -> None:
        """Past actions are read by their items, so these must last."""
        require_items(self, task)

    def network(self, task: TaskSpec) -> DecisionTransformer:
        """An untrained `DecisionTransformer`."""
        return DecisionTransformer(
            task, self.embedding_dim, self.encoder, self.hidden, self.layers, self.attention_heads
        )

    def prepare(self, log: Replay) -> None:
        """Find the return to go of every step, and the return to ask for."""
        to_go = log.returns(1.0)
        self._log, self._to_go = log, torch.from_numpy(to_go).float().to(log.device)
        self._goal = [float(np.quantile(to_go[log.steps == 0], self.target_quantile)), log.scale]
        self._places = torch.from_numpy(log.steps).to(log.device)

    def loss(self, network: nn.Module, target: nn.Module, steps: Steps) -> torch.Tensor:
        """Cross-entropy of every action in the windows that end in the drawn steps."""
        assert isinstance(network, DecisionTransformer)
        network.goal.copy_(torch.tensor(self._goal))
        lengths = self._places[steps.rows].clamp(max=self.context - 1) + 1
        order = torch.arange(int(lengths.max()), device=lengths.device)
        rows = (steps.rows - lengths + 1)[:, None] + order
        valid = order < lengths[:, None]
        window = self._log.at(torch.where(valid, rows, steps.rows[:, None]).flatten())
        shape = (len(lengths), len(order))
        logits = network(
            window.state,
            window.actions.view(*shape, -1),
            self._to_go[window.rows].view(shape),
            self._places[window.rows].view(shape),
            valid,
        )
        real = valid.flatten()
        allowed = None if window.allowed is None else window.allowed[real]
        return -log_probability(only_allowed(logits, allowed), window.actions[real]).mean()

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Build the network and forget what the lanes have seen."""
        super().reset(task, num_lanes, seed)
        assert isinstance(self._network, DecisionTransformer)
        k, self._asked = self.context, self._network.goal.tolist()
        self._memory: dict[str, NDArray[Any]] = {
            key: np.zeros((num_lanes, k, *(box.shape or ())), box.dtype)
            for key, box in self._reader.space.spaces.items()
        }
        self._shown = np.zeros((num_lanes, k, task.slate_size or 1), np.int64)
        self._wanted, self._steps = np.zeros((num_lanes, k)), np.zeros((num_lanes, k), np.int64)
        self._seen, self._next = np.zeros(num_lanes, np.int64), np.zeros(num_lanes)

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """The likeliest allowed items, given that the rest of the return asked for is to come."""
        lanes = sessions.lanes
        fresh = lanes[sessions.steps == 0]
        self._seen[fresh], self._next[fresh] = 0, self._asked[0]
        self._remember(lanes, self._reader.read(observations), sessions.steps)
        counts = self._seen[lanes]
        longest = int(counts.max())
        state = {key: torch.from_numpy(array[lanes, :longest]).flatten(0, 1) for key, array in self._memory.items()}
        told = [torch.from_numpy(array[lanes, :longest]) for array in (self._shown, self._wanted, self._steps)]
        with torch.no_grad():
            asked = torch.from_numpy(counts[:, None] - 1 == np.arange(longest))
            logits = self._network(state, *told, asked).float().numpy()
        actions = best_slates(logits, self._slate, allowed_items(infos))
        self._shown[lanes, counts - 1] = actions.reshape(len(lanes), -1)
        return actions

    def observe(self, sessions: Sessions, feedback: Feedback) -> None:
        """Ask for so much less."""
        self._next[sessions.lanes] -= feedback.rewards / self._asked[1]

    def _remember(self, lanes: NDArray[np.int64], state: dict[str, NDArray[Any]], steps: NDArray[np.int64]) -> None:
        full = lanes[self._seen[lanes] == self.context]
        for array in (*self._memory.values(), self._shown, self._wanted, self._steps):
            array[full, :-1] = array[full, 1:]
        self._seen[full] -= 1
        place = self._seen[lanes]
        for key, array in state.items():
            self._memory[key][lanes, place] = array
        self._wanted[lanes, place], self._steps[lanes, place] = self._next[lanes], steps
        self._seen[lanes] += 1


class DecisionTransformer(nn.Module):
    """A causal transformer over tokens (return to go, state, action) a step. `goal`: what to ask for, and its unit."""

    goal: torch.Tensor

    def __init__(self, task: TaskSpec, dim: int, kind: str, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.encoder = state_encoder(task, dim, kind)
        self.returns, self.state, self.action = (
            nn.Linear(1, width),
            nn.Linear(self.encoder.features_dim, width),
            nn.Linear(dim, width),
        )
        self.steps = nn.Embedding(task.horizon + 1, width)
        block = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(block, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = ItemHead(width, width, dim, task.catalogue.num_items)
        self.register_buffer("goal", torch.zeros(2))

    def forward(
        self, state: State, actions: torch.Tensor, to_go: torch.Tensor, steps: torch.Tensor, asked: torch.Tensor
    ) -> torch.Tensor:
        """Logits (m, n) of what is shown in the m steps that are `asked`, bool (b, t).

        state: rows of b sessions times t steps. actions: int64 (b, t, k). to_go: (b, t). steps: int64 (b, t).
        """
        b, t = to_go.shape
        features, vectors = self.encoder(state), item_vectors(self.encoder, state)
        when = self.steps(steps.clamp(max=self.steps.num_embeddings - 1))
        told = self.returns(to_go.to(when.dtype).unsqueeze(2)) + when
        seen = self.state(features).view(b, t, -1) + when
        done = self.action(vectors[actions].mean(dim=2)) + when
        tokens = torch.stack([told, seen, done], dim=2).view(b, 3 * t, -1)
        mask = torch.ones(3 * t, 3 * t, dtype=torch.bool, device=tokens.device).triu(1)
        at_states = self.body(tokens, mask=mask)[:, 1::3]
        return self.head(at_states[asked], vectors)  # type: ignore[no-any-return]
