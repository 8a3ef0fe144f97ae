"""User models: from rows of a log to what every user would make of every item.

`fit_model` fits one by name. Each has a file of its own; torch is imported when one is fitted, not before.
"""

from __future__ import annotations

import difflib
from importlib import import_module
from pathlib import Path
from typing import Final

from recsim_envs.errors import ConfigurationError
from recsim_envs.worlds.logs.log import Interactions
from recsim_envs.worlds.models.base import ModelSizes, Progress, Task, Training, UserModel

__all__ = ["MODELS", "ModelSizes", "Progress", "Training", "UserModel", "fit_model"]

MODELS: Final[dict[str, str]] = {
    "biases": "recsim_envs.worlds.models.biases",
    "mf": "recsim_envs.worlds.models.mf",
    "deepfm": "recsim_envs.worlds.models.deepfm",
    "gru": "recsim_envs.worlds.models.gru",
}
"""Name of a user model to its module, which has `fit`."""


def fit_model(
    name: str,
    train: Interactions,
    valid: Interactions,
    sizes: ModelSizes,
    how: Training | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
) -> UserModel:
    """Fit on `train` and keep the epoch that is best on `valid`. The same arguments give the same bits on one platform.

    train: sorted by user, each user's rows from the oldest to the latest. Values may be ratings on any scale, or 0
    and 1 with what did not happen already sampled as zeros, in an order that does not tell which is which, for "gru"
    would learn it: the loss is the squared error either way. checkpoint: a folder in which the state is kept, so that
    the same call goes on where it was interrupted and ends in the same bits; a state of other data, options or seed is
    ignored and replaced. progress: called with (stage, done, total). Raises `ConfigurationError` for an unknown name or
    an option without meaning, `LogError` for rows that cannot be learned from.
    """
    if name not in MODELS:
        near = difflib.get_close_matches(str(name), MODELS, 1, cutoff=0.3)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigurationError(f"there is no user model {name!r}; {hint}There are {', '.join(MODELS)}")
    task = Task(name, train, valid, sizes, how or Training(), seed, progress or _silent, checkpoint)
    task.check()
    return import_module(MODELS[name]).fit(task)


def _silent(stage: str, done: int, total: int) -> None:
    pass
