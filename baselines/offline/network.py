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


def vectors_of(vectors: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    """Those of `items`, int64 (b, k), among what `item_vectors` gives: (b, k, dim)."""
    if vectors.ndim == 2:
        return vectors[items]
    return vectors.gather(1, items.unsqueeze(2).expand(-1, -1, vectors.shape[2]))


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
        if self.bias is not None and query.ndim == 2:
            return torch.addmm(self.bias, query, vectors.T)  # one pass over the scores
        scores = query @ vectors.T if vectors.ndim == 2 else torch.einsum("bd,bnd->bn", query, vectors)
        return scores if self.bias is None else scores + self.bias

    def of_items(self, features: torch.Tensor, vectors: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Scores (b, k) of `items`, int64 (b, k), with the vectors (b, k, dim); the others' are not computed."""
        scores = torch.einsum("bd,bkd->bk", self._query(features), vectors)
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

    def forward(self, state: State, allowed: torch.Tensor | None = None) -> Told:
        """What there is to say of states; of it only what is asked for is computed. allowed: bool (b, n)."""
        return Told(self, self.encoder(state), item_vectors(self.encoder, state), allowed)


class Told:
    """What a network says of b states. Heads over thousands of items are dear, so each is computed when asked for."""

    def __init__(
        self, network: Network, features: torch.Tensor, vectors: torch.Tensor, allowed: torch.Tensor | None
    ) -> None:
        self._network, self._features, self._vectors, self._allowed = network, features, vectors, allowed

    def __getitem__(self, name: str) -> torch.Tensor:
        """Scores (b, n) of the head of that name, `NEVER` where not allowed, or values (b,)."""
        if name in self._network.values:
            return self._network.values[name](self._features).squeeze(1)  # type: ignore[no-any-return]
        return only_allowed(self._network.heads[name](self._features, self._vectors), self._allowed)

    def worth(self, name: str, actions: torch.Tensor) -> torch.Tensor:
        """Value (b,) of `actions`, int64 (b, k), by the head of that name: as `scores.worth` of all its scores."""
        head = self._network.heads[name]
        assert isinstance(head, ItemHead)
        scores = head.of_items(self._features, vectors_of(self._vectors, actions), actions)
        return only_allowed(scores, None if self._allowed is None else self._allowed.gather(1, actions)).mean(dim=1)
