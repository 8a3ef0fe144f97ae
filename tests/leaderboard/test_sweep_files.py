"""Sweep and tuning files: what they expand to, and what is said of one with a mistake in it."""

from __future__ import annotations

import json

import pytest

from leaderboard.evaluate.executor import make_executor
from leaderboard.sweep.expand import expand, read_sweep
from leaderboard.sweep.schema import SweepFile
from leaderboard.sweep.search import make_search, read_tuning
from recsim_envs.errors import ConfigurationError
from tests.leaderboard.conftest import ENV, HERE

SWEEP = {
    "name": "study",
    "agents": ["random", {"agent": f"{HERE}:Watcher", "parameters": {"salt": 1}}],
    "environments": [ENV],
}
TUNE = {
    "name": "search",
    "agent": f"{HERE}:Watcher",
    "search": {"salt": [1, 2]},
    "budget": {"episodes": 1000},
    "environments": [ENV],
}


def write(folder, content, name="file.json"):
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"agnets": []}, r"field agnets: there is no such field; did you mean agents"),
        ({"agents": [{"agent": "random", "paramters": {}}]}, r"agents\.0\.paramters: .* did you mean parameters"),
        ({"tracks": [{"track": "scarce", "limt": {}}]}, r"tracks\.0\.limt: .* did you mean limit"),
        ({"tracks": ["scarse"]}, r"field tracks\.0\.track: Input should be 'zero-shot', 'scarce'"),
        ({"training_seeds": []}, r"field training_seeds: .* at least 1 item"),
        ({"episodes": 0}, r"field episodes: .* greater than or equal to 1"),
        ({"name": "a/b"}, "field name: must be 1 to 80 letters, digits and"),
        ({"name": "smoke-v1"}, r"field name: 'smoke-v1' is a built-in suite"),
        ({"exclude": [{}]}, r"field exclude\.0: .*without a field would leave out everything"),
        ({"agents": [{"agent": "random", "parameters": {"a": 1}, "grid": {"a": [2]}}]}, r"a is among both parameters"),
        ({"agents": [{"agent": "random", "grid": {"a": [2, 2.0, 2]}}]}, r"grid\.a holds a value twice"),
        ({"environments": []}, r"name environments or suites to run the agents on"),
    ],
)
def test_a_file_with_a_mistake_names_it(tmp_path, change, text):
    path = write(tmp_path, SWEEP | change)
    with pytest.raises(ConfigurationError, match=text) as error:
        read_sweep(path)
    assert str(error.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"agents": ["popullar"]}, r"field agents\.0: agent 'popullar' is not registered; did you mean popular"),
        ({"agents": [{"agent": f"{HERE}:Watcher", "grid": {"slat": [1]}}]}, r"agents\.0: .* did you mean salt"),
        ({"agents": [{"agent": f"{HERE}:Watcher", "grid": {"salt": ["x"]}}]}, r"'salt' takes a whole number, got 'x'"),
        ({"environments": ["longrec/Game-v0"]}, r"field environments\.0: .* did you mean longrec/Games"),
        (
            {"agents": ["mf"], "environments": ["longrec/Game-v0"], "tracks": ["offline"]},
            r"field environments\.0: environment 'longrec/Game-v0' is not registered; did you mean longrec/Games",
        ),
        ({"environments": [{"env_id": ENV, "options": {"protcol": "FB"}}]}, r"field environments\.0: .*protcol"),
        (
            {"environments": [], "suites": ["smoke-v1"], "episodes": 100},  # the default
            r"field episodes: it belongs to environments; a suite has its own",
        ),
        ({"suites": ["smok-v1"]}, r"field suites\.0: suite 'smok-v1' does not exist; did you mean smoke-v1"),
        ({"exclude": [{"agent": "randon"}]}, r'field exclude\.0: \{"agent":"randon"\} leaves out nothing'),
        ({"agents": ["random", "random"]}, r"random with \{\} comes twice on Games-v0-scarce"),
        ({"exclude": [{"track": "scarce"}]}, r"nothing is left to run; all is excluded"),
        (
            {"tracks": [{"track": "scarce", "limit": {"episodes": 500}}]},
            r"field tracks\.0: .* than track scarce allows: 100",
        ),
    ],
)
def test_what_does_not_exist_is_named_before_anything_is_run(tmp_path, change, text):
    path = write(tmp_path, SWEEP | change)
    with pytest.raises(ConfigurationError, match=text) as error:
        expand(read_sweep(path), str(path))
    assert str(path) in str(error.value)


@pytest.mark.parametrize("where", [{}, {"environments": [], "suites": ["smoke-v1"]}])
def test_what_is_written_of_a_file_can_be_read_again(where):
    sweep = SweepFile.model_validate(SWEEP | where)
    assert SweepFile.model_validate_json(sweep.model_dump_json()) == sweep


def test_what_is_no_json(tmp_path):
    with pytest.raises(ConfigurationError, match=r"Invalid JSON: .* line 1 column"):
        read_sweep(write(tmp_path, '{"name": "x",}'))
    with pytest.raises(ConfigurationError, match="does not exist; check the path"):
        read_sweep(tmp_path / "none.json")


def test_every_combination_once(world_path):
    sweep = SweepFile.model_validate(
        SWEEP
        | {
            "agents": ["random", {"agent": f"{HERE}:Learner", "grid": {"salt": [1, 2]}}],
            "environments": [
                {"env_id": ENV, "options": {"world": str(world_path)}, "grid": {"protocol": ["FB", "NX_0"]}}
            ],
            "tracks": ["zero-shot", "scarce", {"track": "scarce", "limit": {"episodes": 5}}],
            "exclude": [
                {"parameters": {"salt": 2}, "track": "scarce"},
                {"agent": "random", "options": {"protocol": "NX_0"}},
            ],
        }
    )
    runs = expand(sweep, "file").runs
    told = [(r.plan.agent.name, r.parameters.get("salt"), r.plan.suite.tasks[0].options["protocol"]) for r in runs]
    three_tracks = [("random", None, "FB"), ("Learner", 1, "FB"), ("Learner", 1, "NX_0")]
    assert sorted(map(str, told)) == sorted(map(str, 3 * three_tracks + [("Learner", 2, "FB"), ("Learner", 2, "NX_0")]))
    assert len({r.folder for r in runs}) == len(runs)
    suites = {r.plan.suite.hash: r.plan.suite for r in runs}.values()
    assert {s.name for s in suites} == {"study"}  # so that all tracks meet the same users
    assert {(s.track, s.budget.episodes) for s in suites} == {("zero-shot", 0), ("scarce", 100), ("scarce", 5)}


def test_agents_are_left_out_of_tracks_that_they_cannot_be_on(world_path):
    file = SWEEP | {
        "agents": ["random", f"{HERE}:Learner"],
        "environments": [{"env_id": ENV, "options": {"world": str(world_path)}, "log": "random"}],
        "tracks": ["scarce", "offline"],
        "training_seeds": [0],
        "episodes": 2,
    }
    expanded = expand(SweepFile.model_validate(file), "file")
    assert [(r.agent, r.plan.suite.track) for r in expanded.runs] == [
        ("random", "scarce"), (f"{HERE}:Learner", "scarce"), ("random", "offline"),
    ]  # fmt: skip
    assert expanded.left_out == ("Learner on track offline: it can be on zero-shot, scarce, online",)


def test_a_plan_that_changes_has_another_folder(world_path):
    environment = {"env_id": ENV, "options": {"world": str(world_path)}}
    first = expand(SweepFile.model_validate(SWEEP | {"environments": [environment]}), "file").runs
    more = expand(SweepFile.model_validate(SWEEP | {"environments": [environment, ENV]}), "file").runs
    other = expand(SweepFile.model_validate(SWEEP | {"environments": [environment], "episodes": 7}), "file").runs
    assert {r.folder for r in first} < {r.folder for r in more}
    assert not {r.folder for r in first} & {r.folder for r in other}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"serach": {}}, r"field serach: there is no such field; did you mean search"),
        ({"budget": {}}, r"field budget: .*state a budget: episodes, steps or seconds"),
        ({"budget": {"epsiodes": 3}}, r"budget\.epsiodes: .* did you mean episodes"),
        ({"search": {"salt": {"low": 3, "high": 3}}}, r"low must be below high"),
        ({"search": {"salt": {"low": 0, "high": 3, "scale": "log"}}}, r"must lie above 0"),
        ({"search": {"salt": {"low": 1, "hihg": 3}}}, r"search\.salt\.range\.hihg: .* did you mean high"),
        ({"parameters": {"salt": 3}}, r"salt is among both parameters and search"),
        ({"search": {"slat": [1, 2]}}, r"field search: .* has no parameter 'slat'; did you mean salt"),
        ({"budget": {"steps": 10}}, r"budget\.steps: track scarce does not limit steps; state the budget in episodes"),
        ({"budget": {"episodes": 399}}, r"399 pays for 1 trials of 200 episodes \(2 cells of 100\)"),
        ({"budget": {"episodes": 400}}, r"a grid of 2 and the agent's own values are 3 trials, and 2 are allowed"),
        ({"trials": 9}, r"field trials: 9 and the agent's own values are 10 trials, and the budget allows 5"),
        ({"search": {"salt": {"low": 1, "high": 5}}, "budget": {"seconds": 5}}, r"field trials: say how many"),
    ],
)
def test_a_tuning_file_with_a_mistake_names_it(tmp_path, change, text):
    path = write(tmp_path, TUNE | change)
    with pytest.raises(ConfigurationError, match=text) as error:
        make_search(read_tuning(path), str(path))
    assert str(path) in str(error.value)


def test_grids_and_draws(tmp_path):
    agent = {"agent": f"{HERE}:Knobs", "track": {"track": "online", "limit": {"steps": 10}}}
    ranges = {
        "rate": {"low": 1e-5, "high": 1e-1, "scale": "log"},
        "steps": {"low": 2, "high": 4},
        "gamma": [0.5, 0.9],
    }
    path = write(tmp_path, TUNE | agent | {"search": ranges, "budget": {"steps": 60 * 20}})
    trials = make_search(read_tuning(path), "file").trials
    assert trials == make_search(read_tuning(path), "file").trials
    assert trials[0] == {}
    assert len(trials) == 60  # as many as the budget pays for
    rates, steps, gammas = ([t[name] for t in trials[1:]] for name in ranges)
    assert all(1e-5 <= rate <= 1e-1 for rate in rates)
    assert 0.3 < sum(rate < 1e-3 for rate in rates) / 59 < 0.7  # even in the logarithm
    assert set(steps) == {2, 3, 4}
    assert set(gammas) == {0.5, 0.9}
    other = make_search(read_tuning(write(tmp_path, json.loads(path.read_text()) | {"seed": 1})), "file").trials
    assert other[1:] != trials[1:]
    grid = make_search(read_tuning(write(tmp_path, TUNE | {"budget": {"episodes": 600}})), "file")
    assert grid.trials == ({}, {"salt": 1}, {"salt": 2})
    assert all(plan.tuning for plan in grid.plans)


def test_executors_by_name():
    with pytest.raises(ConfigurationError, match="executor 'rya' does not exist; did you mean ray"):
        make_executor("rya")
    with pytest.raises(ConfigurationError, match="add --executor ray"):
        make_executor("local", address="auto")


def test_suites_on_their_own_track_and_on_others(tmp_path, suite):
    path = write(tmp_path, suite.model_dump(mode="json"), "tiny.json")
    file = {"name": "study", "agents": ["random", f"{HERE}:Learner"], "suites": [str(path)]}
    own = expand(SweepFile.model_validate(file), "file").runs
    assert [(r.plan.suite, r.label) for r in own] == 2 * [(suite, "tiny-suite")]
    limited = {"track": "scarce", "limit": {"episodes": 7}}
    expanded = expand(SweepFile.model_validate(file | {"tracks": ["scarce", limited, "offline"]}), "file")
    assert [r.plan.suite for r in expanded.runs[:2]] == [suite, suite]
    assert [r.plan.suite.budget.episodes for r in expanded.runs] == [100, 100, 7, 7, 0]
    assert {task.log.name for task in expanded.runs[-1].plan.suite.tasks} == {"longrec/games/mixed-v0"}
    assert len({r.plan.suite.name for r in expanded.runs}) == 3  # as `longrec evaluate --track` names them
