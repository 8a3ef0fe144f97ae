"""What the trained models share: where parameters start, the units they are trained in, how they leave as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from recsim_envs.rng import derive_seed
from recsim_envs.worlds.logs.log import Interactions
from recsim_envs.worlds.models import biases
from recsim_envs.worlds.models.base import Task
from recsim_envs.worlds.storage import Arrays


def generator(purpose: str, seed: int, number: int = 0) -> torch.Generator:
    """A stream of random numbers of its own for each purpose, seed and number."""
    return torch.Generator().manual_seed(derive_seed("user model", purpose, seed, number))


def drawn(purpose: str, seed: int, *shape: int, spread: float = 0.05) -> torch.nn.Parameter:
    """Normal draws with mean 0, to start from."""
    return torch.nn.Parameter(torch.randn(*shape, generator=generator(purpose, seed)) * spread)


@dataclass(frozen=True)
class Scale:
    """The units a model is trained in, so that its rates and penalties suit any values: mean 0 and variance 1."""

    mean: float
    spread: float

    @classmethod
    def of(cls, rows: Interactions) -> Scale:
        """That of some rows' values."""
        return cls(float(rows.values.mean(dtype=np.float64)), float(rows.values.std(dtype=np.float64)))

    def apply(self, rows: Interactions) -> torch.Tensor:
        """The rows' values in these units, float32 (n,)."""
        return torch.from_numpy((rows.values - np.float32(self.mean)) / np.float32(self.spread))


def start_biases(task: Task, scale: Scale) -> tuple[torch.nn.Parameter, torch.nn.Parameter]:
    """The fitted biases of users (users, 1) and items (items, 1) in the units of training."""
    found = biases.fit(task).arrays
    users, items = (found["user_bias"] - scale.mean) / scale.spread, found["item_bias"] / scale.spread
    first, other = (torch.nn.Parameter(torch.from_numpy(b.astype(np.float32))[:, None]) for b in (users, items))
    return first, other


def bias_arrays(scale: Scale, user_bias: torch.Tensor, item_bias: torch.Tensor) -> Arrays:
    """Biases (users, 1) and (items, 1) in the units of the values; the user's holds the mean."""
    return {
        "user_bias": plain(user_bias[:, 0] * scale.spread + scale.mean),
        "item_bias": plain(item_bias[:, 0] * scale.spread),
    }


def plain(value: torch.Tensor) -> NDArray[np.float32]:
    """A copy as an array, float32."""
    return np.array(value.detach().cpu().numpy(), np.float32, order="C")


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums in one order: with more threads their grouping, and so the last bits, would depend on the machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
