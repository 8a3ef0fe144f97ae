"""SASRec (Kang & McAuley, "Self-attentive sequential recommendation", ICDM 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from baselines.items import item_features
from baselines.offline.agent import GradientAgent
from baselines.offline.network import State
from baselines.offline.replay import Replay, Steps
from baselines.states import ITEMS, SIGNALS, StateReader
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.spec import TaskSpec


@dataclass(kw_only=True, eq=False)
class SASRecAgent(GradientAgent):
    """The next liked item, by self-attention over those liked before. It knows nothing of what follows.

    layers, attention_heads: of the transformer, whose width is `embedding_dim`. dropout: of the paper for sparse
    data is 0.5. Each mini-batch is `batch_size` sessions, one drawn negative an item, as in the paper. An item counts
    as liked if the mean of its signals is above the middle of their range, or if there are none.
    """

    layers: int = 2
    attention_heads: int = 1
    dropout: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layers < 1 or self.attention_heads < 1 or self.embedding_dim % self.attention_heads:
            raise ConfigurationError(
                f"layers {self.layers} must be at least 1, and attention_heads {self.attention_heads} a divisor of "
                f"embedding_dim {self.embedding_dim}"
            )
        if not 0 <= self.dropout < 1:
            raise ConfigurationError(f"dropout must be in 0 to 1, got {self.dropout}")

    def check(self, task: TaskSpec) -> None:
        """Items must last, and the observations list them."""
        if not StateReader(task).histories:
            raise AgentError(
                f"{type(self).__name__} reads lists of a catalogue's items, and {task.env_id or 'this environment'} "
                "shows none; use an agent that reads candidates, or random"
            )

    def network(self, task: TaskSpec) -> SASRec:
        """An untrained `SASRec`."""
        return SASRec(task, self.embedding_dim, self.layers, self.attention_heads, self.dropout)

    def prepare(self, log: Replay) -> None:
        """Find the last step of each session: what can be seen after it is what there is to learn from."""
        self._log, self._last = log, log.last_steps()

    def loss(self, network: nn.Module, target: nn.Module, steps: Steps) -> torch.Tensor:
        """Binary cross-entropy of the next item and of one drawn item, at every place of the sequences."""
        assert isinstance(network, SASRec)
        drawn = torch.randint(len(self._last), (len(steps.rows),)).to(self._last.device)
        items, valid = network.liked(self._log.at(self._last[drawn]).next_state)
        queries = network.queries(items, valid)[:, :-1][valid]
        wanted, table = items[valid], network.items.weight
        other = torch.randint(1, network.num_items + 1, (len(wanted),)).to(wanted.device)
        yes, no = ((queries * table[ids]).sum(1) for ids in (wanted, other))
        real = (other != wanted).to(no.dtype)
        losses = binary_cross_entropy_with_logits(yes, torch.ones_like(yes), reduction="sum")
        losses = losses + (real * binary_cross_entropy_with_logits(no, torch.zeros_like(no), reduction="none")).sum()
        return losses / max(1, len(wanted))

    def scores(self, network: nn.Module, state: State, allowed: torch.Tensor | None) -> torch.Tensor:
        """Products of the sequence's last output and the items' embeddings."""
        return network(state)  # type: ignore[no-any-return]


class SASRec(nn.Module):
    """Causal self-attention over the embeddings of liked items, after a first token that stands for no item."""

    def __init__(self, task: TaskSpec, dim: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        self._histories, self.num_items = StateReader(task).histories, task.catalogue.num_items
        length = sum(history.length for history in self._histories)
        self.items = nn.Embedding(self.num_items + 1, dim)  # row 0: the first token
        with torch.no_grad():
            self.items.weight[1:] = 0.1 * torch.from_numpy(item_features(task.catalogue, dim))
            self.items.weight[1:] += 0.02 * torch.randn(self.num_items, dim)
        self.places = nn.Embedding(length + 1, dim)
        nn.init.normal_(self.places.weight, std=0.02)
        block = nn.TransformerEncoderLayer(dim, heads, dim, dropout, "relu", batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(block, layers, nn.LayerNorm(dim), enable_nested_tensor=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, state: State) -> torch.Tensor:
        """Scores (b, n_items)."""
        items, valid = self.liked(state)
        counts = valid.sum(dim=1)
        last = self.queries(items, valid)[torch.arange(len(items), device=items.device), counts]
        return last @ self.items.weight[1:].T

    def liked(self, state: State) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows of the table, int64 (b, l), of the liked items, the earliest first, and which places hold one."""
        keep, items = [], []
        for history in self._histories:
            met = state[history.key + ITEMS].long() + 1
            kept = met > 0
            if history.signals:
                kept = kept & (state[history.key + SIGNALS].mean(dim=2) > 0)
            items.append(met)
            keep.append(kept)
        kept, every = torch.cat(keep, dim=1), torch.cat(items, dim=1)
        order = torch.argsort((~kept).to(torch.int8), dim=1, stable=True)
        valid = kept.gather(1, order)
        return torch.where(valid, every.gather(1, order), 0), valid

    def queries(self, items: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Output (b, l + 1, dim) after no item, the first item, ... Empty places are behind the others, unattended."""
        rows = torch.cat([torch.zeros_like(items[:, :1]), items], dim=1)
        tokens = self.items(rows) + self.places(torch.arange(rows.shape[1], device=rows.device))
        mask = torch.ones(rows.shape[1], rows.shape[1], dtype=torch.bool, device=rows.device).triu(1)
        return self.body(self.dropout(tokens), mask=mask)  # type: ignore[no-any-return]
