"""Public vectors of items: what `EmbeddingAction` is near to, and `CandidateSet` finds neighbours by."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError
from recsim_envs.spec import Catalogue
from recsim_envs.text.encoder import HashingEncoder, trigrams

TITLE_WEIGHT: Final = 0.5  # of a title beside the item's categories, which say more of what it is
_WIDTH: Final = 256  # columns in which titles are hashed before the decomposition
_GRAIN: Final = 2.0**-20  # entries are rounded to it, so that linear algebra libraries differ but rarely


def item_embeddings(catalogue: Catalogue, kind: str, dim: int) -> NDArray[np.float32]:
    """Vectors of unit length, float32 (n_items, dim), made of categories and titles alone.

    "hashing" adds +1 or -1 at a hashed position for each category and each run of three letters of the title
    (Weinberger et al., "Feature hashing", ICML 2009): the same on every machine. "svd" takes the leading right
    singular vectors of those features, uncentred (latent semantic analysis, Deerwester et al., JASIS 41, 1990).
    An item without any feature gets the zero vector. Anything else in `kind` is a file, see `load_embeddings`.
    """
    if kind == "hashing":
        return _unit(_features(catalogue, dim))
    if kind == "svd":
        return _unit(_leading(_features(catalogue, _WIDTH), dim))
    return load_embeddings(kind, catalogue.num_items)


def load_embeddings(path: str | Path, num_items: int) -> NDArray[np.float32]:
    """One row an item from a `.npy` file of numbers; raises `ConfigurationError` if it is none or does not fit.

    Files that hold pickled objects are refused unread.
    """
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ConfigurationError(
            f"embedding {str(path)!r} is neither 'svd' nor 'hashing' nor a readable .npy file of numbers: {error}"
        ) from error
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu" or found.ndim != 2 or not found.shape[1]:
        raise ConfigurationError(f"{path}: embeddings must be a matrix of numbers in one .npy file")
    if len(found) != num_items:
        raise ConfigurationError(f"{path}: {len(found)} rows for {num_items} items; give one row an item")
    with np.errstate(over="ignore"):
        vectors = found.astype(np.float32)
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise ConfigurationError(f"{path}: row {row} has an entry that is no finite float32")
    return vectors


def _features(catalogue: Catalogue, width: int) -> NDArray[np.float32]:
    """Hashed categories and titles, float32 (n_items, width)."""
    names = HashingEncoder(width, lambda name: [f"category {name}"]).encode(catalogue.category_names)
    categories = _unit(catalogue.category_matrix() @ names)
    titles = HashingEncoder(width, trigrams).encode([catalogue.titles[i] for i in range(catalogue.num_items)])
    return categories + np.float32(TITLE_WEIGHT) * _unit(titles)


def _leading(features: NDArray[np.float32], dim: int) -> NDArray[np.float64]:
    """Features in the basis of their `dim` leading right singular vectors, each with its largest entry positive."""
    if dim > features.shape[1]:
        raise ConfigurationError(f"dim must be at most {features.shape[1]} with embedding 'svd', got {dim}")
    wide = features.astype(np.float64)
    _, vectors = np.linalg.eigh(wide.T @ wide)  # ascending
    basis = vectors[:, ::-1][:, :dim]
    basis = basis * np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(dim)])
    return wide @ basis


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    wide = vectors.astype(np.float64)
    lengths = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    return (np.round(wide / np.maximum(lengths, 1e-12) / _GRAIN) * _GRAIN).astype(np.float32)
