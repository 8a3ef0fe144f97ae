"""What A2C and PPO share: the policy, and how it acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy

from baselines.online.policies import ItemActorCriticPolicy
from baselines.online.sb3_agent import SB3Agent
from baselines.online.sb3_vec import GymVecEnv, States
from recsim_envs import rng
from recsim_envs.spec import Sessions


@dataclass(kw_only=True, eq=False)
class ActorCriticAgent(SB3Agent):
    """Base of A2C and PPO.

    entropy, value_weight: weights of the entropy bonus and of the critic's loss. sample: whether it acts as it did in
    training, by draws from its policy, instead of by what is most likely; None: what was tuned for the family that it
    was trained on, else not.
    """

    general: ClassVar[dict[str, Any]] = SB3Agent.general | {"sample": False}

    entropy: float = 0.0
    value_weight: float = 0.5
    sample: bool | None = None

    def policy_class(self) -> type[BasePolicy]:
        """As in `SB3Agent`."""
        return ItemActorCriticPolicy

    def scores(self, policy: BasePolicy, states: dict[str, torch.Tensor]) -> torch.Tensor:
        """What the softmax is taken of."""
        features = policy.extract_features(states)
        return policy.action_net(policy.mlp_extractor.forward_actor(features))  # type: ignore[no-any-return]

    def drawn(self, scores: NDArray[np.float32], sessions: Sessions) -> NDArray[Any]:
        """As in `SB3Agent`. With Gumbel noise the k largest are a draw from Plackett-Luce (Kool et al., ICML 2019)."""
        if not self.value("sample"):
            return scores
        items = np.arange(scores.shape[1])
        uniform = rng.uniform_array(sessions.keys[:, None], sessions.steps[:, None], rng.POLICY, items)
        noise: NDArray[np.float64] = -np.log(-np.log(np.maximum(uniform, np.finfo(float).tiny)))
        return scores + noise


def value_cuts_in_batches(env: GymVecEnv, model: OnPolicyAlgorithm) -> Any:
    """Let `env` add the critic's values of sessions that the horizon cut off, all of a step at once. Gives `model`."""

    def values(states: States) -> NDArray[np.float32]:
        tensors = {key: torch.as_tensor(value, device=model.device) for key, value in states.items()}
        with torch.no_grad():
            return model.policy.predict_values(tensors).flatten().cpu().numpy()  # type: ignore[no-any-return]

    env.discount, env.value_of_cut = model.gamma, values
    return model
