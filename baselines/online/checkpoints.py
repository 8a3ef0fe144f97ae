"""Checkpoints of training with SB3, from which it goes on to the same bits.

Between two rollouts, everything that decides what comes next is: weights and optimizers, the replay buffer, random
states, a few counters, the memory of recurrent policies, and where the environments stand, which the door knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.save_util import recursive_getattr

from baselines.checkpoint import Tensors, flatten, read_state, unflatten, write_state
from baselines.online.sb3_vec import GymVecEnv
from recsim_envs.spec import TrainingEnvs

FILE = "checkpoint.safetensors"
_COUNTERS = (
    "num_timesteps", "_n_updates", "_n_calls", "_episode_num", "exploration_rate", "_current_progress_remaining"
)  # fmt: skip
_REPLAY = ("actions", "rewards", "dones", "timeouts")


class Checkpoint:
    """A checkpoint that was read: `tensors` by their names and `facts`, of which `mark` is the door's.

    `restore` puts the rest into a fresh algorithm of SB3.
    """

    def __init__(self, tensors: Tensors, facts: dict[str, Any]) -> None:
        self.tensors, self.facts = tensors, facts
        self.mark = int(facts["mark"])

    def restore(self, model: BaseAlgorithm, env: GymVecEnv) -> None:
        """Weights, optimizers, replay buffer, counters and sessions; the random states are for `restore_draws`."""
        model.set_parameters(
            {name: unflatten(tree, self.tensors) for name, tree in self.facts["trees"].items()},
            device=model.device,
        )
        for name, value in self.facts["counters"].items():
            setattr(model, name, value)
        for name in self.facts["variables"]:
            with torch.no_grad():
                recursive_getattr(model, name).copy_(self.tensors[f"variable/{name}"])
        env.take_up({name: self.tensors[name].numpy() for name in env.progress()})
        model._last_episode_starts = self.tensors["episode_starts"].numpy()
        if "memory/0" in self.tensors:
            _fill_memory(model, [self.tensors[f"memory/{n}"] for n in range(4)])
        if "replay/actions" in self.tensors:
            self._refill(model.replay_buffer)

    def _refill(self, buffer: Any) -> None:
        for name, array in _replay_arrays(buffer).items():
            held = self.tensors[f"replay/{name}"].numpy()
            array[: len(held)] = held
        buffer.pos, buffer.full = self.facts["replay"]

    def restore_draws(self, model: BaseAlgorithm) -> None:
        """The random states, once nothing but training draws any more."""
        torch.set_rng_state(self.tensors["torch_rng"])
        draws = self.facts["draws"]
        legacy = draws["numpy"]
        np.random.set_state((legacy[0], np.array(legacy[1], np.uint32), *legacy[2:]))  # noqa: NPY002
        for name, generator in _generators(model).items():
            generator.bit_generator.state = draws[name]


def write_checkpoint(
    folder: Path, model: BaseAlgorithm, env: GymVecEnv, envs: TrainingEnvs, identity: Mapping[str, Any]
) -> None:
    """Write the state between two rollouts."""
    tensors: Tensors = {
        **{name: torch.from_numpy(array) for name, array in env.progress().items()},
        "episode_starts": torch.from_numpy(np.asarray(model._last_episode_starts, np.bool_)),
        "torch_rng": torch.get_rng_state(),
    }
    trees = {name: flatten(name, state, tensors) for name, state in model.get_parameters().items()}
    variables = model._get_torch_save_params()[1]
    tensors |= {f"variable/{name}": recursive_getattr(model, name).detach() for name in variables}
    tensors |= {f"memory/{n}": tensor for n, tensor in enumerate(_memory(model))}
    buffer = getattr(model, "replay_buffer", None)
    if buffer is not None:
        held = buffer.buffer_size if buffer.full else buffer.pos
        tensors |= {f"replay/{k}": torch.from_numpy(v[:held]) for k, v in _replay_arrays(buffer).items()}
    legacy: Any = np.random.get_state()  # noqa: NPY002
    facts = {
        "identity": dict(identity),
        "mark": envs.mark(),
        "trees": trees,
        "variables": variables,
        "counters": {name: getattr(model, name) for name in _COUNTERS if hasattr(model, name)},
        "replay": None if buffer is None else [buffer.pos, buffer.full],
        "draws": {"numpy": [legacy[0], legacy[1].tolist(), *legacy[2:]]}
        | {name: generator.bit_generator.state for name, generator in _generators(model).items()},
    }
    write_state(folder / FILE, tensors, facts)


def read_checkpoint(folder: Path, identity: Mapping[str, Any]) -> Checkpoint | None:
    """The checkpoint in `folder`, None if there is none yet. Raises `AgentError` as `read_state` does."""
    found = read_state(folder / FILE, identity)
    return None if found is None else Checkpoint(*found)


def _generators(model: BaseAlgorithm) -> dict[str, np.random.Generator]:
    """Numpy generators that training draws from, besides numpy's global one."""
    found = {"actions": model.action_space.np_random}
    return found | ({"explorer": model._explorer} if hasattr(model, "_explorer") else {})


def _memory(model: BaseAlgorithm) -> list[torch.Tensor]:
    """States of sb3-contrib's recurrent policies between two rollouts: hidden and cell, of actor and critic."""
    states = getattr(model, "_last_lstm_states", None)
    return [] if states is None else [*states.pi, *states.vf]


def _fill_memory(model: BaseAlgorithm, tensors: list[torch.Tensor]) -> None:
    for place, tensor in zip(_memory(model), tensors, strict=True):
        place.copy_(tensor)


def _replay_arrays(buffer: Any) -> dict[str, Any]:
    """The arrays of a replay buffer of dicts, (buffer_size, num_envs, ...) each."""
    arrays = {name: getattr(buffer, name) for name in _REPLAY}
    for name in ("observations", "next_observations"):
        arrays |= {f"{name}/{key}": array for key, array in getattr(buffer, name).items()}
    return arrays
