"""What is public about the items of a catalogue, as vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsim_envs.spec import Catalogue


def category_shares(catalogue: Catalogue) -> NDArray[np.float64]:
    """How an item spreads evenly over its categories, p(g|i): float64 (n_items, n_categories), rows of sum 1."""
    member = catalogue.category_matrix().astype(np.float64)
    shares: NDArray[np.float64] = member / member.sum(axis=1, keepdims=True)
    return shares


def item_features(catalogue: Catalogue, dim: int) -> NDArray[np.float32]:
    """What is public about the items in `dim` columns, float32 (n_items, dim): the start of their embeddings.

    Standardised mean reward, standardised log popularity, and a fixed random projection of the categories
    (Johnson and Lindenstrauss: items with the same categories start out alike).
    """
    categories = catalogue.category_matrix()
    categories /= np.sqrt(categories.sum(axis=1, keepdims=True))
    directions = np.random.default_rng(0).standard_normal((categories.shape[1], dim - 2)).astype(np.float32)
    numbers = np.stack([catalogue.mean_reward.astype(np.float64), np.log1p(catalogue.popularity)], axis=1)
    numbers = (numbers - numbers.mean(axis=0)) / np.maximum(numbers.std(axis=0), 1e-9)
    return np.concatenate([numbers, categories @ directions / np.sqrt(dim - 2)], axis=1).astype(np.float32)
