"""What the user models have in common: what they are fitted to, how they are told, and what they answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError, LogError
from recsim_envs.worlds.logs.log import Interactions
from recsim_envs.worlds.storage import Arrays

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total)."""

_MANY: Final = 1_000_000
_WHOLE: Final = {"rank": 1024, "epochs": _MANY, "patience": _MANY, "width": 1024, "sequence": 4096}
_OPTIONAL: Final = ("rate", "factor_decay")


@dataclass(frozen=True)
class Training:
    """How to fit. None stands for what the model's own file sets, or, for `batch`, for what the size of the log asks.

    rank: factors of a user and of an item. epochs: the most there will be. patience: training stops when so many
    epochs together lower the validation error by less than 0.05 %. batch: rows (of "gru": sequences) a step. rate:
    Adam's learning rate. factor_decay: L2 penalty on factors, in units of the values' variance. hidden: the two hidden
    layers of "deepfm". width: of the state of "gru". sequence: rows of "gru" that gradients flow back through.
    device: "cpu", or "cuda", on which the bits of two runs may differ.
    """

    rank: int = 32
    epochs: int = 60
    patience: int = 4
    batch: int | None = None
    rate: float | None = None
    factor_decay: float | None = None
    hidden: tuple[int, int] = (64, 32)
    width: int = 32
    sequence: int = 32
    device: str = "cpu"

    def check(self) -> None:
        """Raise `ConfigurationError` for a value without meaning."""
        for name, high in _WHOLE.items():
            demand_whole(name, getattr(self, name), 1, high)
        if self.batch is not None:
            demand_whole("batch", self.batch, 1, 2**31 - 1)
        if not isinstance(self.hidden, tuple) or len(self.hidden) != 2:
            raise ConfigurationError(f"hidden must be the sizes of two layers, such as (64, 32), got {self.hidden!r}")
        for size in self.hidden:
            demand_whole("hidden", size, 1, 1024)
        for name in _OPTIONAL:
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | float) and 0 <= value < np.inf):
                raise ConfigurationError(f"{name} must be a number from 0, or None, got {value!r}")
        if self.device not in ("cpu", "cuda"):
            raise ConfigurationError(f"device must be 'cpu' or 'cuda', got {self.device!r}")
        if self.device == "cuda":
            _demand_cuda()


def _demand_cuda() -> None:
    import torch

    if not torch.cuda.is_available():
        raise ConfigurationError("device 'cuda': torch sees no such device here; pass device='cpu'")


def demand_whole(name: str, value: Any, low: int, high: int) -> None:
    """Raise `ConfigurationError` unless `value` is an integer in low..high."""
    if type(value) is not int or not low <= value <= high:
        raise ConfigurationError(f"{name} must be a whole number from {low} to {high}, got {value!r}")


@dataclass(frozen=True, eq=False)
class ModelSizes:
    """What there is: users, items, and the categories of item i, `category_ids[indptr[i]:indptr[i + 1]]`.

    category_indptr: int64 (num_items + 1). category_ids: int32, below num_categories.
    """

    num_users: int
    num_items: int
    category_indptr: NDArray[np.int64]
    category_ids: NDArray[np.int32]
    num_categories: int


@dataclass(frozen=True, eq=False)
class Task:
    """One fit: the rows to learn from, those to stop by, and how; see `fit_model`."""

    name: str
    train: Interactions
    valid: Interactions
    sizes: ModelSizes
    how: Training
    seed: int
    progress: Progress
    checkpoint: Path | None

    def check(self) -> None:
        """Raise `ConfigurationError` or `LogError` for options or rows that nothing can be learned from."""
        self.how.check()
        if type(self.seed) is not int or not 0 <= self.seed < 2**63:
            raise ConfigurationError(f"seed must be a whole number from 0 to 2**63 - 1, got {self.seed!r}")
        for part, rows in (("training", self.train), ("validation", self.valid)):
            _check_rows(part, rows, self.sizes)
        if self.train.values.min() == self.train.values.max():
            raise LogError(
                f"all {len(self.train)} training values are {self.train.values[0]:g}, so nothing can be learned; pass "
                "graded ratings, or sample what did not happen as zeros"
            )


def _check_rows(part: str, rows: Interactions, sizes: ModelSizes) -> None:
    if not len(rows):
        raise LogError(f"there are no {part} rows; pass more data or hold out less")
    bad = np.flatnonzero(~np.isfinite(rows.values))
    if len(bad):
        raise LogError(
            f"{part} row {bad[0]}, field value: {rows.values[bad[0]]} is no finite number ({len(bad)} such rows); "
            "leave these rows out"
        )
    for field, ids, count in (("user", rows.users, sizes.num_users), ("item", rows.items, sizes.num_items)):
        if ids.min() < 0 or ids.max() >= count:
            row = int(np.flatnonzero((ids < 0) | (ids >= count))[0])
            raise LogError(f"{part} row {row}, field {field}: {ids[row]} is not in 0..{count - 1}; number them anew")


@dataclass(frozen=True, eq=False)
class UserModel(ABC):
    """A fitted model: what a user makes of an item.

    arrays: of the reward model, as a world keeps them. epochs: how many were run before the best one.
    validation_rmse: at the best one. It answers with raw predictions: neither clipped nor calibrated.
    """

    arrays: Arrays
    epochs: int
    validation_rmse: float
    name: ClassVar[str]
    reward_model: ClassVar[str] = "factors"
    sequential: ClassVar[bool] = False

    @abstractmethod
    def predict(self, users: NDArray[Any], items: NDArray[Any]) -> NDArray[np.float64]:
        """Predictions (n,) for pairs of users and items; of a sequential model: after each user's whole log."""

    def predict_rows(self, log: Interactions, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Predictions (k,) of rows of a log that is sorted by user and time, a sequential one's from those before."""
        return self.predict(log.users[rows], log.items[rows])

    def world_arrays(self) -> tuple[str, Arrays]:
        """Name of the reward model and its arrays, float32: what a world of this model is made of."""
        return self.reward_model, dict(self.arrays)

    def item_vectors(self) -> NDArray[np.float32]:
        """What was learned of the items, float32 (items, d). Raises `ConfigurationError` if that is no vector."""
        return self.arrays["item_factors"]

    def after(self, log: Interactions) -> UserModel:
        """The same model once it has read a log (sorted by user and time); a static one stays as it is."""
        return self


def inner_products(arrays: Arrays, users: NDArray[Any], items: NDArray[Any]) -> NDArray[np.float64]:
    """b_u + b_i + <p_u, q_i> for pairs (n,), summed in float64, a block at a time to bound memory."""
    out = np.empty(len(users))
    for block in blocks(len(users)):
        u, i = users[block], items[block]
        inner = np.einsum("nk,nk->n", arrays["user_factors"][u], arrays["item_factors"][i], dtype=np.float64)
        out[block] = arrays["user_bias"][u].astype(np.float64) + arrays["item_bias"][i] + inner
    return out


def blocks(rows: int, size: int = 1 << 16) -> list[slice]:
    """Slices that cover so many rows."""
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]
