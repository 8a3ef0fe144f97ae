"""QR-DQN (Dabney et al., "Distributional RL with quantile regression", AAAI 2018), from sb3-contrib."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from sb3_contrib import QRDQN
from sb3_contrib.qrdqn.policies import QRDQNPolicy, QuantileNetwork
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.torch_layers import create_mlp
from torch import nn

from baselines.online.dqn import DQNAgent
from baselines.online.encoder import ItemHead
from baselines.online.exploration import LaneWise, epsilon_of_budget
from baselines.online.sb3_vec import GymVecEnv
from recsim_envs.spec import TaskSpec, TrainingEnvs


@dataclass(kw_only=True, eq=False)
class QRDQNAgent(DQNAgent):
    """DQN that learns quantiles of the return of each item, and shows the item of the highest mean.

    quantiles: how many. A batch holds batch_size * quantiles * n_items numbers, hence the smaller default than the
    200 of the paper.
    """

    quantiles: int = 16
    batch_size: int | None = 64

    def policy_kwargs(self, task: TaskSpec) -> dict[str, Any]:
        """As in `SB3Agent`."""
        return super().policy_kwargs(task) | {"n_quantiles": self.quantiles}

    def algorithm(self, env: GymVecEnv, envs: TrainingEnvs, seed: int) -> Any:
        """sb3-contrib's QR-DQN; epsilon follows the share of the budget that is spent."""
        model = _LaneWiseQRDQN(ItemQuantilePolicy, env, **self.dqn_kwargs(env, seed))
        model.exploration_schedule = lambda _: epsilon_of_budget(self, envs)
        return model

    def policy_class(self) -> type[BasePolicy]:
        """As in `SB3Agent`."""
        return ItemQuantilePolicy

    def scores(self, policy: BasePolicy, states: dict[str, torch.Tensor]) -> torch.Tensor:
        """Means of the quantiles."""
        return policy.quantile_net.means(states)


class ItemQuantileNetwork(QuantileNetwork):  # type: ignore[misc]
    """Quantiles of all items from an `ItemHead`: a query for each quantile, one bias an item."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        body = create_mlp(self.features_dim, -1, self.net_arch, self.activation_fn)
        head = ItemHead(self.net_arch[-1], self.features_extractor, self.n_quantiles)
        self.quantile_net = nn.Sequential(*body, head)

    def means(self, states: dict[str, torch.Tensor]) -> torch.Tensor:
        """Mean of each item's quantiles, (b, n): the score of the mean query, for 1/m of the work."""
        latent = self.quantile_net[:-1](self.extract_features(states, self.features_extractor))
        return self.quantile_net[-1].mean(latent)  # type: ignore[no-any-return, operator]

    def _predict(self, observation: dict[str, torch.Tensor], deterministic: bool = True) -> torch.Tensor:
        return self.means(observation).argmax(dim=1)


class ItemQuantilePolicy(QRDQNPolicy):  # type: ignore[misc]
    """Quantile network and target network, each on a `StateEncoder` of its own."""

    def make_quantile_net(self) -> QuantileNetwork:
        """A quantile network with a fresh encoder."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return ItemQuantileNetwork(**arguments).to(self.device)


class _LaneWiseQRDQN(LaneWise, QRDQN):  # type: ignore[misc]
    pass
