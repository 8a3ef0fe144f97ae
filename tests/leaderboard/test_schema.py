"""Models refuse what is unknown, unbounded or inconsistent; suites are found by name or file."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from leaderboard.schema import MAX_JSON, Estimate, Suite, Task, canonical_json, json_hash
from leaderboard.suites import builtin_suites, custom_suite, load_suite
from recsim_envs.errors import ConfigurationError


def suite(**changes):
    fields = {"name": "mine-v1", "training_seeds": [0], "tasks": [{"env_id": "longrec/Games-v0", "episodes": 5}]}
    return Suite.model_validate(fields | changes)


def test_models_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        suite().name = "other"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../up"},
        {"name": ""},
        {"name": "x" * 81},
        {"track": "unlimited"},
        {"training_seeds": []},
        {"training_seeds": [1, 1]},
        {"training_seeds": [-1]},
        {"training_seeds": [2**31]},
        {"tasks": []},
        {"tasks": [{"env_id": "longrec/Games-v0", "episodes": 0}]},
        {"tasks": [{"env_id": "longrec/Games-v0", "episodes": 10**9}]},
        {"tasks": [{"env_id": "longrec/Games", "episodes": 5}]},
        {"tasks": [{"env_id": "longrec/Games-v0", "episodes": 5}] * 2},
        {"tasks": [{"env_id": "longrec/Games-v0", "episodes": 5, "options": {"split": "train"}}]},
        {"tasks": [{"env_id": "longrec/Games-v0", "episodes": 5, "options": {"family": "os:system"}}]},
        {"tasks": [{"env_id": "longrec/GamesNoisy-v0", "episodes": 5, "options": {"of": "os:system"}}]},
        {"tasks": [{"env_id": "longrec/Games-v0", "episodes": 5, "options": {"x": float("nan")}}]},
        {"tasks": [{"env_id": "longrec/Games-v0", "episodes": 5, "options": {"x": "y" * MAX_JSON}}]},
        {
            "training_seeds": list(range(64)),
            "tasks": [{"env_id": f"longrec/Games-v{n}", "episodes": 100_000} for n in range(64)],
        },
        {"surprise": 1},
    ],
)
def test_what_suites_refuse(changes):
    with pytest.raises(ValidationError):
        suite(**changes)


def test_a_suites_hash_is_that_of_its_content():
    assert suite().hash == suite(description="in other words").hash
    assert suite().hash != suite(training_seeds=[1]).hash
    assert suite().hash != suite(name="mine-v2").hash
    first = suite()
    assert first.hash != first.model_copy(update={"name": "mine-v2"}).hash


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_canonical_json_is_stable(value):
    again = json.loads(canonical_json(value))
    assert again == value
    assert json_hash(again) == json_hash(value)


def test_intervals_are_ordered_pairs():
    Estimate(value=1, low=0, high=2)
    Estimate(value=3, low=0, high=2)  # a biased bootstrap may leave its value outside
    for bad in ({"low": 0}, {"low": 2, "high": 1}, {"low": float("nan"), "high": 1}):
        with pytest.raises(ValidationError):
            Estimate(value=1, **bad)


def test_builtin_suites():
    smoke = builtin_suites()["smoke-v1"]
    assert [t.env_id for t in smoke.tasks] == ["longrec/Games-v0", "longrec/Books-v0"]
    assert smoke.budget.episodes == 100
    assert load_suite("smoke-v1") == smoke


def test_unknown_suites(tmp_path):
    with pytest.raises(ConfigurationError, match="'smoke' does not exist; did you mean smoke-v1"):
        load_suite("smoke")
    with pytest.raises(ConfigurationError, match=r"nowhere\.json does not exist"):
        load_suite(tmp_path / "nowhere.json")


def test_suites_from_files(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(suite().model_dump_json())
    assert load_suite(file) == suite()
    file.write_text(suite().model_dump_json().replace('"episodes":5', '"episodes":"many"'))
    with pytest.raises(
        ConfigurationError, match=r"mine\.json: field tasks\.0\.episodes: Input should be a valid integer"
    ):
        load_suite(file)
    file.write_text(suite(name="smoke-v1").model_dump_json())
    with pytest.raises(ConfigurationError, match="'smoke-v1' is a built-in suite; give yours another name"):
        load_suite(file)


def test_custom_suites_are_named_by_content():
    one, same = custom_suite("longrec/Games-v0", episodes=7), custom_suite("longrec/Games-v0", episodes=7)
    assert one == same
    assert one.name.startswith("custom-")
    assert one.name != custom_suite("longrec/Games-v0", episodes=8).name
    assert one.name != custom_suite("longrec/Games-v0", episodes=7, options={"horizon": 5}).name
    with pytest.raises(ConfigurationError, match=r"cannot make a suite of 'nonsense': field"):
        custom_suite("nonsense")


def test_tasks_take_options():
    assert Task(env_id="longrec/Games-v0", options={"protocol": "NX_10"}, episodes=1).options == {"protocol": "NX_10"}
