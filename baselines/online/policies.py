"""SB3 policies over items: the encoder's table of items, or its view of the candidates, is their last layer."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces
from stable_baselines3.common.distributions import CategoricalDistribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import create_mlp
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import nn

from baselines.online.encoder import ItemHead, StateEncoder
from baselines.online.slates import PlackettLuce


class ItemDistribution(CategoricalDistribution):  # type: ignore[misc]
    """A categorical distribution whose logits come from an `ItemHead`."""

    def __init__(self, action_dim: int, encoder: StateEncoder) -> None:
        super().__init__(action_dim)
        self._encoder = encoder

    def proba_distribution_net(self, latent_dim: int) -> nn.Module:
        """An `ItemHead`."""
        return ItemHead(latent_dim, self._encoder)


def item_distribution(space: spaces.Space[Any], encoder: StateEncoder) -> ItemDistribution | PlackettLuce:
    """Over items where one is shown, over ordered slates without repetition where several are."""
    if isinstance(space, spaces.MultiDiscrete):
        return PlackettLuce(len(space.nvec), encoder)
    return ItemDistribution(int(space.n), encoder)  # type: ignore[attr-defined]


class ItemActorCriticPolicy(ActorCriticPolicy):  # type: ignore[misc]
    """Actor and critic on one `StateEncoder`."""

    def _build(self, lr_schedule: Any) -> None:
        self.action_dist = item_distribution(self.action_space, self.features_extractor)
        super()._build(lr_schedule)


class ItemQNetwork(QNetwork):  # type: ignore[misc]
    """Q-values of all items from an `ItemHead`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        body = create_mlp(self.features_dim, -1, self.net_arch, self.activation_fn)
        self.q_net = nn.Sequential(*body, ItemHead(self.net_arch[-1], self.features_extractor))


class ItemQPolicy(DQNPolicy):  # type: ignore[misc]
    """Q-network and target network, each on a `StateEncoder` of its own."""

    def make_q_net(self) -> QNetwork:
        """A Q-network with a fresh encoder."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return ItemQNetwork(**arguments).to(self.device)
