"""Where items lie: vectors of length 1 from the model, categories or text."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from recsim_envs.errors import LogError
from recsim_envs.worlds.building.vectors import DIM, item_vectors
from tests.recsim_envs.worlds.building.logs import shelf


class Model:
    """A user model as far as vectors go."""

    def __init__(self, name="mf"):
        self.name = name

    def item_vectors(self):
        return np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)


def distances(vectors):
    return np.linalg.norm(vectors[:, None].astype(float) - vectors[None], axis=2)


def test_vectors_of_the_model_are_scaled_to_one():
    kind, found = item_vectors("auto", Model(), shelf(9))
    assert kind == "model"
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    raw = Model().item_vectors()
    np.testing.assert_allclose(found[0] * np.linalg.norm(raw[0]), raw[0], rtol=1e-5)


def test_items_of_the_same_categories_are_in_one_place():
    kind, found = item_vectors("auto", Model("biases"), shelf(9))
    assert kind == "categories"
    d = distances(found)
    assert d[0, 2] == 0
    assert d[0, 1] == pytest.approx(1)  # "all" is shared, "even" and "odd" are not


def test_many_categories_keep_their_distances_on_few_axes():
    items, count = shelf(300), 2000
    g = np.random.default_rng(0)
    lists = [[f"c{c}" for c in g.choice(count, 12, replace=False)] for _ in range(299)]
    items = items.with_columns(pl.Series("categories", [*lists, lists[0]]))
    found = item_vectors("categories", Model(), items)[1]
    assert found.shape == (300, DIM)
    d = distances(found)
    assert d[0, 299] == 0
    others = d[np.triu_indices(299, 1)]
    assert others.mean() == pytest.approx(np.sqrt(2), abs=0.1)
    assert others.min() > 0.5


def test_text_tells_alike_titles_and_takes_any_encoder():
    items = shelf(3).with_columns(pl.Series("title", ["Star Wars", "Star Wars II", "Bambi"]))
    kind, found = item_vectors("text", Model(), items)
    assert kind == "text"
    d = distances(found)
    assert d[0, 1] < d[0, 2]

    class Lengths:
        name, dim = "lengths", 2

        def encode(self, texts):
            return np.array([[len(t), 1] for t in texts], np.float32)

    own = item_vectors("text", Model(), items.with_columns(text=pl.lit("x")), Lengths())[1]
    np.testing.assert_allclose(own[0], np.array([11, 1]) / np.hypot(11, 1), rtol=1e-6)


def test_without_categories_text_is_left_and_asking_for_them_is_an_error():
    items = shelf(9).with_columns(categories=pl.lit(["(none)"], pl.List(pl.String)))
    assert item_vectors("auto", Model("biases"), items)[0] == "text"
    with pytest.raises(LogError, match="no item has a category"):
        item_vectors("categories", Model(), items)
