"""How a user model is trained: Adam on shuffled mini-batches, early stopping on validation rows, resumable.

Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015. The order of an epoch is a pure function of
seed and epoch, so a run that was interrupted goes on in the very batch it had reached.
"""

from __future__ import annotations

from typing import Final

import torch

from recsim_envs.worlds.models.base import Task, UserModel
from recsim_envs.worlds.models.checkpoint import Checkpoint, Standing
from recsim_envs.worlds.models.judging import Judge
from recsim_envs.worlds.models.learner import Learner
from recsim_envs.worlds.models.parameters import generator

_MOST: Final = 16384  # rows a batch; more do not fit the processor's cache and need more epochs
_TOLD: Final = 10  # times an epoch


def train(learner: Learner, task: Task) -> UserModel:
    """The best model on the validation rows. Calls `task.progress` in batches, about ten times an epoch."""
    how, judge = task.how, Judge.of(task)
    learner.to(how.device)
    rate = learner.rate if how.rate is None else how.rate
    optimiser = torch.optim.Adam(learner.parameters(), lr=rate, fused=True)
    batch = how.batch or _batch(learner)
    steps = -(-learner.units // batch)
    checkpoint = Checkpoint.of(task, learner, optimiser)
    start = judge.measured(learner.export())
    now = checkpoint.restored() or Standing(start, start.validation_rmse)
    while now.epoch < how.epochs and now.since < how.patience:
        order = torch.split(_order(learner.units, task.seed, now.epoch).to(how.device), batch)
        while now.step < steps:
            optimiser.zero_grad()
            learner.loss(order[now.step]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            now.step += 1
            if checkpoint.due():
                checkpoint.save(now)
            if now.step % max(1, steps // _TOLD) == 0:
                task.progress(f"fitting {task.name}", now.epoch * steps + now.step, how.epochs * steps)
        now.end_epoch(judge.measured(learner.export()))
        checkpoint.save(now)
    task.progress(f"fitting {task.name}", how.epochs * steps, how.epochs * steps)
    return now.best


def _batch(learner: Learner) -> int:
    low, high = (max(1, round(rows / learner.rows_a_unit)) for rows in (learner.least, _MOST))
    return min(max(low, learner.units // learner.steps), high)


def _order(units: int, seed: int, epoch: int) -> torch.Tensor:
    return torch.randperm(units, generator=generator("order", seed, epoch), dtype=torch.int32)
