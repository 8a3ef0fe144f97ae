"""What agents share whose knowledge is the weights of a torch network: building, filling, saving and loading it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from baselines.files import read_bytes, read_json
from recsim_envs.errors import AgentError
from recsim_envs.files import write_file, write_json
from recsim_envs.spec import Agent, TaskSpec

Net = TypeVar("Net", bound=nn.Module)


class NetworkAgent(Agent):
    """Base of them. Files: `policy.safetensors` with the weights, `agent.json` with how they were learned."""

    trains = True
    _weights: dict[str, torch.Tensor] | None = None
    _facts: Mapping[str, Any] = MappingProxyType({})

    def check(self, task: TaskSpec) -> None:
        """Raise `AgentError` for a task that the agent cannot play."""

    def _learned(self, network: nn.Module, facts: Mapping[str, Any]) -> None:
        """Keep what a network has learned. `facts`: "trained_on", the environment, and what else there is to tell."""
        self._weights = {name: tensor.cpu().contiguous().clone() for name, tensor in network.state_dict().items()}
        self._facts = dict(facts)

    def _filled(self, task: TaskSpec, build: Callable[[TaskSpec], Net]) -> Net:
        """The network of a task around the learned weights, in float64 on the CPU.

        The order in which a matrix product is summed depends on the batch size. In float64 that moves a score by
        about 1e-16, far less than two items' scores differ by, so that the choice does not depend on it. Raises
        `AgentError` where nothing is learned yet, or it is of another task or other parameters.
        """
        if self._weights is None:
            raise AgentError(f"{type(self).__name__} has learned nothing yet; train it or load what was learned")
        self.check(task)
        with own_torch():
            network = build(task)
        try:
            network.load_state_dict(self._weights)
        except RuntimeError as error:
            raise AgentError(
                f"the learned weights (trained on {self._facts.get('trained_on')}) do not fit {task.env_id} and these "
                f"parameters: {str(error).splitlines()[1].strip()}; train again"
            ) from error
        return network.double().eval()

    def describe(self) -> Mapping[str, Any]:
        """What was learned from, and how."""
        return dict(self._facts)

    def save(self, path: Path) -> None:
        """Write `policy.safetensors` and `agent.json`."""
        if self._weights is None:
            raise AgentError(f"{type(self).__name__} has learned nothing yet; there is nothing to save")
        write_file(path / "policy.safetensors", save_tensors(self._weights))
        write_json(path / "agent.json", self._facts)

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
        self._facts = read_json(path / "agent.json", "trained_on")
        data = read_bytes(path / "policy.safetensors")
        try:
            self._weights = load_tensors(data)
        except Exception as error:  # safetensors has its own error type, and json's and struct's come through
            raise AgentError(f"{path / 'policy.safetensors'} is damaged ({error}); train the agent again") from error


@contextmanager
def own_torch() -> Iterator[None]:
    """One torch thread, for the same sums on any machine, and SB3's global seeding undone afterwards."""
    threads, python, legacy = torch.get_num_threads(), random.getstate(), np.random.get_state()  # noqa: NPY002
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(threads)
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002


def check_device(device: str) -> None:
    """Raise `AgentError` unless torch can compute on `device`: "cpu", "cuda", "cuda:1", "mps"."""
    try:
        torch.zeros(1, device=device).sum().item()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise AgentError(
            f"there is no device {device!r} here ({reason}); use 'cpu', or a torch built for it"
        ) from error
