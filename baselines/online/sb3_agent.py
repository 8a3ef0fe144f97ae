"""What the SB3 agents share: budget, seeds, acting, saving. An agent's own file says which algorithm, and how."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy

from baselines.files import read_bytes, read_json, write_atomic, write_json
from baselines.items import item_features
from baselines.online.encoder import HistoryEncoder
from baselines.online.sb3_vec import GymVecEnv, policy_observations
from baselines.selection import RATINGS, require_single_items
from recsim_envs import rng
from recsim_envs.errors import AgentError, BudgetExceededError, ConfigurationError
from recsim_envs.spec import Agent, Batch, Sessions, TaskSpec, TrainingEnvs

_CURVE_POINTS = 20
_OBSERVATIONS = (*RATINGS, "length")  # what `HistoryEncoder` reads


@dataclass(kw_only=True, eq=False)
class SB3Agent(Agent):
    """Base of the agents that SB3 trains.

    num_envs: sessions side by side in training. embedding_dim: size of an item's embedding, at least 3.
    hidden: units of the one hidden layer. gamma: discount a step. learning_rate: of Adam.
    """

    trains = True

    num_envs: int = 8
    embedding_dim: int = 32
    hidden: int = 64
    gamma: float = 0.9
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        if self.num_envs < 1 or self.embedding_dim < 3 or self.hidden < 1:
            raise ConfigurationError(
                f"num_envs {self.num_envs}, embedding_dim {self.embedding_dim} and hidden {self.hidden} must be at "
                "least 1, 3 and 1"
            )
        self._weights: dict[str, torch.Tensor] | None = None
        self._facts: dict[str, Any] = {}

    def algorithm(self, env: GymVecEnv, envs: TrainingEnvs, seed: int) -> BaseAlgorithm:
        """The SB3 algorithm, ready to learn on `env`."""
        raise NotImplementedError

    def policy(self, task: TaskSpec) -> BasePolicy:
        """An untrained policy of the shape that `algorithm` trains."""
        raise NotImplementedError

    def scores(self, policy: BasePolicy, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        """Score of every item, (b, n_items); the agent shows the best."""
        raise NotImplementedError

    def policy_kwargs(self, task: TaskSpec) -> dict[str, Any]:
        """Arguments of the policy classes in `baselines.online.policies`."""
        return {
            "net_arch": [self.hidden],
            "features_extractor_class": HistoryEncoder,
            "features_extractor_kwargs": {
                "features": item_features(task.catalogue, self.embedding_dim),
                "reward_range": task.reward_range,
            },
        }

    def train(self, envs: TrainingEnvs, seed: int) -> None:
        """Learn until the budget is spent. Deterministic on the CPU in `seed` and the environments.

        Raises `AgentError` for a task that shows slates, or not the observations that the encoder reads.
        """
        require_single_items(self, envs.task, _OBSERVATIONS)
        limit = _step_limit(envs)
        with _own_torch():
            env = GymVecEnv(envs.make(self.num_envs), envs.task)
            model = self.algorithm(env, envs, rng.derive_seed("sb3", seed) % 2**32)
            with suppress(BudgetExceededError):  # between two looks at it; what was learned so far stands
                model.learn(limit, callback=_StopWhenSpent(envs), log_interval=None)
            env.close()  # the door accounts for the sessions that this cuts off
        self._weights = {name: tensor.contiguous().clone() for name, tensor in model.policy.state_dict().items()}
        self._facts = {
            "trained_on": envs.task.env_id,
            "train_steps": model.num_timesteps,
            "gradient_updates": model._n_updates,
            "train_episodes": len(env.returns),
            "learning_curve": _learning_curve(env),
        }

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Build the policy around the learned weights, in float64.

        The order in which a matrix product is summed depends on the batch size. In float64 that moves a score by
        about 1e-16, far less than two items' scores differ by, so that the choice does not depend on it.
        """
        if self._weights is None:
            raise AgentError(f"{type(self).__name__} has learned nothing yet; train it or load what was learned")
        require_single_items(self, task, _OBSERVATIONS)
        with _own_torch():
            policy = self.policy(task)
        try:
            policy.load_state_dict(self._weights)
        except RuntimeError as error:
            raise AgentError(
                f"the learned weights (trained on {self._facts.get('trained_on')}) do not fit {task.env_id} and these "
                f"parameters: {str(error).splitlines()[1].strip()}; train again"
            ) from error
        policy.set_training_mode(False)
        self._policy = policy.double()

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """The allowed item of the highest score."""
        seen = policy_observations(observations, infos)
        with torch.no_grad():
            scores = self.scores(self._policy, {key: torch.tensor(value) for key, value in seen.items()})
        return scores.numpy().argmax(axis=1).astype(np.int64)

    def describe(self) -> Mapping[str, Any]:
        """How much was learned from, and the learning curve."""
        return self._facts

    def save(self, path: Path) -> None:
        """Write `policy.safetensors` and `agent.json`."""
        if self._weights is None:
            raise AgentError(f"{type(self).__name__} has learned nothing yet; there is nothing to save")
        write_atomic(path / "policy.safetensors", save_tensors(self._weights))
        write_json(path / "agent.json", self._facts)

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
        self._facts = read_json(path / "agent.json", "trained_on")
        try:
            self._weights = load_tensors(read_bytes(path / "policy.safetensors"))
        except Exception as error:  # safetensors has its own error type, and json's and struct's come through
            if isinstance(error, AgentError):
                raise
            raise AgentError(f"{path / 'policy.safetensors'} is damaged ({error}); train the agent again") from error


def share_spent(envs: TrainingEnvs) -> float:
    """How much of the budget is gone, 0 to 1. SB3's own schedules know steps only; a budget may count episodes."""
    left = envs.remaining()
    pairs = [(left.episodes, envs.budget.episodes), (left.steps, envs.budget.steps)]
    return max((1.0 - now / whole for now, whole in pairs if now is not None and whole), default=0.0)


class _StopWhenSpent(BaseCallback):  # type: ignore[misc]
    """Ends SB3's training loop once the budget is spent."""

    def __init__(self, envs: TrainingEnvs) -> None:
        super().__init__()
        self._envs = envs

    def _on_step(self) -> bool:
        return not self._envs.spent()


def _step_limit(envs: TrainingEnvs) -> int:
    """SB3's `total_timesteps`: an upper bound of what the budget allows."""
    left = envs.remaining()
    limits = [left.steps] if left.steps is not None else []
    if left.episodes is not None:
        limits.append(left.episodes * envs.task.horizon)
    if not limits:
        raise ConfigurationError("training needs a budget of episodes or steps; without one it would never end")
    return min(limits)


@contextmanager
def _own_torch() -> Iterator[None]:
    """One torch thread, for the same sums on any machine, and SB3's global seeding undone afterwards."""
    threads, python, legacy = torch.get_num_threads(), random.getstate(), np.random.get_state()  # noqa: NPY002
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(threads)
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002


def _learning_curve(env: GymVecEnv) -> list[dict[str, float]]:
    """Mean return and length over up to 20 equal stretches of the training sessions, in order of their ends."""
    curve = []
    for part in np.array_split(np.arange(len(env.returns)), min(_CURVE_POINTS, len(env.returns)) or 1):
        if len(part):
            returns, lengths = np.array(env.returns)[part], np.array(env.lengths)[part]
            curve.append(
                {"episode": int(part[-1]) + 1, "return": float(returns.mean()), "length": float(lengths.mean())}
            )
    return curve
