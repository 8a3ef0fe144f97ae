"""Items and slates drawn by one score an item, as an SB3 distribution: Plackett-Luce."""

from __future__ import annotations

import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import MultiCategoricalDistribution
from torch import nn

from baselines.online.encoder import ItemHead, StateEncoder
from baselines.scores import drawn, log_probability


class PlackettLuce(MultiCategoricalDistribution):  # type: ignore[misc]
    """Slot by slot, an item is drawn from the softmax of the scores of those left (Plackett, 1975; Luce, 1959).

    Slates are drawn by the k largest of scores plus Gumbel noise (Kool et al., ICML 2019), a single item by inverting
    the distribution function, which takes one random number instead of n; the mode is the k largest scores. The
    log-probability of an ordered slate is exact. The entropy has no closed form; in its place stands k times the
    entropy of the first slot, which is exact for k = 1 and has a gradient, unlike an estimate from the drawn slate.

    `size` is k; None is one item, with actions (b,) instead of (b, k): a categorical distribution that passes over
    14 thousand scores fewer times than torch's. Without `wants_entropy`, for algorithms that give it no weight, there
    is none, and SB3 reports minus the mean log-probability.
    """

    def __init__(self, size: int | None, encoder: StateEncoder) -> None:
        super().__init__([size or 1])
        self._size, self._single, self._encoder = size or 1, size is None, encoder
        self.wants_entropy = True

    def proba_distribution_net(self, latent_dim: int) -> nn.Module:
        """An `ItemHead`."""
        return ItemHead(latent_dim, self._encoder)

    def proba_distribution(self, action_logits: torch.Tensor) -> PlackettLuce:
        """Take over scores (b, n)."""
        self.scores = action_logits
        return self

    def log_prob(self, actions: torch.Tensor) -> torch.Tensor:
        """Of items (b,) or ordered slates (b, k)."""
        return log_probability(self.scores, actions.long().view(len(self.scores), -1))

    def entropy(self) -> torch.Tensor | None:
        """That of the first slot times k, (b,)."""
        if not self.wants_entropy:
            return None
        logs = self.scores.log_softmax(dim=1)
        return -self._size * (logs.exp() * logs).sum(dim=1)

    def sample(self) -> torch.Tensor:
        """Items (b,), or slates (b, k), the first slot first."""
        if self._single:
            return drawn(self.scores.softmax(dim=1))
        # In place and by logarithms of uniform numbers: several times faster than torch's exponential draws.
        noise = torch.rand_like(self.scores).log_().neg_().log_().neg_()
        return self._largest(self.scores + noise)

    def mode(self) -> torch.Tensor:
        """The items of the k largest scores."""
        return self._largest(self.scores)

    def _largest(self, scores: torch.Tensor) -> torch.Tensor:
        return scores.argmax(dim=1) if self._single else scores.topk(self._size, dim=1).indices


def item_distribution(space: spaces.Space[object], encoder: StateEncoder) -> PlackettLuce:
    """Over items where one is shown, over ordered slates without repetition where several are."""
    return PlackettLuce(len(space.nvec) if isinstance(space, spaces.MultiDiscrete) else None, encoder)
