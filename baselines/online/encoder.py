"""From history and session to a vector, and from a vector to a score of every item, with one table of items."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from baselines.online.sb3_vec import FORBIDDEN

_NEVER = -1e8
"""Score of a forbidden item: finite, so that entropies and maxima over all items stay finite too."""


class HistoryEncoder(BaseFeaturesExtractor):  # type: ignore[misc]
    """Pools the embeddings of what a user has seen.

    Of the history and of the session each: the recency-weighted mean embedding, and the same mean weighted
    further by the centred rewards (what was liked, minus what was not). Then the last shown item's embedding,
    the mean centred rewards and the share of the horizon that is over. The most recent item weighs 1, each
    earlier one `decay` times its successor.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        *,
        features: NDArray[np.float32],
        reward_range: tuple[float, float],
        noise: float = 0.1,
        decay: float = 0.8,
    ) -> None:
        num_items, dim = features.shape
        super().__init__(observation_space, 5 * dim + 3)
        # Row 0 is "no item" and stays 0. The noise lets items of the same categories grow apart.
        self.items = nn.Embedding(num_items + 1, dim, padding_idx=0)
        start = torch.from_numpy(features) + noise * torch.randn(num_items, dim)
        with torch.no_grad():
            self.items.weight[1:] = start
        low, high = reward_range
        self._middle, self._half = (high + low) / 2, (high - low) / 2 or 1.0
        self._decay = decay
        self._horizon = float(observation_space["length"].high[0])  # type: ignore[attr-defined]
        self._forbidden: torch.Tensor | None = None

    def forward(self, observations: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Features (b, 5 * dim + 3). Keeps which items this batch forbids, for `scores`: see there."""
        self._forbidden = self._unpacked(observations.get(FORBIDDEN))
        history = self._pooled(observations["history_items"], observations["history_rewards"])
        session = self._pooled(observations["session_items"], observations["session_rewards"])
        last = self.items(observations["session_items"][:, -1].long() + 1)
        length = observations["length"].to(last.dtype) / self._horizon
        return torch.cat([*history, *session, last, length], dim=1)

    def _pooled(self, items: torch.Tensor, rewards: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        ids = items.long() + 1
        vectors = self.items(ids)
        ages = torch.arange(ids.shape[1] - 1, -1, -1, device=ids.device)
        weights = (self._decay**ages).to(vectors.dtype) * (ids > 0)
        weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-9)
        liked = weights * (rewards.to(vectors.dtype) - self._middle) / self._half
        return (
            (weights.unsqueeze(2) * vectors).sum(dim=1),
            (liked.unsqueeze(2) * vectors).sum(dim=1),
            liked.sum(dim=1, keepdim=True),
        )

    def _unpacked(self, packed: torch.Tensor | None) -> torch.Tensor | None:
        if packed is None:
            return None
        bits = (packed.to(torch.uint8).unsqueeze(2) >> torch.arange(8, device=packed.device)) & 1
        forbidden = bits.flatten(1)[:, : self.items.num_embeddings - 1].bool()
        return forbidden & ~forbidden.all(dim=1, keepdim=True)  # nothing left to choose: the session is over anyway

    def scores(self, queries: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """The product query . item, plus bias, for every item, (b, n_items); forbidden items score `_NEVER`.

        SB3 hands a policy's head nothing but the latent vectors, so the mask is the one of the last `forward`,
        which is always that of the same batch.
        """
        scores = queries @ self.items.weight[1:].T + bias
        return scores if self._forbidden is None else scores.masked_fill(self._forbidden, _NEVER)


class ItemHead(nn.Module):
    """Scores all items by their embeddings in the encoder: dim x (latent + 1) + n_items parameters of its own."""

    def __init__(self, latent_dim: int, encoder: HistoryEncoder) -> None:
        super().__init__()
        items = encoder.items
        self.query = nn.Linear(latent_dim, items.embedding_dim)
        self.bias = nn.Parameter(torch.zeros(items.num_embeddings - 1))
        self._encoder = (encoder,)  # in a tuple: its parameters are listed and saved once, as the encoder's

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Scores (b, n_items) from latent vectors (b, latent_dim)."""
        return self._encoder[0].scores(self.query(latent), self.bias)
