"""SlateQ (Ie et al., "SlateQ: A Tractable Decomposition for Reinforcement Learning with Recommendation Sets", 2019).

Slates are too many to give each a value. SlateQ learns values of items, of being taken in a state, and a model of what
users take; a slate is worth the mean of its items' values over what is taken (section 4 of the paper), and the
slate of most worth is found exactly (section 5). Choice and optimisation are in `baselines.online.choice`.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.logger import Logger, configure
from torch import nn
from torch.nn.functional import mse_loss

from baselines.checkpoint import Tensors, flatten, unflatten, write_state
from baselines.networks import own_torch
from baselines.online.checkpoints import FILE, read_checkpoint
from baselines.online.choice import check_optimiser, slate_worth, surprise
from baselines.online.exploration import epsilon_of_budget
from baselines.online.off_policy import OffPolicyAgent
from baselines.online.replay import ReplayRing
from baselines.online.responses import ResponseReader
from baselines.online.sb3_agent import learning_curve
from baselines.online.slateq_net import SlateQNet
from baselines.online.slateq_play import SlatePlay
from baselines.online.watch import LOG_SECONDS, record_sessions, stop_at_nan
from baselines.simple import RandomAgent
from recsim_envs import rng
from recsim_envs.spec import Batch, Sessions, TaskSpec, TrainingEnvs


@dataclass(kw_only=True, eq=False)
class SlateQAgent(OffPolicyAgent):
    """Item-wise Q-learning for slates, in plain torch; parameters, files and acting are those of the SB3 agents.

    polyak: how far the target network follows in each update. final_epsilon: chance of each slot to show a random item
    once `exploration_share` of the budget is spent; it falls linearly from `initial_epsilon`.
    optimiser: how slates are found where users take one item or none, "exact", "greedy" or "top-k".
    """

    polyak: float = 0.05
    initial_epsilon: float = 1.0
    final_epsilon: float = 0.05
    exploration_share: float = 0.5
    optimiser: str = "exact"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_optimiser(self.optimiser)

    def check(self, task: TaskSpec) -> None:
        """Refuses slates of which nothing tells what was taken, besides what `SB3Agent` refuses."""
        super().check(task)
        ResponseReader(task)

    def policy(self, task: TaskSpec) -> SlateQNet:
        """Untrained networks."""
        encoder = self.policy_kwargs(task)["features_extractor_kwargs"]
        return SlateQNet(self.policy_space(task), task.slate_size or 1, self.hidden, encoder)

    def learned(self, envs: TrainingEnvs, seed: int) -> tuple[nn.Module, dict[str, Any]]:
        """As in `SB3Agent`: until the budget is spent, deterministic on the CPU, going on from a checkpoint."""
        with own_torch():
            training = _Training(self, envs, seed)
            while not envs.spent():
                training.step()
            training.write()
            training.play.close()
        return training.net, training.facts()

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """The slate of most worth, int64 (b, k), or (b,) where one item is shown."""
        states = self.states(observations, infos, sessions)
        with torch.no_grad():
            slates = self._policy.best(states, self._facts["form"], self.optimiser, rounded=True).numpy()
        return slates[:, 0] if self._slate is None else slates


class _Training:
    """One training run, step by step. There is no generator state: its draws follow from the seed and its counters."""

    def __init__(self, agent: SlateQAgent, envs: TrainingEnvs, seed: int) -> None:
        self.agent, self.envs = agent, envs
        self._seed, self._explorer = rng.derive_seed("slateq", seed), RandomAgent()
        self._explorer.reset(envs.task, 1, 0)
        torch.manual_seed(self._seed % 2**63)
        self.net = agent.policy(envs.task).to(agent.device)
        self._target = copy.deepcopy(self.net.value)
        assert agent.gamma is not None
        assert agent.learning_rate is not None
        self._gamma = agent.gamma
        self._optimizer = torch.optim.Adam(self.net.parameters(), lr=agent.learning_rate)
        stop_at_nan([self._optimizer], lambda: f"{self.steps} steps and {self.updates} updates")
        self._replay = ReplayRing(agent.buffer_size, self._seed)
        self.rounds = self.updates = 0
        self._several = False  # whether a user was seen to take more than one item of a slate
        self._losses: list[float] = []
        self._identity = agent._identity(envs, seed)
        saved = None if envs.folder is None else read_checkpoint(envs.folder, self._identity)
        if saved is None:
            self.play = SlatePlay(envs.make(agent.lanes(envs)), envs.task)
            self.play.begin(self._seed % 2**31)  # the door has seeds of its own
        else:
            ((vector, observations, infos),) = envs.restore(saved.mark)
            self.play = SlatePlay(vector, envs.task)
            self._restore(saved.tensors, saved.facts)
            self.play.go_on_from(observations, infos)
        self._batch, self._repeats = agent.sizes(self.play.num_envs)
        self._log: Logger | None = None
        if envs.folder is not None:
            self._log = configure(str(envs.folder / "tensorboard"), ["tensorboard"])
        self._written = self._logged = time.monotonic()

    @property
    def form(self) -> str:
        """What users take of a slate, see `baselines.online.choice`."""
        if (self.envs.task.slate_size or 1) == 1:
            return "sure"
        return "many" if self._several else "one"

    @property
    def steps(self) -> int:
        """Steps of all sessions so far."""
        return self.rounds * self.play.num_envs

    def step(self) -> None:
        """One step of all sessions, and the updates after it."""
        came = self.play.play(self._slates())
        self._several = self._several or bool((came["taken"].sum(axis=1) > 1).any())
        self._replay.add(came)
        self.rounds += 1
        if self.steps >= self.agent.learning_starts:
            for _ in range(self._repeats):
                self._update(self._replay.sample(self.updates, self._batch))
        now = time.monotonic()
        if now - self._logged >= LOG_SECONDS:
            self.log()
            self._logged = now
        if now - self._written >= self.agent.checkpoint_seconds:
            self.write()
            self._written = time.monotonic()

    def _slates(self) -> NDArray[np.int64]:
        """The best slates (b, k); each slot shows a random item that is not in it with probability epsilon."""
        agent, lanes = self.agent, np.arange(self.play.num_envs)
        keys = rng.bits_array(self._seed, self.rounds, rng.AGENT, lanes)
        drawn = self._explorer.act(self.play.observations, self.play.infos, Sessions(lanes, keys, lanes * 0))
        drawn = drawn.reshape(len(lanes), -1)
        if self.steps < agent.learning_starts:
            return drawn
        with torch.no_grad():
            best = self.net.best(self._tensors(self.play.states), self.form, agent.optimiser).cpu().numpy()
        tosses = rng.uniform_array(keys[:, None], 0, rng.POLICY, np.arange(drawn.shape[1]))
        explores = tosses < epsilon_of_budget(agent, self.envs)
        there = (drawn[:, :, None] == best[:, None, :]).any(axis=2)
        return np.where(explores & ~there, drawn, best)

    def _update(self, sample: dict[str, NDArray[Any]]) -> None:
        """One step of Adam on the error of the worth and the surprise at what was taken."""
        rows = self._tensors(sample)
        now, after = ({k.partition(" ")[2]: v for k, v in rows.items() if k.startswith(p)} for p in ("now ", "next "))
        shown, taken = rows["slates"].long(), rows["taken"].float()
        state, worth = self.net.value(now)
        # Squared, not Huber's: users who leave are rare and far from the mean, and they are what is to be learned.
        loss = mse_loss(state + (taken * worth.gather(1, shown)).sum(dim=1), self._wanted(rows, after))
        if self.form != "sure":
            appeal = self.net.appeal(now).gather(1, shown)
            loss = loss + surprise(self.form, appeal, self.net.attention(), taken).mean()
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        with torch.no_grad():
            for follower, leader in zip(self._target.parameters(), self.net.value.parameters(), strict=True):
                follower.lerp_(leader, self.agent.polyak)
        self.updates += 1
        self._losses.append(loss.item())

    def _wanted(self, rows: Tensors, after: Tensors) -> torch.Tensor:
        """Reward and discounted worth of the best slate next: chosen by the network, valued by the target network."""
        with torch.no_grad():
            best = self.net.best(after, self.form, self.agent.optimiser)
            state, worth = self._target(after)
            appeal = worth if self.form == "sure" else self.net.appeal(after)
            gains = slate_worth(self.form, appeal.gather(1, best), worth.gather(1, best), self.net.attention())
            return rows["rewards"] + self._gamma * ~rows["terminated"] * (state + gains)

    def _tensors(self, arrays: dict[str, NDArray[Any]]) -> Tensors:
        return {key: torch.from_numpy(value).to(self.agent.device) for key, value in arrays.items()}

    def facts(self) -> dict[str, Any]:
        """What `SlateQAgent.describe` tells."""
        return {
            "trained_on": self.envs.task.env_id,
            "train_steps": self.steps,
            "gradient_updates": self.updates,
            "num_envs": self.play.num_envs,
            "train_episodes": len(self.play.returns),
            "form": self.form,
            "attention": [round(a, 4) for a in self.net.attention().tolist()],
            "learning_curve": learning_curve(self.play),
        }

    def log(self) -> None:
        """Write return, length and loss of late into the event file, if one is kept."""
        if self._log is None or not self._losses:
            return
        record_sessions(self._log, self.play)
        self._log.record("train/loss", float(np.mean(self._losses)))
        self._losses.clear()
        self._log.dump(self.steps)

    def write(self) -> None:
        """Write a checkpoint, if any are kept."""
        if self.envs.folder is None:
            return
        tensors: Tensors = {}
        trees = {name: flatten(name, part.state_dict(), tensors) for name, part in self._parts().items()}
        tensors |= {f"replay/{k}": torch.from_numpy(v[: len(self._replay)]) for k, v in self._replay.arrays.items()}
        tensors |= {name: torch.from_numpy(array) for name, array in self.play.progress().items()}
        counters = {"rounds": self.rounds, "updates": self.updates, "several": self._several}
        facts = {"identity": self._identity, "mark": self.envs.mark(), "trees": trees, "added": self._replay.added}
        write_state(self.envs.folder / FILE, tensors, facts | {"counters": counters})

    def _parts(self) -> dict[str, Any]:
        return {"net": self.net, "target": self._target, "adam": self._optimizer}

    def _restore(self, tensors: Tensors, facts: dict[str, Any]) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(unflatten(facts["trees"][name], tensors))
        kept = {key.partition("/")[2]: t.numpy() for key, t in tensors.items() if key.startswith("replay/")}
        self._replay.refill(kept, facts["added"])
        self.play.take_up({name: tensors[name].numpy() for name in self.play.progress()})
        counters = facts["counters"]
        self.rounds, self.updates, self._several = counters["rounds"], counters["updates"], counters["several"]
