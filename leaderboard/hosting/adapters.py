"""Policies that were trained elsewhere and saved by Stable-Baselines3 or torch, as agents: one line, no code.

    longrec submit leaderboard.hosting.adapters:SB3Policy -p path=ppo.zip -p algorithm=stable_baselines3:PPO

Subclass one to give your agent a name of its own. torch and Stable-Baselines3 are imported when they are needed.
"""

from __future__ import annotations

import importlib
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from leaderboard.files import file_sha256
from recsim_envs.errors import AgentError
from recsim_envs.spec import Agent, Batch, Sessions, TaskSpec

if TYPE_CHECKING:
    import torch


_ACTIVATION: Final = re.compile(r"<class 'torch\.nn\.modules\.activation\.([A-Za-z0-9]+)'>")


class _Saved(Agent):
    """Base of both: shows the item of the highest score that may be shown."""

    def __init__(self, path: str) -> None:
        self.path = path
        if not Path(path).is_file():
            raise AgentError(f"{path or 'path'} is no file; give the saved policy as -p path=FILE")

    def scores(self, observations: Batch) -> torch.Tensor:
        """Scores of all items, (b, n)."""
        raise NotImplementedError

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """The allowed item of the highest score, int64 (b,)."""
        import torch

        with torch.no_grad():
            scores = self.scores(observations).float().cpu().numpy()
        if "action_mask" in infos:
            scores = np.where(infos["action_mask"] != 0, scores, -np.inf)
        return scores.argmax(axis=1)

    def describe(self) -> Mapping[str, Any]:
        """The hash of what was loaded."""
        return {"loaded": {"file": Path(self.path).name, "sha256": file_sha256(Path(self.path))}}


class SB3Policy(_Saved):
    """A policy in a file of Stable-Baselines3's `model.save`, trained on the observations of the environment itself.

    path: the zip file. algorithm: module:Class of what trained it. policy: its name among that algorithm's policies.

    The zip file holds pickles, which could run anything. None is read: the weights come from `policy.pth` as plain
    tensors, and `policy_kwargs` from the JSON beside them, where classes stand by name. Activations are found by theirs
    in torch, and optimizers are not needed; a policy with other classes in `policy_kwargs` cannot be loaded. Nor is
    `VecNormalize`, which is saved elsewhere.
    """

    def __init__(
        self, *, path: str = "", algorithm: str = "stable_baselines3:PPO", policy: str = "MultiInputPolicy"
    ) -> None:
        super().__init__(path)
        self.algorithm, self.policy = algorithm, policy

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Build the policy for the task's spaces and fill it. Raises `AgentError` where it does not fit them."""
        _require_one_item(task)
        weights, arguments = _read_zip(Path(self.path))
        built = _named(self.algorithm).policy_aliases[self.policy](
            task.observation_space, task.action_space, lambda _: 0.0, **arguments
        )
        self._policy = _filled(built, weights, self.path)

    def scores(self, observations: Batch) -> torch.Tensor:
        """Q-values, or the logits of the policy's distribution."""
        states, _ = self._policy.obs_to_tensor(dict(observations))
        if hasattr(self._policy, "q_net"):
            return self._policy.q_net(states)
        return self._policy.get_distribution(states).distribution.logits


class TorchPolicy(_Saved):
    """A torch module that maps a dict of observations, tensors (b, ...), to scores of all items, (b, n).

    path: weights, as safetensors or as a state dict, for the class `module` (module:Class, built without arguments);
    or, with no `module`, a TorchScript file, which is a program and is run. A state dict is read as plain tensors.
    """

    def __init__(self, *, path: str = "", module: str = "") -> None:
        super().__init__(path)
        self.module = module

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Load the module. Raises `AgentError` where the weights do not fit."""
        import torch

        _require_one_item(task)
        if not self.module:
            script: Any = torch.jit  # untyped
            self._net = script.load(self.path, map_location="cpu").eval()
            return
        if self.path.endswith(".safetensors"):
            from safetensors.torch import load_file

            weights = load_file(self.path)
        else:
            weights = torch.load(self.path, map_location="cpu", weights_only=True)
        self._net = _filled(_named(self.module)(), weights, self.path)

    def scores(self, observations: Batch) -> torch.Tensor:
        """What the module says."""
        import torch

        return self._net({key: torch.as_tensor(value) for key, value in observations.items()})


def _require_one_item(task: TaskSpec) -> None:
    if task.slate_size is not None:
        raise AgentError(f"{task.env_id} shows slates; adapters play environments that show one item a step")


def _named(name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise AgentError(f"{name!r} cannot be imported ({error}); write module:Class") from error


def _read_zip(path: Path) -> tuple[Any, dict[str, Any]]:
    """Weights and the policy's arguments. Raises `AgentError` for another file, or arguments that are pickled."""
    import torch

    try:
        with zipfile.ZipFile(path) as archive:
            told = json.loads(archive.read("data")).get("policy_kwargs", {})
            with archive.open("policy.pth") as file:
                weights = torch.load(file, map_location="cpu", weights_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise AgentError(f"{path} was not saved by Stable-Baselines3: {error}") from error
    return weights, {name: _argument(name, value, told, path) for name, value in told.items() if _builds(name)}


def _builds(name: str) -> bool:
    """Whether an argument has a say in what is built: not one that trains, nor what Stable-Baselines3 pickled."""
    return not name.startswith((":", "optimizer_"))


def _argument(name: str, value: Any, told: Mapping[str, Any], path: Path) -> Any:
    """An argument of the policy. Beside a pickle, whatever is no JSON stands as its text: torch's activations are known
    by it, and for anything else `AgentError` is raised.
    """
    import torch

    if ":serialized:" not in told or not isinstance(value, str):
        return value
    known = _ACTIVATION.fullmatch(value)
    if known is None or not hasattr(torch.nn, known[1]):
        raise AgentError(
            f"{path}: {name} of policy_kwargs is {value[:100]}, which is pickled and not read; write an agent for it"
        )
    return getattr(torch.nn, known[1])


def _filled(module: Any, weights: Any, path: str) -> Any:
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise AgentError(f"{path} does not fit the policy on this environment: {str(error)[:500]}") from error
    return module.eval()
