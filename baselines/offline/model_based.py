"""What MOPO, DORL and CIRS share: a user model from the log, and an actor and a critic that learn in it.

Rollouts branch from the log's states and are a few steps long (Janner et al., "When to trust your model", NeurIPS
2019); actor and critic learn from them by A2C (Mnih et al., ICML 2016), as in the code of DORL and CIRS. The published
simulators end a session by the true exit rule of the environment, which a log does not tell. Here users leave with the
probability that the user model has learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from baselines.offline.agent import Facts, HeadAgent
from baselines.offline.network import Network
from baselines.offline.replay import Replay, Steps
from baselines.offline.training import fit
from baselines.offline.user_model import Satiation, UserModel
from baselines.scores import NEVER, drawn
from baselines.selection import RATINGS, require_single_items
from baselines.states import CONTEXT, ITEMS, SIGNALS
from recsim_envs import rng
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.spec import Sessions, TaskSpec, TrainingLog

_SEEN = (*RATINGS, "length")
_SHOWN = "session_items"


@dataclass(kw_only=True, eq=False)
class ModelBasedAgent(HeadAgent):
    """Base of the three. `shaped` is what they differ in.

    model_updates: of the user model. members: of its ensemble. rollout: steps from each of the `batch_size` states of
    an update. entropy, value_weight: of A2C's loss. updates: of actor and critic. greedy: show the likeliest item; else
    one is drawn from the policy, as the published code does in its tests too.
    """

    heads: ClassVar = ("policy",)
    values: ClassVar = ("v",)
    acts_by: ClassVar = "policy"

    updates: int = 300
    model_updates: int = 2000
    members: int = 3
    rollout: int = 5
    entropy: float = 0.01
    value_weight: float = 0.5
    greedy: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.model_updates, self.members, self.rollout) < 1:
            raise ConfigurationError(
                f"model_updates {self.model_updates}, members {self.members} and rollout {self.rollout} must be at "
                "least 1"
            )

    def check(self, task: TaskSpec) -> None:
        """The model must be able to tell what is observed next: one item a step, and the departure family's parts."""
        require_single_items(self, task, _SEEN)
        if other := set(task.observation_space.spaces) - set(_SEEN):
            raise AgentError(f"{type(self).__name__} cannot foretell the observation {min(other)} of {task.env_id}")

    def satiation(self, task: TaskSpec) -> Satiation | None:
        """How rewards fall with what was shown; None where they do not."""
        return None

    def shaped(self, reward: torch.Tensor, variance: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
        """The reward that the actor is given, (b,), in the environment's units.

        reward, variance: (b,), the model's, in those units. shown: int64 (b, l), the session's items up to the one
        that the reward is for, -1 for none.
        """
        raise NotImplementedError

    def all_updates(self) -> int:
        """Of the user model, and of actor and critic."""
        return self.model_updates + self.updates

    def fitted(self, log: TrainingLog, replay: Replay, seed: int) -> tuple[nn.Module, Facts]:
        """First the user model, then the policy in it."""
        self.prepare(replay)
        satiation = self.satiation(log.task)
        model = UserModel(log.task, self.members, self.embedding_dim, self.hidden, self.encoder, satiation)
        model.to(replay.device)
        learned = fit(
            model,
            lambda update: model.loss(replay.draw(self.batch_size)),
            self.course("user-model", self.model_updates, log, seed),
        )
        model.requires_grad_(False)
        model.count_repeats(replay)
        world = Imagined(log.task, model, replay, self)
        network = self.network(log.task).to(replay.device)
        curve = fit(
            network,
            lambda update: self.actor_critic_loss(network, world, replay.draw(self.batch_size)),
            self.course("policy", self.updates, log, seed, before=self.model_updates),
        )
        return network, {"updates": self.updates, "loss_curve": curve, "user_model_loss_curve": learned}

    def choose(
        self, scores: NDArray[np.float32], allowed: NDArray[np.bool_] | None, sessions: Sessions
    ) -> NDArray[np.int64]:
        """An item drawn from the policy by the session's key and step, or the likeliest."""
        if self.greedy:
            return super().choose(scores, allowed, sessions)
        logits = np.where(True if allowed is None else allowed, scores.astype(np.float64), -np.inf)
        below = np.exp(logits - logits.max(axis=1, keepdims=True)).cumsum(axis=1)
        where = rng.uniform_array(sessions.keys, sessions.steps, rng.AGENT) * below[:, -1]
        return (below > where[:, None]).argmax(axis=1)

    def actor_critic_loss(self, network: Network, world: Imagined, steps: Steps) -> torch.Tensor:
        """A2C on one rollout: advantage times log-probability, squared value error, entropy."""
        chances, entropies, values, rewards, stays = [], [], [], [], []
        state, allowed, alive = dict(steps.state), steps.allowed, torch.ones_like(steps.ended)
        mask = [alive]
        for _ in range(self.rollout):
            told = network(state, allowed)
            logs = told["policy"].log_softmax(dim=1)
            shares = logs.exp()
            items = drawn(shares.detach())
            chances.append(logs.gather(1, items[:, None]).squeeze(1))
            entropies.append(-(shares * logs.clamp(min=NEVER / 2)).sum(dim=1))
            values.append(told["v"])
            state, reward, stay, allowed = world.step(state, items, allowed)
            rewards.append(reward)
            stays.append(stay)
            mask.append(mask[-1] * stay)
        with torch.no_grad():
            following = network(state, allowed)["v"]
        goals = []
        for reward, stay in zip(reversed(rewards), reversed(stays), strict=True):
            following = reward + self.gamma * stay * following
            goals.append(following)
        goal, value, real = torch.stack(goals[::-1]), torch.stack(values), torch.stack(mask[:-1])
        advantage = (goal - value).detach()
        losses = -advantage * torch.stack(chances) + self.value_weight * (goal - value).square()
        losses = losses - self.entropy * torch.stack(entropies)
        return (real * losses).sum() / real.sum()


class Imagined:
    """Sessions as the user model tells them, in the form of `StateReader`. Rewards in units of the log's scale."""

    def __init__(self, task: TaskSpec, model: UserModel, log: Replay, agent: ModelBasedAgent) -> None:
        self._model, self._agent, self._scale, self._horizon = model, agent, log.scale, task.horizon
        box = task.observation_space["session_rewards"]
        self._middle = float(box.high.max() + box.low.min()) / 2  # type: ignore[attr-defined]
        self._half = float(box.high.max() - box.low.min()) / 2  # type: ignore[attr-defined]
        left = log.rewards[log.ended > 0]
        self._leaving = float(left.mean()) if len(left) else 0.0
        rows = torch.arange(0, len(log), max(1, len(log) // 4096), device=log.device)
        some = log.at(rows)
        reward, variance, _ = model.predict(some.state, some.actions[:, 0])
        self._floor = min(0.0, float(self._shaped(some.state, some.actions[:, 0], reward, variance).min()))

    def _shaped(
        self, state: dict[str, torch.Tensor], items: torch.Tensor, reward: torch.Tensor, variance: torch.Tensor
    ) -> torch.Tensor:
        shown = torch.cat([state[_SHOWN + ITEMS].long(), items[:, None]], dim=1)
        return self._agent.shaped(reward * self._scale, variance * self._scale**2, shown) / self._scale

    @torch.no_grad()
    def step(
        self, state: dict[str, torch.Tensor], items: torch.Tensor, allowed: torch.Tensor | None
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Show `items` (b,): the next state, the shaped reward (b,), 1 where the user stays, what may be shown next.

        As in the published code the least shaped reward, over steps of the log, is subtracted where it is below 0, so
        that staying never costs. A leaving step earns what leaving steps of the log earn on average. Where a protocol
        forbids items, those shown are forbidden next.
        """
        reward, variance, leave = self._model.predict(state, items)
        stay = (torch.rand_like(leave) >= leave).to(reward.dtype)
        earned = torch.where(stay > 0, self._shaped(state, items, reward, variance) - self._floor, self._leaving)
        after = dict(state)
        after[_SHOWN + ITEMS] = torch.cat([state[_SHOWN + ITEMS][:, 1:], items[:, None].to(torch.int32)], dim=1)
        signal = ((reward * self._scale - self._middle) / self._half).clamp(-1, 1)[:, None, None]
        after[_SHOWN + SIGNALS] = torch.cat([state[_SHOWN + SIGNALS][:, 1:], signal], dim=1)
        after[CONTEXT] = (state[CONTEXT] + 1 / self._horizon).clamp(max=1.0)
        if allowed is not None:
            allowed = allowed.scatter(1, items[:, None], False)
        return after, earned, stay, allowed
