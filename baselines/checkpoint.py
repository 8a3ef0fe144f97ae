"""A training's state in one safetensors file, replaced as a whole: tensors, facts, and what it is the state of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors

from baselines.files import check_identity, read_bytes
from recsim_envs.errors import AgentError
from recsim_envs.files import write_file

Tensors = dict[str, torch.Tensor]


def write_state(path: Path, tensors: Tensors, facts: Mapping[str, Any]) -> None:
    """Write tensors, and facts as JSON, of which "identity" says what decides the training's result."""
    ready = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}  # some are shared
    write_file(path, save_tensors(ready, {"facts": json.dumps(facts)}))


def read_state(path: Path, identity: Mapping[str, Any]) -> tuple[Tensors, dict[str, Any]] | None:
    """What `write_state` wrote, None if there is no such file.

    Raises `AgentError` if it is damaged, and naming the first difference if it is of a training of another identity.
    """
    if not path.exists():
        return None
    read_bytes(path)  # names a file that cannot be read
    try:
        with safe_open(str(path), "pt") as file:
            facts = json.loads(file.metadata()["facts"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
            known = dict(facts["identity"])
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise AgentError(f"{path} is damaged ({error}); delete the folder to start anew") from error
    check_identity(path, known, identity)
    return tensors, facts


def flatten(prefix: str, value: Any, tensors: Tensors) -> Any:
    """A state dict as JSON in which tensors are replaced by their names; the tensors are put into `tensors`."""
    if isinstance(value, torch.Tensor):
        tensors[prefix] = value
        return {"tensor": prefix}
    if isinstance(value, Mapping):
        return {"items": [[key, flatten(f"{prefix}/{key}", item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {"list": [flatten(f"{prefix}/{n}", item, tensors) for n, item in enumerate(value)]}
    return {"value": value}


def unflatten(tree: Any, tensors: Tensors) -> Any:
    """The state dict that `flatten` made a tree of."""
    if "tensor" in tree:
        return tensors[tree["tensor"]]
    if "items" in tree:
        return {key: unflatten(item, tensors) for key, item in tree["items"]}
    return [unflatten(item, tensors) for item in tree["list"]] if "list" in tree else tree["value"]
