"""Logs of somebody's own: read as agents need them, refused where they cannot be."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsim_envs.errors import ConfigurationError, LogError
from recsim_envs.offline import DatasetSpec, LogView, generate, write_log
from recsim_envs.offline.own import read_own
from recsim_envs.offline.store import keep, kept

ENV = "longrec/Games-v0"


def table(log, **changes):
    columns = {"session": log.sessions(), "action": log.actions, "reward": log.rewards}
    columns |= {"propensity": log.propensities, "terminated": log.last_rows() & log.terminated[log.sessions()]}
    return {key: value for key, value in (columns | changes).items() if value is not None}


def write(path, columns):
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture(scope="module")
def log():
    return generate(DatasetSpec(ENV, "mixed", sessions=15))


def test_it_is_the_log_without_history(log, tmp_path):
    own = read_own(write(tmp_path / "mine.parquet", table(log)), ENV, {})
    (a,), (b,) = LogView(own).transitions(), LogView(log).transitions()
    assert LogView(own).name == "mine"
    for name in ("actions", "rewards", "propensities", "terminated", "truncated", "sessions", "steps"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    for key in ("session_items", "session_rewards", "length"):
        assert np.array_equal(a.next_observations[key], b.next_observations[key])
    assert (a.observations["history_items"] == -1).all()
    assert (a.observations["history_rewards"] == 0).all()
    assert a.masks is None


def test_what_it_does_not_tell_is_none_and_leaving_is_what_comes_before_the_horizon(log, tmp_path):
    names = np.char.add("visit ", log.sessions().astype(str))
    columns = table(log, propensity=None, terminated=None, session=names)
    (batch,) = LogView(read_own(write(tmp_path / "x.parquet", columns), ENV, {})).transitions()
    assert batch.propensities is None
    assert np.array_equal(batch.terminated, log.last_rows() & (log.lengths < log.facts["horizon"])[log.sessions()])


def test_masks_forbid_what_was_shown(tmp_path):
    options = {"protocol": "NX_0"}
    log = generate(DatasetSpec(ENV, "random", sessions=9, options=options))
    own = read_own(write(tmp_path / "x.parquet", table(log)), ENV, options)
    for a, b in zip(LogView(own).transitions(4), LogView(log).transitions(4), strict=True):
        assert np.array_equal(a.masks, b.masks)
        assert np.array_equal(a.next_masks, b.next_masks)
    twice = {"session": [1, 1], "action": [3, 3], "reward": [1.0, 1.0]}
    with pytest.raises(LogError, match=r"row 1: item 3 is shown twice in one session, which protocol NX_0 forbids"):
        read_own(write(tmp_path / "y.parquet", twice), ENV, options)
    assert len(read_own(tmp_path / "y.parquet", ENV, {})) == 1


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"reward": None}, "column reward is missing; a log needs session, action, reward"),
        ({"action": [0.5, 1.0, 2.0]}, "column action holds float64, it must hold integers"),
        ({"action": [0, 1, 10**6]}, r"row 2, column action: item 1000000 does not exist; items are 0\.\."),
        ({"reward": [1.0, float("nan"), 1.0]}, "row 1, column reward: nan cannot be"),
        ({"reward": [1.0, None, 1.0]}, "column reward holds nulls"),
        ({"propensity": [0.5, 0.0, 1.0]}, "row 1, column propensity: 0 cannot be; correct it or drop the column"),
        ({"terminated": [0, 1, 0]}, "column terminated holds int64, it must hold true and false"),
        ({"session": [1, 2, 1]}, "session 1 has rows in several places; sort the file by session"),
    ],
)
def test_what_is_no_log(changes, text, tmp_path):
    columns = {"session": [1, 1, 2], "action": [0, 1, 2], "reward": [1.0, 2.0, 3.0]} | changes
    file = write(tmp_path / "x.parquet", {key: value for key, value in columns.items() if value is not None})
    with pytest.raises(LogError, match=text):
        read_own(file, ENV, {})


def test_files_that_are_none_and_sessions_that_are_too_long(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(LogError, match="is no Parquet file, or damaged"):
        read_own(tmp_path / "x.parquet", ENV, {})
    long = {"session": [7] * 4, "action": [0, 1, 2, 3], "reward": [1.0] * 4}
    with pytest.raises(LogError, match="session 7 has 4 steps, sessions here have at most 3"):
        read_own(write(tmp_path / "y.parquet", long), ENV, {"horizon": 3})
    empty = {
        "session": pa.array([], pa.int64()),
        "action": pa.array([], pa.int64()),
        "reward": pa.array([], pa.float64()),
    }
    with pytest.raises(LogError, match="holds no rows"):
        read_own(write(tmp_path / "z.parquet", empty), ENV, {})


@pytest.mark.parametrize("env_id", ["longrec/GamesChurn-v0", "longrec/GamesClicks-v0", "longrec/Retention-v0"])
def test_what_users_saw_must_follow_from_the_file(env_id, tmp_path):
    with pytest.raises(ConfigurationError, match="a file of your own cannot tell it"):
        read_own(tmp_path / "x.parquet", env_id, {})


def test_files_are_kept_by_their_hash(log, tmp_path, own_home):
    write_log(log, tmp_path / "ours")
    own = write(tmp_path / "mine.parquet", table(log, propensity=None))
    for path in (tmp_path / "ours", own):
        found = keep(path, ENV, {})
        assert keep(path, ENV, {}).sha256() == found.sha256()
        again = kept(found.sha256(), "x", ENV, {})
        assert np.array_equal(again.actions, log.actions)
        assert again.facts["id"] == "x"
    assert keep(tmp_path / "ours", ENV, {}).sha256() == log.sha256()
    assert found.sha256() != log.sha256()
    with pytest.raises(ConfigurationError, match="is a log of longrec/Games-v0, not of longrec/Books-v0"):
        keep(tmp_path / "ours", "longrec/Books-v0", {})
    with pytest.raises(LogError, match=r"\(aaaaaaaaaaaa\) is not here; give its file once with --log PATH"):
        kept("a" * 64, "x", ENV, {})
    copy = tmp_path / "home" / "logs" / ".kept" / "files" / found.sha256() / "log"
    write(copy, table(log))  # another log under the first one's hash
    with pytest.raises(LogError, match="was damaged, it is gone"):
        kept(found.sha256(), "x", ENV, {})
    assert not copy.parent.exists()
