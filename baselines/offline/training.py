"""The training loop: Adam on one loss, with checkpoints that resume to the same bits and a stop at what is no number.

Every draw of an update comes from torch's generator, which is seeded anew for each update from the training seed and
the update's number. So nothing has to be kept of it, and a run that was killed goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from baselines.checkpoint import Tensors, flatten, read_state, unflatten, write_state
from recsim_envs import rng
from recsim_envs.errors import AgentError

_EVERY: Final = 500  # updates between checkpoints
_TICK: Final = 10  # updates between two words on progress
_TOLD: Final = 50  # updates between points of the event files
_POINTS: Final = 20  # of the curve that is kept
_LONGEST: Final = 10.0  # norm of a gradient


@dataclass(frozen=True)
class Course:
    """How something is fitted.

    name: of its files in `folder`, which keeps the checkpoint and the event files (None: nothing is kept). updates,
    rate: of Adam. seed: of all draws. identity: what else decides the result; a checkpoint of another one is refused.
    progress: is told now and then how many updates are done.
    """

    name: str
    updates: int
    rate: float
    seed: int
    folder: Path | None
    identity: Mapping[str, Any]
    progress: Callable[[int], None] = lambda done: None

    def decides(self) -> dict[str, Any]:
        """Everything that decides the result."""
        told = {"part": self.name, "updates": self.updates, "learning_rate": self.rate, "seed": self.seed}
        return {**self.identity, **told, "versions": [version("torch"), version("longrec")]}


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
            if (update + 1) % _TICK == 0 or update + 1 == course.updates:
                course.progress(update + 1)
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
        self._identity, self._last = course.decides(), 0
        self._parts: dict[str, nn.Module | torch.optim.Optimizer] = {"module": module, "adam": optimiser}

    def save(self, done: int, curve: list[list[float]]) -> None:
        self._last = done
        if self._path is None:
            return
        tensors: Tensors = {}
        trees = {name: flatten(name, part.state_dict(), tensors) for name, part in self._parts.items()}
        write_state(self._path, tensors, {"identity": self._identity, "trees": trees, "done": done, "curve": curve})

    def restored(self) -> tuple[int, list[list[float]]]:
        """Updates done and losses of the very same training; 0 and none if there is no checkpoint."""
        found = None if self._path is None else read_state(self._path, self._identity)
        if found is None:
            return 0, [[] for _ in range(_POINTS)]
        tensors, facts = found
        for name, part in self._parts.items():
            part.load_state_dict(unflatten(facts["trees"][name], tensors))
        self._last = int(facts["done"])
        return self._last, facts["curve"]

    def stopped(self, update: int, loss: float) -> str:
        """What to say where training cannot go on."""
        kept = (
            f"the checkpoint after update {self._last} is in {self._path}"
            if self._path is not None and self._last
            else "no checkpoint was kept"
        )
        return f"the loss is {loss} in update {update + 1}, or its gradient is no number; {kept}; lower learning_rate"
