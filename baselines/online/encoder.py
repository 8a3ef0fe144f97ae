"""From the observations of any family to a vector, and from a vector to a score of every item or candidate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from baselines.items import category_shares, item_features
from baselines.online.pools import AttentionPool, GRUPool, MeanPool
from baselines.online.sb3_vec import FORBIDDEN, TALLY
from baselines.scores import NEVER
from baselines.states import CANDIDATES, CONTEXT, ITEMS, SIGNALS, History, StateReader
from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import TaskSpec

ENCODERS: Final = ("mean", "gru", "attention")
PRIOR: Final = 3.0
"""Items with signal 0 that the mean signal of a category starts with."""
_NOISE: Final = 0.1  # lets items of the same categories grow apart


class StateEncoder(BaseFeaturesExtractor):  # type: ignore[misc]
    """SB3 features extractor over what `baselines.states.StateReader` reads.

    Each history becomes a vector by a pool of its own (`kind`: "mean", "gru" or "attention", see
    `baselines.online.pools`) over one shared table of item embeddings. Candidates are embedded by a linear layer from
    their features, and their mean is part of the state. The context goes through as it is, tallies as the rates that
    they come to.
    """

    def __init__(self, observation_space: spaces.Dict, *, task: TaskSpec, dim: int, kind: str = "mean") -> None:
        reader = StateReader(task)
        pools = [(history, _pool(kind, dim, history)) for history in reader.histories]
        tallied = observation_space[TALLY].shape if TALLY in observation_space.spaces else None
        width = sum(pool.width for _, pool in pools) + reader.context_width + (dim if task.candidates else 0)
        super().__init__(observation_space, width + (math.prod(tallied) if tallied else 0))
        self.dim, self._count = dim, task.catalogue.num_items
        self._histories = reader.histories
        self.pools = nn.ModuleList(pool for _, pool in pools)
        self.items: nn.Embedding | None = None
        self.candidates: nn.Linear | None = None
        if task.candidates:
            self.candidates = nn.Linear(reader.candidate_width, dim)
        else:
            self.items = _item_table(task, dim)
        self.tallies = math.prod(tallied[:-1]) if tallied else 0  # sums a category
        if self.tallies:
            shares = torch.from_numpy(category_shares(task.catalogue)).float()
            self.register_buffer("_shares", shares.T.contiguous(), persistent=False)
        self._rates: torch.Tensor | None = None
        self._forbidden: torch.Tensor | None = None
        self._slots: torch.Tensor | None = None

    def forward(self, observations: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Features (b, width). Keeps this batch's candidates, and what it forbids, for `scores`: see there."""
        dtype = next(self.parameters()).dtype
        self._forbidden = self._unpacked(observations.get(FORBIDDEN))
        parts = [
            self._pooled(history, pool, observations, dtype)
            for history, pool in zip(self._histories, self.pools, strict=True)
        ]
        if CONTEXT in observations:
            parts.append(observations[CONTEXT].to(dtype))
        if self.tallies:
            self._rates = _rates(observations[TALLY].to(dtype)).flatten(1, 2)
            parts.append(self._rates.flatten(1))
        if self.candidates is not None:
            self._slots = self.candidates(observations[CANDIDATES].to(dtype))
            parts.append(self._slots.mean(dim=1))
        return torch.cat(parts, dim=1)

    def _pooled(
        self, history: History, pool: nn.Module, observations: Mapping[str, torch.Tensor], dtype: torch.dtype
    ) -> torch.Tensor:
        assert self.items is not None
        ids = observations[history.key + ITEMS].long() + 1
        signals = observations.get(history.key + SIGNALS)
        empty = ids.new_zeros((*ids.shape, 0), dtype=dtype)
        return pool(self.items(ids), empty if signals is None else signals.to(dtype), ids > 0)  # type: ignore[no-any-return]

    def _unpacked(self, packed: torch.Tensor | None) -> torch.Tensor | None:
        if packed is None:
            return None
        bits = (packed.to(torch.uint8).unsqueeze(2) >> torch.arange(8, device=packed.device)) & 1
        forbidden = bits.flatten(1)[:, : self._count].bool()
        return forbidden & ~forbidden.all(dim=1, keepdim=True)  # nothing left to choose: the session is over anyway

    def scores(
        self, queries: torch.Tensor, bias: torch.Tensor | None = None, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The product query . item, plus bias, for every item or candidate, (b, n); forbidden items score `NEVER`.

        queries: (b, dim), or (b, m, dim) for m scores each, (b, m, n). bias: (n,). weights: of the `tallies`, (b, t);
        what these say of an item's categories, so weighed, is added to its scores.
        SB3 hands a policy's head nothing but the latent vectors, so candidates and mask are those of the last
        `forward`, which is always that of the same batch.
        """
        if self.items is not None and bias is not None and queries.dim() == 2:
            scores, bias = torch.addmm(bias, queries, self.items.weight[1:].T), None  # one pass over the scores
        elif self.items is not None:
            scores = queries @ self.items.weight[1:].T
        else:
            assert self._slots is not None
            several = queries.dim() == 3
            scores = (queries if several else queries.unsqueeze(1)) @ self._slots.transpose(1, 2)
            scores = scores if several else scores.squeeze(1)
        scores = scores if bias is None else scores + bias
        if weights is not None and self._rates is not None:
            told = torch.einsum("bt,btc->bc", weights, self._rates) @ self._shares
            scores = scores + (told if scores.dim() == 2 else told.unsqueeze(1))
        if self._forbidden is None:
            return scores
        return scores.masked_fill(self._forbidden if scores.dim() == 2 else self._forbidden.unsqueeze(1), NEVER)


class ItemHead(nn.Module):
    """Scores all items by their embeddings in the encoder, or the candidates by theirs.

    Its own parameters are dim x (latent + 1), and a bias for each item of a catalogue. With `several`, it gives m
    scores an item, (b, m * n), which costs m times that but for the bias.
    """

    def __init__(self, latent_dim: int, encoder: StateEncoder, several: int = 1) -> None:
        super().__init__()
        self.query = nn.Linear(latent_dim, several * encoder.dim)
        self.bias = nn.Parameter(torch.zeros(encoder.items.num_embeddings - 1)) if encoder.items is not None else None
        self.weights = nn.Linear(latent_dim, encoder.tallies) if encoder.tallies else None
        if self.weights is not None:  # what is learned first is what all states share
            nn.init.zeros_(self.weights.weight)
            nn.init.zeros_(self.weights.bias)
        self._several = several
        self._encoder = (encoder,)  # in a tuple: its parameters are listed and saved once, as the encoder's

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Scores (b, n), or (b, several * n), from latent vectors (b, latent_dim)."""
        queries, encoder = self.query(latent), self._encoder[0]
        if self._several == 1:
            return encoder.scores(queries, self.bias, self._weights(latent))
        queries = queries.view(len(latent), self._several, encoder.dim)
        return encoder.scores(queries, self.bias, self._weights(latent)).flatten(1)

    def mean(self, latent: torch.Tensor) -> torch.Tensor:
        """The mean of the several scores of each item, (b, n): the score of the mean query."""
        encoder = self._encoder[0]
        queries = self.query(latent).view(len(latent), self._several, encoder.dim).mean(dim=1)
        return encoder.scores(queries, self.bias, self._weights(latent))

    def _weights(self, latent: torch.Tensor) -> torch.Tensor | None:
        return None if self.weights is None else self.weights(latent)


def _rates(sums: torch.Tensor) -> torch.Tensor:
    """Tallies as numbers of a moderate size: logarithms of what was shown, means of its signals, shrunk towards 0."""
    shown = sums[:, :, :1]
    return torch.cat([shown.log1p(), sums[:, :, 1:] / (shown + PRIOR)], dim=2)


def check_encoder(kind: str) -> None:
    """Raise `ConfigurationError` unless there is such an encoder."""
    if kind not in ENCODERS:
        raise ConfigurationError(f"encoder must be one of {', '.join(ENCODERS)}, got {kind!r}")


def _item_table(task: TaskSpec, dim: int) -> nn.Embedding:
    """Embeddings that start from what is public about the items. Row 0 is "no item" and stays 0."""
    count = task.catalogue.num_items
    table = nn.Embedding(count + 1, dim, padding_idx=0)
    start = torch.from_numpy(item_features(task.catalogue, dim)) + _NOISE * torch.randn(count, dim)
    with torch.no_grad():
        table.weight[1:] = start
    return table


def _pool(kind: str, dim: int, history: History) -> MeanPool | GRUPool | AttentionPool:
    check_encoder(kind)
    signals = len(history.signals)
    if kind == "gru":
        return GRUPool(dim, signals)
    return AttentionPool(dim, signals, history.length) if kind == "attention" else MeanPool(dim, signals)
