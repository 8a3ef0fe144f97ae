"""The state of a training on disk: one file a model, written atomically, read only by the very same fit."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from recsim_envs.errors import LogError
from recsim_envs.files import atomic_file
from recsim_envs.worlds.models.base import Task, UserModel
from recsim_envs.worlds.models.learner import Learner
from recsim_envs.worlds.storage import array_digest, content_hash

_FORMAT: Final = 2  # raise it where the same options come to train otherwise
_GAIN: Final = 5e-4  # of the error: less in `patience` epochs together is not worth them
_SECONDS: Final = 60.0  # between writes within an epoch
_LEARNER, _MOMENT, _BEST = "learner/", "adam/", "best/"


@dataclass
class Standing:
    """Where a training is: the best model, epochs done, batches done of the next, and epochs that were worth little.

    since: epochs since the validation error was last so much better than `mark` that training is worth going on with.
    """

    best: UserModel
    mark: float
    epoch: int = 0
    step: int = 0
    since: int = 0

    def end_epoch(self, found: UserModel) -> None:
        """Count an epoch that ended in `found`."""
        self.epoch, self.step, self.since = self.epoch + 1, 0, self.since + 1
        if found.validation_rmse < self.best.validation_rmse:
            self.best = replace(found, epochs=self.epoch)
        if self.best.validation_rmse < self.mark * (1 - _GAIN):
            self.mark, self.since = self.best.validation_rmse, 0


class Checkpoint:
    """`FOLDER/NAME.safetensors`: tensors of learner, Adam and best model, with counts and digest in its header."""

    def __init__(self, path: Path | None, digest: str, learner: Learner, optimiser: torch.optim.Optimizer) -> None:
        self._path, self._digest, self._learner, self._optimiser = path, digest, learner, optimiser
        self._written = time.monotonic()

    @classmethod
    def of(cls, task: Task, learner: Learner, optimiser: torch.optim.Optimizer) -> Checkpoint:
        """That of a task; one without a folder neither reads nor writes."""
        if task.checkpoint is None:
            return cls(None, "", learner, optimiser)
        return cls(task.checkpoint / f"{task.name}.safetensors", _digest(task), learner, optimiser)

    def due(self) -> bool:
        """Whether the last write is a minute ago."""
        return self._path is not None and time.monotonic() - self._written > _SECONDS

    def save(self, now: Standing) -> None:
        """Write the state. Raises `LogError` where the folder cannot be written."""
        if self._path is None:
            return
        best = {"epochs": now.best.epochs, "validation_rmse": now.best.validation_rmse}
        counts = {"mark": now.mark, "epoch": now.epoch, "step": now.step, "since": now.since}
        header = {"digest": self._digest, "standing": counts, "best": best}
        try:
            with atomic_file(self._path) as scratch:
                save_file(self._tensors(now.best), scratch, {"training": json.dumps(header)})
        except (OSError, SafetensorError) as error:
            raise LogError(f"cannot write {self._path} ({error}); choose another folder for checkpoints") from error
        self._written = time.monotonic()

    def _tensors(self, best: UserModel) -> dict[str, torch.Tensor]:
        found = {_LEARNER + name: value for name, value in self._learner.state_dict().items()}
        for number, moments in self._optimiser.state_dict()["state"].items():
            found |= {f"{_MOMENT}{number}/{name}": value for name, value in moments.items()}
        return found | {_BEST + name: torch.from_numpy(value) for name, value in best.arrays.items()}

    def restored(self) -> Standing | None:
        """Where the same fit stood when it was interrupted; None if it never was, or the file is of another fit."""
        if self._path is None or not self._path.is_file():
            return None
        try:
            with safe_open(self._path, "pt") as file:
                header = json.loads((file.metadata() or {}).get("training", "{}"))
                if header.get("digest") != self._digest:
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError, ValueError):
            return None  # damaged, though not by us: the fit starts anew and replaces it
        self._load(tensors)
        arrays = {n.removeprefix(_BEST): v.numpy().copy() for n, v in tensors.items() if n.startswith(_BEST)}
        best = replace(
            self._learner.export(), arrays=arrays, **{k: v for k, v in header["best"].items() if k != "arrays"}
        )
        return Standing(best, **header["standing"])

    def _load(self, tensors: dict[str, torch.Tensor]) -> None:
        own = {n.removeprefix(_LEARNER): v for n, v in tensors.items() if n.startswith(_LEARNER)}
        self._learner.load_state_dict(own)
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith(_MOMENT):
                _, number, key = name.split("/")
                moments.setdefault(int(number), {})[key] = value
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": moments, "param_groups": groups})


def _digest(task: Task) -> str:
    rows = [array_digest(np.asarray(v)) for part in (task.train, task.valid) for v in vars(part).values()]
    sizes = [array_digest(v) if isinstance(v, np.ndarray) else v for v in vars(task.sizes).values()]
    return content_hash(_FORMAT, torch.__version__, task.name, task.seed, asdict(task.how), rows, sizes)
