"""What training works on: parameters with a loss on numbered units, be they rows or sequences of rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch

from recsim_envs.worlds.models.base import Task, UserModel
from recsim_envs.worlds.models.parameters import Scale, start_biases


class Learner(torch.nn.Module, ABC):
    """What is trained: `parameters()` by gradients of `loss`, on units (rows or sequences) numbered from 0."""

    units: int
    rows_a_unit: float = 1.0
    rate: ClassVar[float]
    steps: ClassVar[int] = 80  # an epoch, unless batches would become very small or very large
    least: ClassVar[int] = 32  # rows a batch

    @abstractmethod
    def loss(self, chosen: torch.Tensor) -> torch.Tensor:
        """What to make small, a scalar, for some units: int32 (batch,)."""

    @abstractmethod
    def export(self) -> UserModel:
        """What is learned so far."""


class RowLearner(Learner):
    """Parameters of a model of single rows: the rows in the units of training, and biases to start from."""

    users: torch.Tensor
    items: torch.Tensor
    targets: torch.Tensor

    def __init__(self, task: Task) -> None:
        super().__init__()
        rows = task.train
        self.scale = Scale.of(rows)
        self.units = len(rows)
        for name, value in (("users", torch.from_numpy(rows.users)), ("items", torch.from_numpy(rows.items))):
            self.register_buffer(name, value, persistent=False)
        self.register_buffer("targets", self.scale.apply(rows), persistent=False)
        self.user_bias, self.item_bias = start_biases(task, self.scale)

    def picked(self, chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Users, items and targets of rows."""
        return self.users[chosen], self.items[chosen], self.targets[chosen]
