"""From a state to a vector, and from a vector to a score of every item, with one table of items for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from baselines.online.encoder import StateEncoder
from baselines.scores import only_allowed
from baselines.states import CANDIDATES, StateReader
from recsim_envs.spec import TaskSpec

State = Mapping[str, torch.Tensor]
"""What `StateReader.read` gives, as tensors of b rows."""


def state_encoder(task: TaskSpec, dim: int, kind: str = "mean") -> StateEncoder:
    """The encoder of the online agents, for a state without mask."""
    return StateEncoder(StateReader(task).space, task=task, dim=dim, kind=kind)


def item_vectors(encoder: StateEncoder, state: State) -> torch.Tensor:
    """Embeddings of what may be shown: (n_items, dim) of a catalogue, (b, n, dim) of candidates."""
    if encoder.items is not None:
        return encoder.items.weight[1:]
    assert encoder.candidates is not None
    return encoder.candidates(state[CANDIDATES].to(encoder.candidates.weight.dtype))  # type: ignore[no-any-return]


class ItemHead(nn.Module):
    """Scores every item: the product of its embedding and a query made of the features, plus a bias of its own.

    The query is a linear map of the features plus one through a hidden layer: the linear one tells soon what is alike
    to what was shown. All scores begin at 0. num_items: how many have a bias; None for candidates, which have none.
    """

    def __init__(self, width: int, hidden: int, dim: int, num_items: int | None) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(width, hidden), nn.ReLU())
        self.query, self.skip = nn.Linear(hidden, dim), nn.Linear(width, dim, bias=False)
        for start in (self.query.weight, self.query.bias, self.skip.weight):
            nn.init.zeros_(start)
        self.bias = None if num_items is None else nn.Parameter(torch.zeros(num_items))

    def forward(self, features: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
        """Scores (b, n) from features (b, width) and vectors (n, dim) or (b, n, dim)."""
        query = self._query(features)
        scores = query @ vectors.T if vectors.ndim == 2 else torch.einsum("bd,bnd->bn", query, vectors)
        return scores if self.bias is None else scores + self.bias

    def of_items(self, features: torch.Tensor, vectors: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Scores (b,) of one item a row, int64 (b,), of a catalogue; the others' are not computed."""
        scores = (self._query(features) * vectors[items]).sum(dim=1)
        return scores if self.bias is None else scores + self.bias[items]

    def _query(self, features: torch.Tensor) -> torch.Tensor:
        return self.query(self.body(features)) + self.skip(features)  # type: ignore[no-any-return]


class Network(nn.Module):
    """An encoder with named heads on it: `heads` score every item, `values` are one number a state."""

    def __init__(
        self, task: TaskSpec, dim: int, hidden: int, kind: str, heads: Sequence[str], values: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.encoder = state_encoder(task, dim, kind)
        width, items = self.encoder.features_dim, None if task.candidates else task.catalogue.num_items
        self.heads = nn.ModuleDict({name: ItemHead(width, hidden, dim, items) for name in heads})
        self.values = nn.ModuleDict(
            {name: nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, 1)) for name in values}
        )

    def forward(self, state: State, allowed: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """Scores (b, n), `NEVER` where not allowed, and values (b,), by name."""
        features, vectors = self.encoder(state), item_vectors(self.encoder, state)
        scores = {name: only_allowed(head(features, vectors), allowed) for name, head in self.heads.items()}
        return scores | {name: value(features).squeeze(1) for name, value in self.values.items()}
