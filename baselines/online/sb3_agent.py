"""What the SB3 agents share: budget, seeds, acting, saving. An agent's own file says which algorithm, and how."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, fields
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from torch import nn

from baselines.networks import NetworkAgent, check_device, own_torch
from baselines.online.checkpoints import read_checkpoint
from baselines.online.encoder import StateEncoder, check_encoder
from baselines.online.sb3_vec import TALLY, GymVecEnv, PolicyView
from baselines.online.sizes import lanes_for, step_limit
from baselines.online.watch import Watch, keep_events, optimizers_of, stop_at_nan
from baselines.selection import best_slates
from baselines.tuned import filled, open_parameters
from recsim_envs import rng
from recsim_envs.errors import AgentError, BudgetExceededError, ConfigurationError
from recsim_envs.spec import Agent, Batch, Sessions, TaskSpec, TrainingEnvs

_CURVE_POINTS = 20


@dataclass(kw_only=True, eq=False)
class SB3Agent(NetworkAgent):
    """Base of the agents that SB3 trains.

    num_envs: sessions side by side in training; None: by the budget, see `baselines.online.sizes`.
    encoder: how histories are read, "mean", "gru" or "attention". embedding_dim: size of an item's embedding, at
    least 3. hidden: units of the one hidden layer. gamma: discount a step. learning_rate: of Adam. None: what was tuned
    for the family, see `baselines.tuned`, else the value in `general`.
    device: where networks are trained; acting is on the CPU. checkpoint_seconds: between two checkpoints, where any
    are kept.
    """

    masks_in_states: ClassVar[bool] = True
    """Whether forbidden items are told to the network as part of the state, see `PolicyView`."""
    general: ClassVar[dict[str, Any]] = {"gamma": 0.9, "learning_rate": 1e-3}
    """Values of open parameters for which nothing was tuned."""

    num_envs: int | None = None
    encoder: str = "mean"
    embedding_dim: int = 32
    hidden: int = 64
    gamma: float | None = None
    learning_rate: float | None = None
    device: str = "cpu"
    checkpoint_seconds: float = 30.0

    def __post_init__(self) -> None:
        if (self.num_envs or 1) < 1 or self.embedding_dim < 3 or self.hidden < 1:
            raise ConfigurationError(
                f"num_envs {self.num_envs}, embedding_dim {self.embedding_dim} and hidden {self.hidden} must be at "
                "least 1, 3 and 1"
            )
        check_encoder(self.encoder)

    def algorithm(self, env: GymVecEnv, envs: TrainingEnvs, seed: int) -> BaseAlgorithm:
        """The SB3 algorithm, ready to learn on `env`."""
        raise NotImplementedError

    def policy_class(self) -> type[BasePolicy]:
        """The policy that `algorithm` is given."""
        raise NotImplementedError

    def action_space(self, task: TaskSpec) -> spaces.Space[Any]:
        """What it chooses from."""
        return task.action_space

    def policy(self, task: TaskSpec) -> BasePolicy:
        """An untrained policy of the shape that `algorithm` trains."""
        shape = self.policy_space(task), self.action_space(task)
        return self.policy_class()(*shape, lambda _: 0.0, **self.policy_kwargs(task))

    def scores(self, policy: BasePolicy, states: dict[str, torch.Tensor]) -> torch.Tensor:
        """Score of every item or candidate, (b, n); the agent shows the best, or the best k."""
        raise NotImplementedError

    def check(self, task: TaskSpec) -> None:
        """As in `NetworkAgent`. This one can play whatever `StateReader` reads."""
        PolicyView(task)

    def policy_space(self, task: TaskSpec) -> Any:
        """The observation space of `algorithm` and `policy`."""
        return PolicyView(task, masks=self.masks_in_states).space

    def policy_kwargs(self, task: TaskSpec) -> dict[str, Any]:
        """Arguments of the policy classes in `baselines.online.policies`."""
        return {
            "net_arch": [self.hidden],
            "features_extractor_class": StateEncoder,
            "features_extractor_kwargs": {"task": task, "dim": self.embedding_dim, "kind": self.encoder},
        }

    def train(self, envs: TrainingEnvs, seed: int) -> None:
        """Learn until the budget is spent. Deterministic on the CPU in `seed` and the environments.

        With `envs.folder`, checkpoints and event files are kept there, and training goes on from a checkpoint that is
        found. Raises `AgentError` for a task that the agent cannot play, and where the loss is no finite number.
        """
        self.check(envs.task)
        check_device(self.device)
        chosen = filled(self, envs.task, self.general)
        policy, facts = chosen.learned(envs, seed)
        self._learned(policy, facts | {"parameters": {name: getattr(chosen, name) for name in open_parameters(self)}})

    def learned(self, envs: TrainingEnvs, seed: int) -> tuple[nn.Module, dict[str, Any]]:
        """The trained policy, and what there is to tell of the training. No parameter of `general` is open here."""
        limit = step_limit(envs)
        with own_torch():
            model, env, watch = self._set_up(envs, seed)
            with suppress(BudgetExceededError):  # between two looks at it; what was learned so far stands
                anew = model._last_obs is None
                model.learn(max(limit - model.num_timesteps, 0), watch, log_interval=None, reset_num_timesteps=anew)
            watch.write()
            env.close()  # the door accounts for the sessions that this cuts off
        facts = {"trained_on": envs.task.env_id, "train_steps": model.num_timesteps}
        facts |= {"gradient_updates": model._n_updates, "num_envs": env.num_envs}
        facts |= {"train_episodes": len(env.returns), "learning_curve": learning_curve(env)}
        return model.policy, facts

    def _set_up(self, envs: TrainingEnvs, seed: int) -> tuple[BaseAlgorithm, GymVecEnv, Watch]:
        """Algorithm and environment at the start of training, or where the checkpoint in the door's folder left off."""
        identity = self._identity(envs, seed)
        saved = None if envs.folder is None else read_checkpoint(envs.folder, identity)
        if saved is None:
            env = self.adapted(envs.make(self.lanes(envs)), envs.task)
        else:
            ((vector, observations, infos),) = envs.restore(saved.mark)
            env = self.adapted(vector, envs.task)
        model = self.algorithm(env, envs, rng.derive_seed("sb3", seed) % 2**32)
        if saved is not None:
            saved.restore(model, env)
            model._last_obs = env.go_on_from(observations, infos)
        keep_events(model, envs)
        stop_at_nan(optimizers_of(model), lambda: f"{model.num_timesteps} steps and {model._n_updates} updates")
        return model, env, Watch(env, envs, identity, self.checkpoint_seconds, saved)

    def adapted(self, envs: VectorEnv[Any, Any, Any], task: TaskSpec) -> GymVecEnv:
        """The environment as SB3 sees it."""
        return GymVecEnv(envs, task, masks=self.masks_in_states)

    def lanes(self, envs: TrainingEnvs) -> int:
        """Sessions side by side within this budget."""
        return self.num_envs or lanes_for(step_limit(envs))

    def _identity(self, envs: TrainingEnvs, seed: int) -> dict[str, Any]:
        """What a checkpoint must agree with to be gone on from."""
        return {
            "agent": type(self).__name__,
            "environment": envs.task.env_id,
            "items": envs.task.catalogue.num_items,
            "seed": seed,
            "budget": [envs.budget.episodes, envs.budget.steps],
            "versions": [version("torch"), version("stable-baselines3"), version("longrec")],
            **{field.name: getattr(self, field.name) for field in fields(self) if field.name != "checkpoint_seconds"},
        }

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Build the policy around the learned weights. Raises `AgentError` as `NetworkAgent._filled` does."""
        self._policy = self._filled(task, self.policy)
        self._view, self._slate = PolicyView(task, masks=self.masks_in_states), task.slate_size
        self._tallies = self._view.nothing(num_lanes)

    def states(self, observations: Batch, infos: Batch, sessions: Sessions) -> dict[str, torch.Tensor]:
        """What the policy is shown of a batch. Once before each step: the step is added to the sessions' tallies."""
        before = self._tallies[sessions.lanes]
        before[sessions.steps == 0] = 0.0
        states = self._view.read(observations, infos, before)
        self._tallies[sessions.lanes] = states.get(TALLY, before)
        return {key: torch.tensor(value) for key, value in states.items()}

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """The allowed item of the highest score, int64 (b,), or the k of the highest, best first, (b, k).

        Scores are rounded to float32 first: candidates alike in every feature differ by the rounding of a matrix
        product, which depends on the batch, and must not be told apart by it.
        """
        states = self.states(observations, infos, sessions)
        with torch.no_grad():
            scores = self.scores(self._policy, states).float().numpy()
        return best_slates(self.drawn(scores, sessions), self._slate, None)

    def value(self, name: str) -> Any:
        """A parameter as it was in training, if it is open."""
        given = getattr(self, name)
        return self._facts.get("parameters", {}).get(name) if given is None else given

    def drawn(self, scores: NDArray[np.float32], sessions: Sessions) -> NDArray[Any]:
        """What the best are taken of, (b, n): the scores, or for agents that sample these with noise."""
        return scores


def require_no_slates(agent: Agent, task: TaskSpec, others: str) -> None:
    """Raise `AgentError` where slates are shown. `others`: names of agents that show them."""
    if task.slate_size is not None:
        raise AgentError(
            f"{type(agent).__name__} shows one item a step, and {task.env_id or 'this environment'} shows slates of "
            f"{task.slate_size}; use {others}"
        )


def learning_curve(env: GymVecEnv) -> list[dict[str, float]]:
    """Mean return and length over up to 20 equal stretches of the training sessions, in order of their ends."""
    curve = []
    for part in np.array_split(np.arange(len(env.returns)), min(_CURVE_POINTS, len(env.returns)) or 1):
        if len(part):
            returns, lengths = np.array(env.returns)[part], np.array(env.lengths)[part]
            curve.append(
                {"episode": int(part[-1]) + 1, "return": float(returns.mean()), "length": float(lengths.mean())}
            )
    return curve
