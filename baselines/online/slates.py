"""Slates drawn without replacement, as an SB3 distribution: Plackett-Luce over one score an item."""

from __future__ import annotations

import torch
from stable_baselines3.common.distributions import MultiCategoricalDistribution
from torch import nn

from baselines.online.encoder import NEVER, ItemHead, StateEncoder


class PlackettLuce(MultiCategoricalDistribution):  # type: ignore[misc]
    """Slot by slot, an item is drawn from the softmax of the scores of those left (Plackett, 1975; Luce, 1959).

    Drawn by the k largest of scores plus Gumbel noise (Kool et al., ICML 2019); the mode is the k largest scores. The
    log-probability of an ordered slate is exact. The entropy has no closed form; in its place stands k times the
    entropy of the first slot, which is exact for k = 1 and has a gradient, unlike an estimate from the drawn slate.
    """

    def __init__(self, size: int, encoder: StateEncoder) -> None:
        super().__init__([size])
        self._size, self._encoder = size, encoder

    def proba_distribution_net(self, latent_dim: int) -> nn.Module:
        """An `ItemHead`."""
        return ItemHead(latent_dim, self._encoder)

    def proba_distribution(self, action_logits: torch.Tensor) -> PlackettLuce:
        """Take over scores (b, n)."""
        self.scores = action_logits
        return self

    def log_prob(self, actions: torch.Tensor) -> torch.Tensor:
        """Of ordered slates (b, k): the sum over slots of the log-softmax among what is left."""
        slates = actions.long()
        shown = self.scores.gather(1, slates)
        rest = self.scores.scatter(1, slates, NEVER).logsumexp(dim=1, keepdim=True)
        left = torch.cat([shown, rest], dim=1).flip(1).logcumsumexp(dim=1).flip(1)[:, :-1]
        return (shown - left).sum(dim=1)

    def entropy(self) -> torch.Tensor:
        """K times the entropy of the first slot, (b,)."""
        logs = self.scores.log_softmax(dim=1)
        return -self._size * (logs.exp() * logs).sum(dim=1)

    def sample(self) -> torch.Tensor:
        """Slates (b, k), the first slot first."""
        noise = -torch.empty_like(self.scores).exponential_().log()
        return (self.scores + noise).topk(self._size, dim=1).indices

    def mode(self) -> torch.Tensor:
        """The items of the k largest scores."""
        return self.scores.topk(self._size, dim=1).indices
