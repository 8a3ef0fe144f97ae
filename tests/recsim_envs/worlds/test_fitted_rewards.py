"""What a fitted user model predicts is what users of its world give."""

from __future__ import annotations

import numpy as np
import pytest

from recsim_envs.worlds.logs.log import Interactions
from recsim_envs.worlds.models import MODELS, ModelSizes, Training, fit_model
from recsim_envs.worlds.world import World
from tests.worlds import tiny_factor_world

pytest.importorskip("torch", reason="user models are trained in torch: pip install longrec[data]")

USERS, ITEMS, EACH, TRAINED = 12, 30, 12, 10


def log_of(generator):
    """Twelve ratings a user, one a time."""
    items = np.concatenate([generator.permutation(ITEMS)[:EACH] for _ in range(USERS)])
    values, times = generator.integers(1, 6, USERS * EACH), np.tile(np.arange(EACH), USERS)
    users = np.repeat(np.arange(USERS), EACH)
    return Interactions(users.astype(np.int32), items.astype(np.int32), values.astype(np.float32), times.astype(float))


@pytest.mark.parametrize("name", MODELS)
def test_the_world_computes_what_the_model_predicts(name):
    shell, log = tiny_factor_world(), log_of(np.random.default_rng(0))
    indptr, ids = shell.arrays["category_indptr"], shell.arrays["category_ids"]
    train, rest = log[log.times < TRAINED], log[log.times >= TRAINED]
    how = Training(rank=4, epochs=3, width=8, hidden=(8, 4))
    model = fit_model(name, train, rest, ModelSizes(USERS, ITEMS, indptr, ids, 3), how)

    def world_of(model):
        reward_model, arrays = model.world_arrays()
        facts = {"reward_model": reward_model, "reward_range": (-100.0, 100.0)}
        common = {key: array for key, array in shell.arrays.items() if key not in shell.rewards.LAYOUT}
        return World(shell.info.model_copy(update=facts), common | arrays)

    world, everybody = world_of(model), np.arange(USERS)
    world.validate()
    predicted = model.predict(np.repeat(everybody, ITEMS), np.tile(np.arange(ITEMS), USERS)).reshape(USERS, ITEMS)
    np.testing.assert_allclose(world.user_rewards(everybody), predicted, atol=1e-5)
    if model.sequential:
        memory = world.rewards.fresh(everybody)
        for t in range(TRAINED, EACH):
            now = log[log.times == t]
            world.rewards.remember(memory, now.items.astype(np.int64), now.values.astype(float), everybody >= 0)
        np.testing.assert_allclose(memory, world_of(model.after(log)).rewards.fresh(everybody), atol=1e-5)
