"""From a spec to bias, error and coverage; and the command that prints them."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from leaderboard.cli import offline
from leaderboard.ope.estimators import ESTIMATORS
from leaderboard.ope.score import estimates, score
from leaderboard.ope.sessions import sessions_of
from leaderboard.ope.truth import true_value
from recsim_envs.errors import ConfigurationError, LogError
from recsim_envs.offline import DatasetSpec, generate, load_log
from recsim_envs.offline.spec import EPSILON
from tests.worlds import tiny_world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    path = tmp_path_factory.mktemp("worlds") / "tiny"
    tiny_world(users=40, items=10, threshold=0.1).save(path)
    return str(path)


@pytest.fixture
def spec(world):
    return DatasetSpec("longrec/Games-v0", "random", sessions=1500, options={"world": world, "horizon": 5})


@pytest.fixture
def longrec(own_home):
    app = typer.Typer()
    app.add_typer(offline.app, name="logs")
    app.command()(offline.ope)

    def run(*arguments):
        done = CliRunner().invoke(app, [str(a) for a in arguments])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done

    return run


def test_the_truth_is_what_a_policy_earns(spec):
    own = generate(DatasetSpec(spec.env_id, "random", sessions=8000, seed=9, options=spec.options))
    found = true_value(spec, "random", sessions=8000)
    assert found.value == pytest.approx(own.returns().mean(), abs=0.3)
    assert 0.1 < found.high - found.low < 0.4
    assert true_value(spec, "random", sessions=8000) == found
    first = true_value(spec, "random", sessions=8000, steps=1)
    assert first.value == pytest.approx(own.returns(1).mean(), abs=0.1)
    assert first.value < found.value
    with pytest.raises(ConfigurationError, match="at least 2"):
        true_value(spec, "random", sessions=1)


def test_sessions_have_the_log_in_them(spec):
    log = generate(spec)
    found = sessions_of(log, "popular")
    assert found.rewards.sum(axis=1) == pytest.approx(log.returns())
    ended = np.arange(found.rho.shape[1]) >= log.lengths[:, None]
    assert (found.rewards[ended] == 0).all()
    assert (found.q[ended] == 0).all()
    last = np.repeat(found.rho[np.arange(len(log)), log.lengths - 1][:, None], found.rho.shape[1], axis=1)
    assert found.rho[ended] == pytest.approx(last[ended])
    assert sessions_of(log, "popular", steps=2).rho.shape == (1500, 2)
    assert sessions_of(log, "popular", steps=2).rho == pytest.approx(found.rho[:, :2])


def test_the_model_of_a_session_is_fitted_without_it(spec):
    """What an even session earned is known to the odd ones' model only."""
    log = generate(spec)
    before = sessions_of(log, "popular").v
    even = slice(log.offsets[6], log.offsets[7])
    assert log.rewards[even].min() < log.rewards.max()
    log.rewards[even] = log.rewards.max()
    after = sessions_of(log, "popular").v
    assert after[8::2] == pytest.approx(before[8::2], rel=1e-9)
    assert np.abs(after[7::2] - before[7::2]).max() > 1e-4


@pytest.mark.parametrize(("policy", "target"), [("random", "popular"), ("mixed", "random"), ("random", "greedy")])
def test_the_model_finds_the_truth_where_it_is_linear(tmp_path, policy, target):
    """Rewards are the items' public means and nobody leaves; there are more of the best items than steps."""
    world = tiny_world(items=40, window=1, threshold=0.0, r_min=0.0)
    means = np.arange(40) % 5 + 1
    world.arrays["rewards"][:], world.arrays["mean_reward"][:] = means, means
    world.save(tmp_path / "w")
    log = generate(DatasetSpec("longrec/Games-v0", policy, 300, options={"world": str(tmp_path / "w"), "horizon": 4}))
    assert (log.lengths == 4).all()
    weights = {"popular": world.arrays["popularity"] + 1, "random": np.ones(40), "greedy": means == 5}[target]
    found = {e.name: e.estimate.value for e in estimates(log, target) if e.estimate}
    assert found["dm"] == pytest.approx(4 * weights @ means / weights.sum(), abs=1e-3)
    if target != "greedy":  # which no session of the log followed to its end
        assert found["dr"] == pytest.approx(found["dm"], abs=1e-3)


def test_estimators_find_the_truth_where_logs_overlap(spec):
    """Two steps of a small catalogue: everything is covered, so all but the model must come close."""
    report = score(spec, "popular", repeats=12, steps=2, truth_sessions=20_000)
    assert {s.name for s in report.scores} == set(ESTIMATORS)
    for s in report.scores:
        if s.name == "dm":
            continue
        assert abs(s.bias) < 0.12, s.name
        assert s.intervals == 12
        assert s.covered >= 0.7, s.name
        assert 50 < s.ess < 1500
    errors = {s.name: s.rmse for s in report.scores}
    assert errors["dr"] < errors["ips"]


def test_long_sessions_leave_nothing_of_a_log(world):
    spec = DatasetSpec("longrec/SingleItemBored-v0", "random", sessions=100)
    report = score(spec, "popular", truth_sessions=200)
    ips = next(s for s in report.scores if s.name == "ips")
    assert ips.ess < 3
    assert "rests on few sessions" in ips.notes
    nothing = score(spec, "greedy", truth_sessions=200)
    assert [s.mean for s in nothing.scores if s.name != "dm"] == [None] * 6
    assert all(s.intervals == 0 for s in nothing.scores if s.name != "dm")


def test_the_commands(longrec, tmp_path, world):
    made = longrec(
        "logs", "make", "longrec/games/mixed-v0", "--sessions", 20, "-o", f"world={world}", "--out", tmp_path / "out",
        "--json",
    )  # fmt: skip
    record = json.loads(made.stdout)
    path = tmp_path / "out" / "longrec" / "games" / "mixed-v0"
    assert record["path"] == str(path)
    assert record["rows"] == len(load_log(path).rewards)
    shown = json.loads(longrec("logs", "show", path, "--json").stdout)
    assert sum(shown["ends"].values()) == shown["sessions"] == 20
    assert "mean return" in longrec("logs", "show", path).stdout


def test_a_log_in_the_home_folder_is_found_by_name(longrec, own_home):
    pytest.importorskip("minari")
    longrec("logs", "make", "longrec/videos/random-v0", "--sessions", 5)
    assert json.loads(longrec("logs", "show", "longrec/videos/random-v0", "--json").stdout)["sessions"] == 5
    listed = {line["id"]: line for line in json.loads(longrec("logs", "list", "--json").stdout)}
    assert [name for name, line in listed.items() if line["made"]] == ["longrec/videos/random-v0"]
    assert listed["longrec/games/mixed-v0"]["env_id"] == "longrec/Games-v0"
    assert "longrec/interest-evolution/popular-v0" not in listed


def test_minari_beside_it(longrec, tmp_path):
    pytest.importorskip("minari")
    done = longrec("logs", "make", "longrec/games/mixed-v0", "--sessions", 3, "--minari", "--out", tmp_path, "--json")
    assert json.loads(done.stdout)["minari"] == str(tmp_path / "minari" / "longrec" / "games" / "mixed-v0")


def test_ope_prints_a_table_and_json(longrec, world):
    arguments = ("ope", "longrec/games/random-v0", "--target", "popular", "--sessions", 200, "-o", f"world={world}")
    one = longrec(*arguments, "--truth-sessions", 200)
    assert "error" in one.stdout
    assert all(name in one.stdout for name in (*ESTIMATORS, "truth"))
    several = longrec(*arguments, "--truth-sessions", 200, "--repeats", 2, "--steps", 2, "--json")
    record = json.loads(several.stdout)
    assert record["id"] == "longrec/games/random-v0"
    assert (record["repeats"], record["steps"], record["target"]) == (2, 2, "popular")
    assert {len(line["estimates"]) for line in record["scores"]} == {2}
    assert "RMSE" in longrec(*arguments, "--truth-sessions", 200, "--repeats", 2).stdout


def test_what_is_printed_says_how_well_the_truth_is_known_and_what_notes_mean(longrec, world):
    arguments = ("ope", "longrec/games/random-v0", "--target", "greedy", "--sessions", 5, "--truth-sessions", 300)
    done = longrec(*arguments, "--repeats", 2)
    assert re.search(r"the target truly [0-9.]+ \[[0-9.]+, [0-9.]+\]\n", done.stderr)
    assert "no support (2)" in done.stdout
    assert "no support: the target would have shown none of these sessions\n" in done.stderr
    assert "a session's first step," in longrec(*arguments, "--steps", 1).stderr


def test_a_log_that_is_not_made(longrec):
    with pytest.raises(LogError, match="make it with `longrec logs make longrec/games/mixed-v0`"):
        longrec("logs", "show", "longrec/games/mixed-v0")
    with pytest.raises(ConfigurationError, match="did you mean longrec/games/mixed-v0"):
        longrec("logs", "show", "longrec/game/mixed-v0")


def test_places_are_looked_at_before_any_work(longrec, tmp_path, monkeypatch):
    pytest.importorskip("minari")
    arguments = ("logs", "make", "longrec/games/mixed-v0", "--sessions", 3, "--out", tmp_path)
    longrec(*arguments, "--minari")
    monkeypatch.setattr("recsim_envs.offline.generate", None)
    with pytest.raises(LogError, match="never replaces"):
        longrec(*arguments, "--minari")
    (tmp_path / "longrec" / "games" / "mixed-v0" / "steps.parquet").unlink()
    with pytest.raises(LogError, match="is not replaced"):
        longrec(*arguments)


def test_the_list_fits_a_terminal_and_defaults_are_told(longrec):
    assert max(map(len, longrec("logs", "list").stdout.splitlines())) <= 80
    for command in (("logs", "make"), ("ope",)):
        assert f"Default: {EPSILON}." in " ".join(longrec(*command, "--help").stdout.replace("│", " ").split())


def test_targets_that_do_not_exist(longrec):
    with pytest.raises(ConfigurationError, match="greedy"):
        longrec("ope", "longrec/games/random-v0", "--target", "best")
