"""The networks of SlateQ: what states and items are worth, and how likely a user takes what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from gymnasium import spaces
from torch import nn
from torch.nn.functional import softplus

from baselines.online.choice import best_slates
from baselines.online.encoder import ItemHead, StateEncoder
from baselines.scores import NEVER

States = Mapping[str, torch.Tensor]


class ItemScorer(nn.Module):
    """A number for a state, and one for each item or candidate in it: a `StateEncoder`, a layer, and two heads."""

    def __init__(self, space: spaces.Dict, hidden: int, encoder: Mapping[str, Any]) -> None:
        super().__init__()
        self.encoder = StateEncoder(space, **encoder)
        self.body = nn.Sequential(nn.Linear(self.encoder.features_dim, hidden), nn.ReLU())
        self.state, self.items = nn.Linear(hidden, 1), ItemHead(hidden, self.encoder)

    def forward(self, states: States) -> tuple[torch.Tensor, torch.Tensor]:
        """Numbers (b,) and (b, n); `NEVER` for what is forbidden."""
        latent = self.body(self.encoder(states))
        return self.state(latent).squeeze(1), self.items(latent)


class SlateQNet(nn.Module):
    """`value`: worth of a state in which nothing is taken, and what each item adds to it if it is taken.

    `choice`: how appealing items are. `fading`: by how much less each slot is looked at than the one above it.
    """

    def __init__(self, space: spaces.Dict, size: int, hidden: int, encoder: Mapping[str, Any]) -> None:
        super().__init__()
        self.value = ItemScorer(space, hidden, encoder)
        self.choice = ItemScorer(space, hidden, encoder)
        self.fading = nn.Parameter(torch.full((size - 1,), -3.0))
        self._size = size

    def attention(self) -> torch.Tensor:
        """How much each slot is looked at, (size,): 1 for the first, never rising."""
        falls = softplus(self.fading).cumsum(dim=0)
        return torch.exp(-torch.cat([falls.new_zeros(1), falls]))

    def appeal(self, states: States) -> torch.Tensor:
        """Appeal of every item or candidate, (b, n), see `baselines.online.choice`."""
        state, items = self.choice(states)
        return state.unsqueeze(1) + items

    def best(self, states: States, form: str, optimiser: str, *, rounded: bool = False) -> torch.Tensor:
        """The slates of most worth, int64 (b, size), without what is forbidden.

        rounded: to float32 first. Candidates alike in every feature differ by the rounding of a matrix product,
        which depends on the batch; what is done after it does not.
        """
        worth = self.value(states)[1]
        appeal = torch.zeros_like(worth) if form == "sure" else self.appeal(states)
        if rounded:
            worth, appeal = worth.float().double(), appeal.float().double()
        return best_slates(form, appeal, worth, self._size, allowed=worth > NEVER, optimiser=optimiser)
