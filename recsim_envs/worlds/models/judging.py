"""The error that training stops by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from recsim_envs.worlds.logs.log import Interactions
from recsim_envs.worlds.models.base import Task, UserModel

_ENOUGH: Final = 200_000  # rows; the error of so many ratings is known to about 0.1 %

Model = TypeVar("Model", bound=UserModel)


@dataclass(frozen=True, eq=False)
class Judge:
    """Rows of a log that a model is to predict: `log.values[rows]`, each from those before it if the model reads any.

    The log is that of some users: of few enough, evenly spread, that their validation rows are at most 200,000.
    """

    log: Interactions
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, task: Task) -> Judge:
        """From the training and validation rows of a task."""
        users, inverse = np.unique(task.valid.users, return_inverse=True)
        stride = -(-len(task.valid) // _ENOUGH)
        judged = np.zeros(task.sizes.num_users, bool)
        judged[users[::stride]] = True
        return cls(*merged(task.train[judged[task.train.users]], task.valid[inverse % stride == 0]))

    def measured(self, model: Model) -> Model:
        """The same model with its `validation_rmse`."""
        errors = model.predict_rows(self.log, self.rows) - self.log.values[self.rows]
        return replace(model, validation_rmse=float(np.sqrt(np.mean(errors**2))))


def merged(known: Interactions, asked: Interactions) -> tuple[Interactions, NDArray[np.int64]]:
    """Both as one log, sorted by user and time, and which of its rows (int64) are the asked ones.

    Of equal or unknown times the known come first; otherwise the order of each stays.
    """
    fields = ("users", "items", "values", "times")
    parts: list[NDArray[Any]] = [np.concatenate([getattr(known, f), getattr(asked, f)]) for f in fields]
    order = np.lexsort((parts[3], parts[0]))  # stable; NaN counts as the latest time
    return Interactions(*(part[order] for part in parts)), np.flatnonzero(order >= len(known))
