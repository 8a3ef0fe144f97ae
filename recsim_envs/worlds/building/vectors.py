"""Where items lie: vectors of length 1 whose distances say how different two items feel, 0 alike to 2 opposite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsim_envs.errors import LogError
from recsim_envs.rng import WORLD, bits_array, derive_seed
from recsim_envs.text.encoder import Encoder, HashingEncoder, trigrams
from recsim_envs.worlds.building.prepare import category_arrays
from recsim_envs.worlds.logs.log import NO_CATEGORY

if TYPE_CHECKING:
    from recsim_envs.worlds.models import UserModel

Floats = NDArray[np.float32]
DIM: Final = 64
_SIGN: Final = WORLD + 72
_CHUNK: Final = 100_000


def item_vectors(
    kind: str, model: UserModel, items: pl.DataFrame, encoder: Encoder | None = None
) -> tuple[str, Floats]:
    """What the vectors were made from, and float32 (items, d) of length 1.

    "model": what the user model learned; "categories": items of the same categories are in one place; "text": titles
    and texts, by `encoder` (default: hashed trigrams, no download). "auto": the model's where it has any, else
    categories, else text. Raises `LogError` where the log has no categories to go by.
    """
    kind = settled(kind, model.name, items)
    if kind == "model":
        return kind, unit(model.item_vectors())
    if kind == "text":
        return kind, unit(_of_text(items, encoder or HashingEncoder(features=trigrams)))
    return kind, unit(_of_categories(items))


def settled(kind: str, model: str, items: pl.DataFrame) -> str:
    """What "auto" stands for with this user model and these items; other kinds as they are. Errors: `item_vectors`."""
    named = any(names != [NO_CATEGORY] for names in items["categories"].head(_CHUNK).to_list())
    if kind == "auto":
        kind = "model" if model != "biases" else "categories" if named else "text"
    if kind == "categories" and not named:
        raise LogError(
            "no item has a category, so categories cannot tell what is alike; use vectors_from model or text"
        )
    return kind


def unit(vectors: Floats) -> Floats:
    """Each row scaled to length 1, so that distances do not shrink for items of few ratings."""
    lengths = np.sqrt((vectors.astype(np.float64) ** 2).sum(1, keepdims=True))
    scaled: Floats = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return scaled


def _of_categories(items: pl.DataFrame) -> Floats:
    """One axis a category; above 64 categories random signs on 64 axes, which keeps distances to within a few percent.

    Johnson and Lindenstrauss, "Extensions of Lipschitz mappings", 1984; signs: Achlioptas, PODS 2001.
    """
    names, indptr, ids = category_arrays(items)
    axes = np.eye(len(names), dtype=np.float32)
    if len(names) > DIM:
        words = bits_array(derive_seed("category axes"), 0, _SIGN, np.arange(len(names) * DIM))
        axes = np.where(words.reshape(-1, DIM) >> np.uint64(63), 1.0, -1.0).astype(np.float32)
    return np.add.reduceat(axes[ids], indptr[:-1], axis=0)


def _of_text(items: pl.DataFrame, encoder: Encoder) -> Floats:
    words = items.select(pl.concat_str("title", "text", separator=" ", ignore_nulls=True))["title"]
    parts = [words.slice(first, _CHUNK).to_list() for first in range(0, len(words), _CHUNK)]
    return np.concatenate([encoder.encode(part) for part in parts])
