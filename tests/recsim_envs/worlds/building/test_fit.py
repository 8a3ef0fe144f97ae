"""The user models of a build: what they may see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recsim_envs.worlds.building.fit import fit_all
from recsim_envs.worlds.building.options import BuildOptions
from recsim_envs.worlds.building.prepare import prepare
from tests.recsim_envs.worlds.building.logs import make_log


@pytest.mark.parametrize("holdout", ["time", "random"])
@pytest.mark.parametrize("model", ["mf", "gru"])
def test_what_is_held_out_moves_neither_the_fit_nor_the_calibration(model, holdout, tmp_path):
    how = BuildOptions(model=model, holdout=holdout, epochs=6)
    ready = prepare(make_log(users=100), how)
    values = ready.rows.values.copy()
    values[ready.held_out] = 6 - values[ready.held_out]
    other = replace(ready, rows=replace(ready.rows, values=values))
    first, second = (
        fit_all(r, how, tmp_path / name, lambda *_: None)[model] for r, name in ((ready, "a"), (other, "b"))
    )
    assert first.model.epochs > 0 or holdout == "time"  # else no state would have been read
    np.testing.assert_array_equal(first.knots, second.knots)
    for name, array in first.model.arrays.items():
        if name != "user_states":  # these have read the whole log
            np.testing.assert_array_equal(array, second.model.arrays[name])
