"""What is done beside SB3's training loop: the budget, checkpoints, event files, and a stop where numbers break."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger, configure
from stable_baselines3.common.save_util import recursive_getattr

from baselines.online.checkpoints import Checkpoint, write_checkpoint
from baselines.online.sb3_vec import GymVecEnv
from recsim_envs.errors import AgentError
from recsim_envs.spec import TrainingEnvs

LOG_SECONDS = 2.0
_RECENT = 100


class Watch(BaseCallback):  # type: ignore[misc]
    """Ends training once the budget is spent; keeps checkpoints and event files where the door has a folder.

    Checkpoints are written between rollouts, every `every` seconds and at the end; when does not change any number.
    """

    def __init__(
        self, env: GymVecEnv, envs: TrainingEnvs, identity: Mapping[str, Any], every: float, saved: Checkpoint | None
    ) -> None:
        super().__init__()
        self._env, self._envs, self._identity, self._every, self._saved = env, envs, identity, every, saved
        self._written = self._logged = time.monotonic()

    def _on_training_start(self) -> None:
        if self._saved is not None:
            self._saved.restore_draws(self.model)
        self._written = time.monotonic()

    def _on_step(self) -> bool:
        return not self._envs.spent()

    def _on_rollout_start(self) -> None:
        now = time.monotonic()
        if self._envs.folder is None:
            return
        if now - self._logged >= LOG_SECONDS:
            self._logged = now
            self.log()
        if now - self._written >= self._every:
            self.write()
            self._written = time.monotonic()

    def write(self) -> None:
        """Write a checkpoint now."""
        if self._envs.folder is not None:
            write_checkpoint(self._envs.folder, self.model, self._env, self._envs, self._identity)

    def log(self) -> None:
        """How sessions went of late, beside the losses that SB3 has recorded."""
        record_sessions(self.logger, self._env)
        self.logger.dump(self.model.num_timesteps)


def record_sessions(logger: Logger, env: GymVecEnv) -> None:
    """Mean return and length of the last 100 training sessions, and how many there were."""
    if env.returns:
        logger.record("rollout/return", float(np.mean(env.returns[-_RECENT:])))
        logger.record("rollout/length", float(np.mean(env.lengths[-_RECENT:])))
    logger.record("rollout/sessions", len(env.returns))


def keep_events(model: BaseAlgorithm, envs: TrainingEnvs) -> None:
    """Let SB3 write TensorBoard event files into `tensorboard`, if the door has a folder."""
    if envs.folder is not None:
        model.set_logger(configure(str(envs.folder / "tensorboard"), ["tensorboard"]))


def stop_at_nan(optimizers: Iterable[torch.optim.Optimizer], done: Callable[[], str]) -> None:
    """Raise `AgentError` before an update whose gradients are no finite numbers: weights and checkpoint stay good.

    `done` says how far training is.
    """

    def check(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        sums = [p.grad.sum() for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if sums and not bool(torch.isfinite(torch.stack(sums)).all()):
            raise AgentError(
                f"the loss is no finite number after {done()}; the last checkpoint, if one is kept, is from before; "
                "train with a smaller learning_rate"
            )

    for optimizer in optimizers:
        optimizer.register_step_pre_hook(check)


def optimizers_of(model: BaseAlgorithm) -> list[torch.optim.Optimizer]:
    """Those that an algorithm of SB3 has."""
    found = [recursive_getattr(model, name) for name in model._get_torch_save_params()[0]]
    return [part for part in found if isinstance(part, torch.optim.Optimizer)]
