"""The training loop: Adam on one loss, with checkpoints that resume to the same bits and a stop at what is no number.

Every draw of an update comes from torch's generator, which is seeded anew for each update from the training seed and
the update's number. So nothing has to be kept of it, and a run that was killed goes on as if it had not been.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import nn

from baselines.files import write_atomic
from recsim_envs import rng
from recsim_envs.errors import AgentError

_EVERY: Final = 500  # updates between checkpoints
_TOLD: Final = 50  # updates between points of the event files
_POINTS: Final = 20  # of the curve that is kept
_LONGEST: Final = 10.0  # norm of a gradient
_MODULE, _ADAM = "module/", "adam/"


@dataclass(frozen=True)
class Course:
    """How something is fitted.

    name: of its files in `folder`, which keeps the checkpoint and the event files (None: nothing is kept). updates,
    rate: of Adam. seed: of all draws. identity: what else decides the result; a checkpoint of another one is refused.
    """

    name: str
    updates: int
    rate: float
    seed: int
    folder: Path | None
    identity: Mapping[str, Any]

    def digest(self) -> str:
        """A hash of everything that decides the result."""
        known = [self.name, self.updates, self.rate, self.seed, dict(self.identity), torch.__version__]
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def fit(
    module: nn.Module,
    loss: Callable[[int], torch.Tensor],
    course: Course,
    after: Callable[[], None] = lambda: None,
) -> list[dict[str, float]]:
    """Train what of `module` wants gradients; the mean loss over up to 20 equal stretches of updates.

    `loss(update)` gives the loss of one update, a scalar; `after` runs after each update. `module` must hold all that
    changes in training. Raises `AgentError` where the loss or its gradient is no finite number, with the update's
    number, and for a checkpoint of something else.
    """
    learned = [p for p in module.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(learned, lr=course.rate, fused=True)
    checkpoint = _Checkpoint(course, module, optimiser)
    done, curve = checkpoint.restored()
    with _events(course, done) as tell:
        for update in range(done, course.updates):
            torch.manual_seed(rng.derive_seed("update", course.name, course.seed, update) % 2**63)
            value = loss(update)
            optimiser.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            norm = torch.nn.utils.clip_grad_norm_(learned, _LONGEST)
            number = float(value.detach())
            if not (torch.isfinite(norm) and torch.isfinite(value)):
                raise AgentError(checkpoint.stopped(update, number))
            optimiser.step()
            after()
            curve[update * _POINTS // course.updates].append(number)
            if (update + 1) % _TOLD == 0:
                tell("loss", number, update + 1)
            if (update + 1) % _EVERY == 0 or update + 1 == course.updates:
                checkpoint.save(update + 1, curve)
    return _means(curve)


def _means(curve: list[list[float]]) -> list[dict[str, float]]:
    points, update = [], 0
    for losses in filter(None, curve):
        update += len(losses)
        points.append({"update": update, "loss": sum(losses) / len(losses)})
    return points


@contextmanager
def _events(course: Course, done: int) -> Iterator[Callable[[str, float, int], None]]:
    """Writes scalars to TensorBoard's event files in the course's folder; those of updates to be redone are dropped."""
    if course.folder is None:
        yield lambda name, value, update: None
        return
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(course.folder / "tensorboard" / course.name), purge_step=done + 1)  # type: ignore[no-untyped-call]
    try:
        yield lambda name, value, update: writer.add_scalar(f"{course.name}/{name}", value, update)  # type: ignore[no-untyped-call]
    finally:
        writer.close()  # type: ignore[no-untyped-call]


class _Checkpoint:
    """`FOLDER/NAME.safetensors`: module, Adam's moments, the number of updates done and the losses so far."""

    def __init__(self, course: Course, module: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        self._path = None if course.folder is None else course.folder / f"{course.name}.safetensors"
        self._digest, self._module, self._optimiser = course.digest(), module, optimiser
        self._last = 0

    def save(self, done: int, curve: list[list[float]]) -> None:
        self._last = done
        if self._path is None:
            return
        tensors = {_MODULE + name: value.contiguous().clone() for name, value in self._module.state_dict().items()}
        for number, moments in self._optimiser.state_dict()["state"].items():
            tensors |= {f"{_ADAM}{number}/{name}": value.contiguous().clone() for name, value in moments.items()}
        header = {"digest": self._digest, "done": done, "curve": curve}
        write_atomic(self._path, save_tensors(tensors, {"training": json.dumps(header)}))

    def restored(self) -> tuple[int, list[list[float]]]:
        """Updates done and losses of the very same training; 0 and none if there is no checkpoint."""
        if self._path is None or not self._path.is_file():
            return 0, [[] for _ in range(_POINTS)]
        try:
            with safe_open(self._path, "pt") as file:
                header = json.loads((file.metadata() or {})["training"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            digest, done, curve = header["digest"], int(header["done"]), header["curve"]
        except (OSError, SafetensorError, ValueError, LookupError, TypeError) as error:
            raise AgentError(f"checkpoint {self._path} is damaged ({error}); remove it to train anew") from error
        if digest != self._digest:
            raise AgentError(
                f"checkpoint {self._path} is of another agent, task, log, seed or version; choose another folder, or "
                "remove it to train anew"
            )
        self._load(tensors)
        self._last = done
        return done, curve

    def _load(self, tensors: dict[str, torch.Tensor]) -> None:
        self._module.load_state_dict({n.removeprefix(_MODULE): v for n, v in tensors.items() if n.startswith(_MODULE)})
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith(_ADAM):
                _, number, key = name.split("/")
                moments.setdefault(int(number), {})[key] = value
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": moments, "param_groups": groups})

    def stopped(self, update: int, loss: float) -> str:
        """What to say where training cannot go on."""
        kept = (
            f"the checkpoint after update {self._last} is in {self._path}"
            if self._path is not None and self._last
            else "no checkpoint was kept"
        )
        return f"the loss is {loss} in update {update + 1}, or its gradient is no number; {kept}; lower learning_rate"
