"""`UserModel`: what a user would give an item and whether they would leave, learned from a log, by an ensemble.

An ensemble of networks from different starts (Lakshminarayanan, Pritzel & Blundell, NeurIPS 2017). Each tells, of a
state and an item, the mean and the variance of the reward given that the user stays, and the probability that they
leave. That is learned too: nothing of the environment's own rule is known here.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from baselines.offline.network import ItemHead, State, item_vectors, state_encoder
from baselines.offline.replay import Replay, Steps
from baselines.online.encoder import StateEncoder
from baselines.states import ITEMS
from recsim_envs.spec import TaskSpec

_SHOWN = "session_items" + ITEMS
_LEAST = 1e-3  # variance, of rewards in units of the log's largest


class Satiation(nn.Module):
    """How much an item's reward falls with what was shown before (CIRS; Gao et al., TOIS 2023).

    r / (1 + beta_i sum over the session's items j of exp(-steps since j / (tau similarity(i, j)))); similarity is that
    of Jaccard between categories, and items without a common category do not count. beta_i is learned; the log has no
    user ids, so there is no alpha_u. The paper's gamma is part of beta.
    """

    def __init__(self, task: TaskSpec, tau: float) -> None:
        super().__init__()
        self.register_buffer("categories", torch.from_numpy(task.catalogue.category_matrix()), persistent=False)
        self.strength = nn.Parameter(torch.full((task.catalogue.num_items,), -3.0))
        self._tau = tau

    def forward(self, shown: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Divisor (b,), at least 1. shown: int (b, l), -1 for none, the latest last. items: int64 (b,)."""
        mine, theirs = self.categories[items][:, None], self.categories[shown.clamp(min=0).long()]  # type: ignore[index]
        common = (mine * theirs).sum(dim=2)
        union = (mine + theirs).sum(dim=2) - common
        ages = torch.arange(shown.shape[1], 0, -1, device=shown.device)
        falls = torch.exp(-ages * union / (self._tau * common.clamp(min=1e-9)))
        exposure = torch.where((shown >= 0) & (common > 0), falls, 0.0).sum(dim=1)
        return 1.0 + softplus(self.strength[items]) * exposure


class UserModel(nn.Module):
    """`members` networks, each with the heads "reward", "spread" (log-variance) and "leave" (logit).

    again: float32 (l,), how probable leaving is at a repeat of each item in the session's window; 0 before
    `count_repeats`.
    """

    again: torch.Tensor

    def __init__(
        self, task: TaskSpec, members: int, dim: int, hidden: int, kind: str, satiation: Satiation | None
    ) -> None:
        super().__init__()
        encoders = [state_encoder(task, dim, kind) for _ in range(members)]
        width, items = encoders[0].features_dim, task.catalogue.num_items
        self.encoders = nn.ModuleList(encoders)
        self.heads = nn.ModuleList(
            nn.ModuleDict({name: ItemHead(width, hidden, dim, items) for name in ("reward", "spread", "leave")})
            for _ in range(members)
        )
        self.satiation = satiation
        window = task.observation_space["session_items"].shape or ()
        self.register_buffer("again", torch.zeros(window), persistent=False)

    def count_repeats(self, log: Replay) -> None:
        """Keep how often users of the log left at an item that they had been shown so many steps before.

        A log holds too few repeats for networks to learn what they do, and of most items none. So they are counted,
        all items together: (left + 1) / (shown + 2), by Laplace's rule of succession, 1/2 where there are none.
        """
        again = log.state[_SHOWN] == log.actions
        left = (again & (log.ended > 0)[:, None]).sum(dim=0)
        self.again.copy_((left + 1) / (again.sum(dim=0) + 2))

    def forward(self, state: State, items: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of one item a row, int64 (b,): mean and variance of its reward, logit of leaving; (members, b) each."""
        told = []
        for encoder, heads in zip(self.encoders, self.heads, strict=True):
            assert isinstance(encoder, StateEncoder)
            features, vectors = encoder(state), item_vectors(encoder, state)[items[:, None]]
            told.append([head.of_items(features, vectors, items[:, None]).squeeze(1) for head in heads.values()])  # type: ignore[operator, union-attr]
        reward, spread, leave = (torch.stack(parts) for parts in zip(*told, strict=True))
        if self.satiation is not None:
            reward = reward / self.satiation(state[_SHOWN], items)
        return reward, softplus(spread) + _LEAST, leave

    def loss(self, steps: Steps) -> torch.Tensor:
        """Summed over members: negative log-likelihood of the reward where the user stayed, and of leaving."""
        reward, variance, leave = self(steps.state, steps.actions[:, 0])
        surprise = 0.5 * ((reward - steps.rewards).square() / variance + variance.log())
        leaving = binary_cross_entropy_with_logits(leave, steps.ended.expand_as(leave), reduction="none")
        return (surprise * (1 - steps.ended) + leaving).mean(dim=1).sum()

    @torch.no_grad()
    def predict(self, state: State, items: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of each row: the members' mean reward, their largest variance, the probability of leaving: (b,).

        That is the members' mean, or that of the repeats counted, if the item is one and it is larger.
        """
        reward, variance, leave = self(state, items)
        counted = torch.where(state[_SHOWN] == items[:, None], self.again, 0.0).max(dim=1).values
        return reward.mean(dim=0), variance.max(dim=0).values, leave.sigmoid().mean(dim=0).maximum(counted)
