"""Seasons: seeds that nobody knows before the close, that nobody can change after it, and that are nobody else's."""

from __future__ import annotations

import json
import shutil
import stat
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard import seasons, seeds
from leaderboard.agents import agent_record
from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.evaluate.build import Plan
from leaderboard.replay import verify
from leaderboard.schema import Season, Suite, Task
from leaderboard.seasons import check_season, read_season, rounds, shared_seeds
from leaderboard.submit import submit
from recsim_envs.errors import ConfigurationError, SubmissionError, UnreplayableError
from tests.leaderboard.edits import edit
from tests.leaderboard.test_cli import longrec  # noqa: F401  (a fixture)

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
CLOSE = NOW + timedelta(days=30)
AFTER = CLOSE + timedelta(seconds=1)


@pytest.fixture
def published(tmp_path, monkeypatch):
    folder = tmp_path / "seasons"
    monkeypatch.setattr(seasons, "FOLDER", folder)
    return folder


@pytest.fixture
def opened(one_task, published, tmp_path):
    season = rounds.commit("spring", one_task, CLOSE, opens=NOW, secret=tmp_path / "salt.json")
    return season, tmp_path / "salt.json"


def test_only_a_hash_is_published(opened, published):
    season, secret = opened
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    salt = json.loads(secret.read_text())["salt"]
    assert len(set(salt)) > 4
    assert salt not in (published / "spring.json").read_text()
    assert read_season("spring") == season
    assert season.salt is None


def test_salts_differ_and_are_never_overwritten(opened, one_task, tmp_path):
    season, secret = opened
    other = rounds.commit("autumn", one_task, CLOSE, opens=NOW, secret=tmp_path / "other.json")
    assert other.commitment != season.commitment
    with pytest.raises(ConfigurationError, match="season 'spring' is published already"):
        rounds.commit("spring", one_task, CLOSE, opens=NOW, secret=tmp_path / "third.json")
    with pytest.raises(ConfigurationError, match=r"salt.json exists, and may hold the salt of a season"):
        rounds.commit("winter", one_task, CLOSE, opens=NOW, secret=secret)
    with pytest.raises(ConfigurationError, match=r"^.*'\.\./x': field name: must be 1 to 80 letters[^\n]*$"):
        rounds.commit("../x", one_task, CLOSE, opens=NOW, secret=tmp_path / "third.json")
    with pytest.raises(ConfigurationError, match=r"^cannot open season 'winter': closes is not after opens$"):
        rounds.commit("winter", one_task, NOW, opens=NOW, secret=tmp_path / "third.json")
    with pytest.raises(ConfigurationError, match="cannot write to"):
        rounds.commit("winter", one_task, CLOSE, opens=NOW, secret=tmp_path / "third.json", folder=secret / "inside")
    assert not (tmp_path / "third.json").exists()  # the salt of no season


def test_nothing_is_told_before_the_close(opened):
    season, secret = opened
    for early in (NOW, CLOSE - timedelta(seconds=1)):
        with pytest.raises(ConfigurationError, match="'spring' is open until"):
            rounds.salt_of(season, secret, early)
        with pytest.raises(ConfigurationError, match="'spring' is open until"):
            rounds.reveal("spring", secret=secret, now=early)
    with pytest.raises(ConfigurationError, match="'spring' is not revealed yet"):
        rounds.check("spring", [])


def test_what_is_revealed_can_be_checked_by_anyone(opened, published):
    _, secret = opened
    season = rounds.reveal("spring", secret=secret, now=AFTER)
    secret.unlink()
    assert read_season("spring") == season
    assert season.salt is not None
    assert rounds.check("spring", []) == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": "summer"},
        {"closes": "2026-01-02T00:00:00Z"},
        {"opens": "2025-10-02T00:00:00Z"},
        {"salt": "0" * 64},
        {"commitment": "0" * 64},
        {"suite": {"episodes": 24}},
        {"suite": {"description": "better"}},
        {"suite": {"training_seeds": [0]}},
    ],
    ids=str,
)
@pytest.mark.parametrize("before", [True, False], ids=["changed before the reveal", "changed after it"])
def test_no_field_can_be_changed(opened, published, change, before):
    _, secret = opened
    file = published / "spring.json"
    if not before:
        rounds.reveal("spring", secret=secret, now=AFTER)
    record = json.loads(file.read_text())
    if "suite" in change:
        (key, value), *_ = change["suite"].items()
        (record["suite"]["tasks"][0] if key == "episodes" else record["suite"])[key] = value
    else:
        record |= change
    file.write_text(json.dumps(record))
    with pytest.raises(ConfigurationError):
        rounds.reveal("spring", secret=secret, now=AFTER)


def test_a_lost_and_a_false_secret(opened):
    season, secret = opened
    secret.write_text(json.dumps({"season": "spring", "salt": "1" * 64}))
    with pytest.raises(ConfigurationError, match="does not hold the salt that season 'spring' committed to"):
        rounds.reveal("spring", secret=secret, now=AFTER)
    secret.unlink()
    with pytest.raises(ConfigurationError, match=r"salt.json does not exist"):
        rounds.salt_of(season, secret, AFTER)


def test_a_season_from_commit_to_check(opened, one_task, published, tmp_path):
    """Agents are submitted on the suite, run again on the season's seeds, and anyone sees that they were."""
    season, secret = opened
    subs = tmp_path / "submissions"
    for agent in ("random", "popular"):
        run = tmp_path / "dev" / agent
        evaluate(Job(agent, run), one_task, workers=1)
        edit(run, created="2026-01-20T12:00:00Z")
        submit(run, subs)
    late = submit_late(one_task, tmp_path, subs)
    entered = rounds.entries(season, sorted(subs.glob("*/*")))
    assert [s.agent.name for _, s in entered] == ["popular", "random"]
    assert late not in [path for path, _ in entered]
    salt = rounds.salt_of(season, secret, AFTER)
    paths = sorted(subs.glob("*/*"))
    done = list(rounds.run(season, salt, paths, out=tmp_path / "runs", to=subs, workers=1))
    assert [entry.error for entry in done] == ["", ""]
    made = [entry.made for entry in done]
    for path, entry in zip(made, done, strict=True):
        one, other = verify(path), verify(entry.submission)
        assert one.submission.suite.season.salt == salt
        assert not set(one.trace.episode_seed) & set(other.trace.episode_seed)
    again = list(rounds.run(season, salt, paths, out=tmp_path / "runs", to=subs, workers=1))
    assert [entry.made for entry in again] == made
    rounds.reveal("spring", secret=secret, now=AFTER)
    assert rounds.check("spring", [*paths, *made]) == made


def test_nobody_takes_the_place_of_another(opened, one_task, tmp_path):
    """Somebody's class under another name, submitted last and with limits that it cannot keep, is one more entry."""
    season, _ = opened
    run, copy = tmp_path / "random", tmp_path / "theirs"
    evaluate(Job("random", run), one_task, workers=1)
    edit(run, created="2026-01-20T12:00:00Z")
    shutil.copytree(run, copy)
    agent = json.loads((run / "submission.json").read_text())["agent"]
    limits = {"step_seconds": 1e-6, "memory_mb": 64}
    edit(copy, agent=agent | {"name": "theirs"}, isolation=limits, created="2026-01-21T12:00:00Z")
    assert [path for path, _ in rounds.entries(season, [run, copy])] == [run, copy]
    edit(copy, created="2026-01-21T12:00:00")  # of which nobody can tell whether it was before the close
    with pytest.raises(SubmissionError, match="field created: Input should have timezone info"):
        rounds.entries(season, [run, copy])


def submit_late(suite, tmp_path, subs):
    run = tmp_path / "dev" / "late"
    evaluate(Job("greedy", run), suite, workers=1)
    edit(run, created="2026-02-24T12:00:00Z")
    return submit(run, subs)


def test_a_submission_of_another_salt_or_season(opened, one_task, published, tmp_path):
    season, secret = opened
    bound = season.bound_suite(rounds.salt_of(season, secret, AFTER))
    check_season(tmp_path, bound)
    check_season(tmp_path, one_task)
    with pytest.raises(SubmissionError, match="its salt is not the one that season 'spring' committed to"):
        check_season(tmp_path, season.bound_suite("2" * 64))
    shorter = bound.model_copy(update={"training_seeds": (0,)})
    with pytest.raises(SubmissionError, match="its suite is not that of season 'spring'"):
        check_season(tmp_path, shorter)
    run = tmp_path / "run"
    evaluate(Job("random", run), bound, workers=1)
    assert verify(run).steps
    (published / "spring.json").unlink()
    with pytest.raises(UnreplayableError, match="of season 'spring', which is not published here"):
        verify(run)


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,12}", fullmatch=True)
SALTS = st.text("0123456789abcdef", min_size=64, max_size=64)


@settings(max_examples=20)
@given(st.lists(NAMES, min_size=2, max_size=4, unique=True), st.lists(SALTS, min_size=2, max_size=2, unique=True))
def test_no_seed_is_shared_whatever_the_names_and_salts(names, salts):
    """Of suites, their seasons and their tunings; of test episodes, training and what agents draw."""
    suites = [Suite(name=n, training_seeds=(0,), tasks=(Task(env_id="longrec/Games-v0", episodes=300),)) for n in names]
    for season in ("a", "b"):
        for salt in salts:
            made = Season.committed(season, suites[0], NOW, CLOSE, salt)
            assert made.revealed(salt).salt == salt
            suites.append(made.bound_suite(salt))
    record = agent_record("random", {})
    plans = [Plan(agent=record, suite=s, worlds=(), fingerprints=(), tuning=t) for s in suites for t in (False, True)]
    found = [seeds.episode_seeds(p.seed_name, "longrec/Games-v0", 300) for p in plans]
    found += [seeds.session_keys(p.seed_name, "longrec/Games-v0", 0, 300) for p in plans]
    found += [[seeds.agent_seed(p.seed_name, "longrec/Games-v0", 0) for p in plans]]
    found += [[seeds.training_env_seed(p.seed_name, "longrec/Games-v0", 0, 0, r) for p in plans for r in range(5)]]
    everything = np.concatenate([np.asarray(each, np.uint64) for each in found])
    assert len(np.unique(everything)) == len(everything)
    assert all(shared_seeds(one, other) == (one is other) * 300 for one in suites for other in suites)


def test_old_suites_keep_their_hash(one_task):
    assert "season" not in one_task.model_dump(mode="json")
    assert one_task.seed_name == one_task.name


def test_the_commands(longrec, published, tmp_path):  # noqa: F811
    """Opened, told, refused before the close, revealed after it."""
    secret, close = tmp_path / "kept" / "salt.json", "2100-01-01"
    opened = longrec("season", "commit", "far", "--suite", "smoke-v1", "--closes", close, "--secret", secret)
    assert opened.returncode == 0, opened.stderr
    assert "secret" in opened.stdout
    assert str(secret) in opened.stderr
    for command in ("run", "reveal"):
        early = longrec("season", command, "far", "--secret", secret)
        assert early.returncode == 1
        assert early.stderr.startswith("error: season 'far' is open until 2100-01-01")
    assert "season 'far' is not revealed yet" in longrec("season", "check", "far").stderr
    assert "did you mean far" in longrec("season", "check", "fra").stderr
    again = longrec("season", "commit", "far", "--suite", "smoke-v1", "--closes", close, "--secret", secret, "--json")
    assert "is published already" in again.stderr


def test_the_commands_after_the_close(longrec, opened, one_task, tmp_path):  # noqa: F811
    """A season whose close has passed, from run to check, as its keeper and anybody give the commands."""
    season, secret = opened
    subs = tmp_path / "leaderboard" / "submissions"
    run = tmp_path / "dev"
    evaluate(Job("random", run), one_task, workers=1)
    edit(run, created="2026-01-20T12:00:00Z")
    submit(run, subs)
    late = longrec("season", "run", "spring", "--secret", secret, "--workers", 1, "--json")
    assert late.returncode == 0, late.stderr
    [entry] = json.loads(late.stdout)
    assert entry["error"] == ""
    assert verify(tmp_path / entry["made"]).submission.suite.season.name == "spring"
    told = longrec("season", "reveal", "spring", "--secret", secret, "--json")
    assert json.loads(told.stdout)["salt"] == rounds.salt_of(season, secret)
    assert "1 submissions replay on its seeds" in longrec("season", "check", "spring").stderr
