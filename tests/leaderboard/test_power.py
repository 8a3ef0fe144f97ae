"""What a suite can tell apart, from recorded runs; and what the suite of record promises."""

from __future__ import annotations

import json
from shutil import copytree

import pytest
from typer.testing import CliRunner

from leaderboard.cli.app import app
from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.evaluate.build import checked_fingerprint, suite_worlds
from leaderboard.power import WHOLE, recorded, suite_power
from leaderboard.schema import Suite
from leaderboard.suites import builtin_suites
from recsim_envs.errors import ConfigurationError, PlatformError, WorldError
from recsim_envs.measured import measured
from tests.leaderboard.edits import edit

WRONG = "0" * 64
pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture(scope="module")
def suite(suite):
    return suite.model_copy(update={"training_seeds": (0, 1, 2, 3, 4)})


@pytest.fixture(scope="module")
def pilot(suite, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pilot")
    paths = [folder / agent for agent in ("random", "oracle", "popular", "greedy", "greedy-no-repeat")]
    for path in paths:
        evaluate(Job(path.name, path), suite, workers=1)
    return paths


def with_quotas(suite: Suite, factor: int) -> Suite:
    tasks = tuple(task.model_copy(update={"episodes": factor * task.episodes}) for task in suite.tasks)
    return suite.model_copy(update={"name": "planned", "tasks": tasks})


def test_more_sessions_find_smaller_differences(suite, pilot):
    tables = recorded(suite, pilot)
    now, later = (suite_power(with_quotas(suite, factor), tables) for factor in (1, 4))
    assert [row.label for row in now] == ["Games-v0", "Games-v0", WHOLE]
    assert [row.sessions for row in later] == [100, 40, 140]
    assert now[0].pairs == 6  # of four agents: the oracle competes with nobody
    for few, many in zip(now, later, strict=True):
        assert many.median < 0.6 * few.median
        assert many.share >= few.share
    assert now[-1].median < max(row.median for row in now[:-1])


def test_what_is_needed_suffices(suite, pilot):
    tables = recorded(suite, pilot)
    first = suite_power(suite, tables, wanted=0.2)[0]
    enough = suite.model_copy(update={"tasks": (suite.tasks[0].model_copy(update={"episodes": 2 * first.needed}),)})
    assert suite_power(enough, tables, wanted=0.2)[0].share >= 0.5


def test_a_pilot_without_a_scale_is_refused(suite, pilot):
    with pytest.raises(ConfigurationError, match=r"0 tables of longrec/Games-v0 on track scarce .* name the folders"):
        suite_power(suite, recorded(suite, pilot[2:]))


def test_the_command_tells_it(suite, pilot, tmp_path):
    file = tmp_path / "tiny.json"
    file.write_text(suite.model_dump_json())
    done = CliRunner().invoke(app, ["suites", "power", str(file), *map(str, pilot), "--json"])
    assert done.exit_code == 0
    assert [row["sessions"] for row in json.loads(done.stdout)] == [25, 10, 35]


def test_the_results_become_a_page(suite, pilot, tmp_path):
    file, page = tmp_path / "tiny.json", tmp_path / "results.md"
    file.write_text(suite.model_dump_json())
    done = CliRunner().invoke(app, ["suites", "results", str(file), *map(str, pilot), "--out", str(page)])
    assert done.exit_code == 0
    scores = page.read_text("utf-8").split("## Scores by environment")[1].split("##")[0]
    assert [path.name for path in pilot if f"| {path.name} |" not in scores] == []


def test_the_page_is_of_the_others_where_some_cannot_be_replayed(suite, pilot, tmp_path):
    """One was played on another world, which is nobody's fault; one is false, which is told and ends with 1."""
    file, page = tmp_path / "tiny.json", tmp_path / "results.md"
    file.write_text(suite.model_dump_json())
    elsewhere, false, *_ = (copytree(path, tmp_path / path.name) for path in pilot[-2:])
    worlds = json.loads((elsewhere / "submission.json").read_text())["worlds"]
    edit(elsewhere, worlds=[world | {"sha256": "0" * 64} for world in worlds])
    command = ["suites", "results", str(file), *map(str, pilot[:-2]), str(elsewhere), "--out", str(page)]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert f"| {elsewhere.name} |" not in page.read_text("utf-8")
    edit(false, traces_sha256="0" * 64)
    assert CliRunner().invoke(app, [*command, str(false)]).exit_code == 1
    assert f"| {false.name} |" not in page.read_text("utf-8")


def test_a_suite_is_fixed_and_held_to_it(suite, tmp_path):
    file = tmp_path / "tiny.json"
    file.write_text(suite.model_dump_json())
    assert CliRunner().invoke(app, ["suites", "fix", str(file)]).exit_code == 0
    fixed = Suite.model_validate_json(file.read_text())
    assert suite_worlds(fixed)[0].sha256 == fixed.tasks[0].world
    assert checked_fingerprint(fixed.tasks[1]) == fixed.tasks[1].fingerprint
    other = fixed.model_copy(update={"tasks": (fixed.tasks[0].model_copy(update={"world": WRONG}),)})
    with pytest.raises(
        WorldError, match=r"suite tiny-suite fixes the world of longrec/Games-v0 by its hash 0+, and here"
    ):
        suite_worlds(other)
    with pytest.raises(PlatformError, match=r"the suite fixes longrec/Games-v0 by the fingerprint 0+, and here"):
        checked_fingerprint(fixed.tasks[0].model_copy(update={"fingerprint": WRONG}))


def test_the_suite_of_record_is_what_it_says():
    suite = builtin_suites()["longrec-v1"]
    gaps = [measured(task.env_id) for task in suite.tasks]
    assert len(gaps) >= 10
    assert all(
        gap is not None and gap.ranked and gap.options == task.options
        for gap, task in zip(gaps, suite.tasks, strict=True)
    )
    assert len(suite.training_seeds) >= 5
    assert min(task.episodes for task in suite.tasks) >= 200
    assert [world.sha256 for world in suite_worlds(suite)] == [task.world for task in suite.tasks]
    assert [checked_fingerprint(task) for task in suite.tasks] == [task.fingerprint for task in suite.tasks]


def test_suites_are_listed_and_shown():
    listed = CliRunner().invoke(app, ["suites", "list", "--json"])
    assert set(json.loads(listed.stdout)) == set(builtin_suites())
    shown = CliRunner().invoke(app, ["suites", "show", "longrec-v1"])
    assert "longrec/VideosChurn-v0" in shown.stdout
    assert builtin_suites()["longrec-v1"].tasks[0].world[:12] in shown.stdout
