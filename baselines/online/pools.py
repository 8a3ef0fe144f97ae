"""From a list of items, and what came of each, to one vector: three ways to read a history."""

from __future__ import annotations

from typing import Final

import torch
from torch import nn

DECAY: Final = 0.8
"""`MeanPool`: each earlier item weighs so many times what its successor weighs."""


class MeanPool(nn.Module):
    """Recency-weighted means; nothing is learned.

    The mean embedding; for each signal the mean of the embeddings weighted further by it (of what was liked, minus
    what was not); the last item's embedding; the mean signals; the last item's signals. The most recent item weighs 1.
    """

    def __init__(self, dim: int, signals: int) -> None:
        super().__init__()
        self.width = dim * (2 + signals) + 2 * signals

    def forward(self, vectors: torch.Tensor, signals: torch.Tensor, met: torch.Tensor) -> torch.Tensor:
        """Vectors (b, width) of items (b, l, dim), oldest first, signals (b, l, s) and which are items, bool (b, l)."""
        ages = torch.arange(met.shape[1] - 1, -1, -1, device=vectors.device)
        weights = (DECAY**ages).to(vectors.dtype) * met
        weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-9)
        liked = weights.unsqueeze(2) * signals
        parts = [
            (weights.unsqueeze(2) * vectors).sum(dim=1),
            torch.einsum("bls,bld->bsd", liked, vectors).flatten(1),
            vectors[:, -1],
            liked.sum(dim=1),
            signals[:, -1],
        ]
        return torch.cat(parts, dim=1)


class GRUPool(nn.Module):
    """The last state of a gated recurrent unit (Cho et al., EMNLP 2014; GRU4Rec, Hidasi et al., ICLR 2016).

    It reads an item's embedding, its signals and a one; zeros stand for no item.
    """

    def __init__(self, dim: int, signals: int) -> None:
        super().__init__()
        self.width = dim
        self.unit = nn.GRU(dim + signals + 1, dim, batch_first=True)

    def forward(self, vectors: torch.Tensor, signals: torch.Tensor, met: torch.Tensor) -> torch.Tensor:
        """As in `MeanPool`."""
        read = torch.cat([vectors, signals, met.unsqueeze(2).to(vectors.dtype)], dim=2)
        return self.unit(read)[1][0]  # type: ignore[no-any-return]


class AttentionPool(nn.Module):
    """Attention of one head to the items met, asked by the last one (Kang and McAuley, SASRec, ICDM 2018).

    A token is an item's embedding plus learned images of its signals and of its place. What is not an item is not
    looked at; a zero token, which always is, stands for nothing met. The last token is passed on beside what was found.
    """

    def __init__(self, dim: int, signals: int, length: int) -> None:
        super().__init__()
        self.width = 2 * dim
        self.signals = nn.Linear(signals, dim, bias=False) if signals else None
        self.places = nn.Parameter(torch.zeros(length, dim))
        self.query, self.keys_values = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim)

    def forward(self, vectors: torch.Tensor, signals: torch.Tensor, met: torch.Tensor) -> torch.Tensor:
        """As in `MeanPool`."""
        tokens = vectors + self.places
        if self.signals is not None:
            tokens = tokens + self.signals(signals)
        tokens = tokens * met.unsqueeze(2)
        keys, values = self.keys_values(tokens).chunk(2, dim=2)
        last = tokens[:, -1]
        closeness = torch.einsum("bd,bld->bl", self.query(last), keys) / vectors.shape[2] ** 0.5
        closeness = closeness.masked_fill(~met, -torch.inf)
        shares = torch.cat([closeness, closeness.new_zeros(len(closeness), 1)], dim=1).softmax(dim=1)[:, :-1]
        return torch.cat([torch.einsum("bl,bld->bd", shares, values), last], dim=1)
