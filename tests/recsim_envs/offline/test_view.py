"""What agents that learn from logs get to see."""

from __future__ import annotations

import numpy as np
import pytest

import recsim_envs
from recsim_envs.errors import ConfigurationError
from recsim_envs.offline import DatasetSpec, LogView, generate
from recsim_envs.spec import TrainingLog

MASKED = [("longrec/Games-v0", {"protocol": "NX_0"}), ("longrec/GamesChurn-v0", {})]


def test_a_view_is_the_log_without_seeds_and_users():
    log = generate(DatasetSpec("longrec/Games-v0", "mixed", sessions=30))
    view: TrainingLog = LogView(log)
    assert (view.name, view.num_sessions, view.num_steps) == ("longrec/games/mixed-v0", 30, len(log.rewards))
    assert view.task.env_id == "longrec/Games-v0"
    assert view.folder is None
    (whole,) = view.transitions()
    assert np.array_equal(whole.actions, log.actions)
    assert np.array_equal(whole.propensities, log.propensities)
    assert whole.masks is None
    assert whole.next_masks is None
    public = {name for name in vars(view) if not name.startswith("_")}
    assert public == {"task", "name", "num_sessions", "num_steps", "folder"}


def test_the_first_sessions_are_the_log_of_so_many():
    log = generate(DatasetSpec("longrec/SlateTopKBored-v0", "mixed", sessions=20))
    short = generate(DatasetSpec("longrec/SlateTopKBored-v0", "mixed", sessions=8))
    (some,), (same,) = LogView(log, 8).transitions(), LogView(short).transitions()
    assert LogView(log, 8).num_steps == len(same.actions)
    for name in ("actions", "rewards", "propensities", "sessions", "steps", "terminated", "truncated"):
        assert np.array_equal(getattr(some, name), getattr(same, name)), name
    for key, seen in some.next_observations.items():
        assert np.array_equal(seen, same.next_observations[key])
    for sessions in (0, 21):
        with pytest.raises(ConfigurationError, match="it holds 20"):
            LogView(log, sessions)


@pytest.mark.parametrize(("env_id", "options"), MASKED)
def test_masks_say_what_might_be_shown(env_id, options):
    log = generate(DatasetSpec(env_id, "random", sessions=12, options=options))
    one, rows = recsim_envs.make_simulator(env_id, 1, split="train", **options), 0
    for batch in LogView(log).transitions(sessions=5):
        for row in range(len(batch.actions)):
            if batch.steps[row] == 0:
                one.begin(np.arange(1), log.seeds[batch.sessions[row] : batch.sessions[row] + 1])
            assert np.array_equal(batch.masks[row], one.infos()["action_mask"][0] == 1)
            assert batch.masks[row, batch.actions[row]]
            one.step(batch.actions[row : row + 1].astype(np.int64))
            assert np.array_equal(batch.next_masks[row], one.infos()["action_mask"][0] == 1)
        rows += len(batch.actions)
    assert rows == len(log.rewards)
