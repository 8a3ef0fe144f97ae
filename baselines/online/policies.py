"""SB3 policies over items: the encoder's table of items, or its view of the candidates, is their last layer."""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import create_mlp
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import nn

from baselines.online.encoder import ItemHead
from baselines.online.slates import item_distribution


class OverItems:
    """Mixed into SB3's actor-critic policies, before them: the actor chooses among items of the `StateEncoder`."""

    def _build(self: Any, lr_schedule: Any) -> None:
        self.action_dist = item_distribution(self.action_space, self.features_extractor)
        super()._build(lr_schedule)  # type: ignore[misc]


class ItemActorCriticPolicy(OverItems, ActorCriticPolicy):  # type: ignore[misc]
    """Actor and critic on one `StateEncoder`."""


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
