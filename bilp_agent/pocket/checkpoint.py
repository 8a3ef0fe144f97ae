"""Checkpoints of a training: the model in a folder as any other's, and beside it what the training goes on from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bilp_agent.pocket.data import Encoded
from recsim_envs.errors import AgentError
from recsim_envs.worlds.storage import atomic_folder

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

CHECKPOINT: Final = "checkpoint"
MODEL: Final = "model"


@dataclass(frozen=True, eq=False)
class Kept:
    """What a checkpoint holds. record: `schedule`, `round` and `history`; moments: the optimizer's, by parameter."""

    record: Mapping[str, Any]
    model: LlamaForCausalLM
    tokenizer: PreTrainedTokenizerFast
    moments: Mapping[int, Mapping[str, torch.Tensor]]
    pool: list[Encoded]


def write_model(folder: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    """A folder that transformers, and so every agent, can load."""
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def write_checkpoint(
    folder: Path,
    record: Mapping[str, Any],
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    optimizer: torch.optim.Optimizer,
    pool: Sequence[Encoded],
) -> None:
    """Replace the checkpoint in `folder` as a whole."""
    from safetensors.numpy import save_file as save_arrays
    from safetensors.torch import save_file as save_tensors

    with atomic_folder(folder / CHECKPOINT) as scratch:
        write_model(scratch / MODEL, model, tokenizer)
        moments = optimizer.state_dict()["state"]
        tensors = {f"{n}.{key}": value for n, kept in moments.items() for key, value in kept.items()}
        save_tensors(tensors, str(scratch / "optimizer.safetensors"))
        save_arrays(_packed(pool), str(scratch / "pool.safetensors"))
        (scratch / "state.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")


def has_checkpoint(folder: Path) -> bool:
    """Whether there is a checkpoint in `folder`; one that was out of the way when a training was killed is put back."""
    kept = folder / CHECKPOINT
    aside = next(folder.glob(f".{CHECKPOINT}-old-*/world"), None)  # of `atomic_folder`, between its two renamings
    if aside is not None and not kept.exists():
        aside.replace(kept)
    return kept.is_dir()


def read_checkpoint(folder: Path, schedule: Mapping[str, Any], device: str) -> Kept:
    """The checkpoint in `folder`. Raises `AgentError` for one of another schedule, and for a damaged one by file."""
    from safetensors.numpy import load_file as load_arrays
    from safetensors.torch import load_file as load_tensors

    kept = folder / CHECKPOINT
    with _reading(kept / "state.json") as file:
        record = json.loads(file.read_text("utf-8"))
        of, _, _ = record["schedule"], record["round"], record["history"]
        differs = [key for key in {**schedule, **of} if of.get(key) != schedule.get(key)]
    if differs:
        raise AgentError(
            f"{kept} is of another schedule, or of code that teaches otherwise ({', '.join(differs)} differ); go on "
            "with what began it, or give another --out"
        )
    with _reading(kept / MODEL) as file:
        model, tokenizer = _read_model(file)
    with _reading(kept / "optimizer.safetensors") as file:
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in load_tensors(str(file), device=device).items():
            place, _, key = name.partition(".")
            moments.setdefault(int(place), {})[key] = tensor
    with _reading(kept / "pool.safetensors") as file:
        pool = _unpacked(load_arrays(str(file)))
    return Kept(record, model.to(device), tokenizer, moments, pool)  # type: ignore[arg-type]


@contextmanager
def _reading(file: Path) -> Iterator[Path]:
    """What goes wrong in the block is told with the file's name and what to do."""
    from safetensors import SafetensorError

    try:
        yield file
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        told = str(error).strip().split("\n", 1)[0][:200]
        raise AgentError(
            f"{file}: cannot be read ({type(error).__name__}: {told}); put back a whole copy of {file.parent}, or "
            "delete it to begin anew"
        ) from error


def _read_model(folder: Path) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    for name in ("config.json", "model.safetensors", "tokenizer.json"):  # else transformers asks the hub, or invents it
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{name} is missing")
    model, told = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    if absent := sorted(told["missing_keys"]):  # they would be drawn at random
        raise ValueError(f"weights are missing: {', '.join(absent[:3])}")
    return model, AutoTokenizer.from_pretrained(folder)


def _packed(pool: Sequence[Encoded]) -> dict[str, Any]:
    return {
        "ids": np.concatenate([row.ids for row in pool]),
        "lengths": np.array([len(row.ids) for row in pool], np.int64),
        "starts": np.array([row.start for row in pool], np.int64),
    }


def _unpacked(packed: Mapping[str, Any]) -> list[Encoded]:
    ids = np.split(packed["ids"], np.cumsum(packed["lengths"])[:-1])
    return [Encoded(row, int(start)) for row, start in zip(ids, packed["starts"], strict=True)]
