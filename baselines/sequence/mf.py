"""MF: ratings factorised by alternating least squares (Zhou et al., AAIM 2008; Koren, Bell & Volinsky, 2009)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from baselines.offline.agent import Facts, LogAgent
from baselines.offline.network import State
from baselines.offline.replay import Replay
from baselines.states import ITEMS, SIGNALS, StateReader
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.spec import TaskSpec, TrainingLog

_CHUNK = 16_384  # ratings whose outer products are held at a time


@dataclass(kw_only=True, eq=False)
class MFAgent(LogAgent):
    """The items of the highest estimated rating: explicit feedback, r = mean + b_u + b_i + p_u . q_i.

    factors: length of p and q. ridge: weight of the squared parameters. sweeps: of alternating least squares.
    A user is a session of the log with the ratings that it shows before its last step; what a last step earns tells
    how the session ended. At a test user, b_u and p_u are solved for from what is in the observation.
    """

    factors: int = 16
    ridge: float = 5.0
    sweeps: int = 10

    def __post_init__(self) -> None:
        if self.factors < 1 or self.sweeps < 1 or self.ridge <= 0:
            raise ConfigurationError(
                f"factors {self.factors} and sweeps {self.sweeps} must be at least 1 and ridge {self.ridge} above 0"
            )

    def check(self, task: TaskSpec) -> None:
        """Items must last, and the observations tell what came of them."""
        if not any(history.signals for history in StateReader(task).histories):
            raise AgentError(
                f"{type(self).__name__} reads ratings of a catalogue's items, and {task.env_id or 'this environment'} "
                "shows none; use an agent that reads candidates, or random"
            )

    def network(self, task: TaskSpec) -> Factors:
        """Factors of nothing yet."""
        keys = [history.key for history in StateReader(task).histories if history.signals]
        return Factors(keys, task.catalogue.num_items, self.factors, self.ridge)

    def fitted(self, log: TrainingLog, replay: Replay, seed: int) -> tuple[nn.Module, Facts]:
        """Alternate between users and items. The seed decides where the factors start."""
        network = self.network(log.task).to(replay.device)
        last = replay.last_steps()
        users, items, ratings = network.ratings(replay.at(last).state)
        network.mean.copy_(ratings.mean() if len(ratings) else torch.tensor(0.0))
        network.items[:, 1:] = 0.1 * torch.randn(network.items[:, 1:].shape, dtype=torch.float64)
        centred = ratings - network.mean
        errors = []
        for sweep in range(self.sweeps):
            people = network.solved(users, _known(network.items, items), centred - network.items[items, 0], len(last))
            network.items.copy_(
                network.solved(items, _known(people, users), centred - people[users, 0], len(network.items))
            )
            told = people[users, 0] + network.items[items, 0] + (people[users, 1:] * network.items[items, 1:]).sum(1)
            errors.append(float((centred - told).square().mean().sqrt()))
            log.progress(sweep + 1, self.sweeps)
        return network, {"ratings": len(ratings), "rmse_curve": errors}

    def scores(self, network: nn.Module, state: State, allowed: torch.Tensor | None) -> torch.Tensor:
        """Estimated ratings."""
        return network(state)  # type: ignore[no-any-return]


def _known(entities: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """What multiplies the other side's parameters: 1 for its bias, then the factors."""
    return torch.cat([torch.ones_like(entities[rows, :1]), entities[rows, 1:]], dim=1)


class Factors(nn.Module):
    """Biases (column 0) and factors of the items, float64 (n_items, 1 + factors), and the mean rating."""

    items: torch.Tensor
    mean: torch.Tensor

    def __init__(self, keys: list[str], num_items: int, factors: int, ridge: float) -> None:
        super().__init__()
        self._keys, self._ridge = keys, ridge
        self.register_buffer("items", torch.zeros(num_items, 1 + factors, dtype=torch.float64))
        self.register_buffer("mean", torch.zeros((), dtype=torch.float64))

    def forward(self, state: State) -> torch.Tensor:
        """Ratings (b, n_items) of users who are in states of b rows."""
        count = len(state[self._keys[0] + ITEMS])
        users, items, ratings = self.ratings(state)
        people = self.solved(users, _known(self.items, items), ratings - self.mean - self.items[items, 0], count)
        return self.mean + people[:, :1] + self.items[:, 0] + people[:, 1:] @ self.items[:, 1:].T

    def ratings(self, state: State) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Rows, items and ratings in -1 to 1 (the mean of the signals) of all that states show, each (m,)."""
        items = torch.cat([state[key + ITEMS].long() for key in self._keys], dim=1)
        told = torch.cat([state[key + SIGNALS].double().mean(dim=2) for key in self._keys], dim=1)
        rows, places = (items >= 0).nonzero(as_tuple=True)
        return rows, items[rows, places], told[rows, places]

    def solved(self, rows: torch.Tensor, known: torch.Tensor, goal: torch.Tensor, count: int) -> torch.Tensor:
        """Ridge regressions of `goal` (m,) on `known` (m, d), one for each of `count` values of `rows`: (count, d)."""
        width = known.shape[1]
        left = self._ridge * torch.eye(width, dtype=known.dtype, device=known.device).repeat(count, 1, 1)
        right = known.new_zeros(count, width)
        for part in (slice(start, start + _CHUNK) for start in range(0, len(rows), _CHUNK)):
            some = known[part]
            left.index_add_(0, rows[part], some.unsqueeze(2) * some.unsqueeze(1))
            right.index_add_(0, rows[part], some * goal[part].unsqueeze(1))
        return torch.linalg.solve(left, right)
