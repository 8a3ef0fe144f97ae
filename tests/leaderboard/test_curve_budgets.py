"""Curves against steps and logged sessions, over processes, with what overfitting shows; several in one picture."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from leaderboard.cli import training
from leaderboard.cli.curves import amount, budgets, compare_curves
from leaderboard.evaluate.curve.compare import compare, load_curves
from leaderboard.evaluate.curve.picture import Budgets, picture, short
from leaderboard.evaluate.curve.plan import default_budgets, make_curve_plan
from leaderboard.evaluate.curve.run import learning_curve
from leaderboard.schema import LogRef
from recsim_envs.errors import AgentError, ConfigurationError, SubmissionError
from tests.leaderboard.conftest import ENV

HERE = "tests.leaderboard.curve_agents"
PLANTED, OVERFITS = f"{HERE}:Planted", f"{HERE}:Overfits"
LEARNER = "tests.leaderboard.log_agents:LogLearner"
LOG = "longrec/games/mixed-v0"
pytestmark = pytest.mark.usefixtures("home_of_file")


def plan_of(agent, world, at=(2, 20), seeds=(0, 1), sessions=40, **options):
    return make_curve_plan(
        agent, {}, ENV, {"world": str(world)}, at=at, training_seeds=seeds, sessions=sessions, **options
    )


@pytest.fixture(scope="module")
def curves(world_path, tmp_path_factory):
    """Two finished curves in folders of their own; do not change them."""
    home = tmp_path_factory.mktemp("curves")
    learning_curve(PLANTED, plan_of(PLANTED, world_path, at=(2, 20), train_sessions=30), home / "planted")
    learning_curve(OVERFITS, plan_of(OVERFITS, world_path, at=(2, 200), train_sessions=30), home / "overfits")
    return [home / "planted", home / "overfits"]


def test_overfitting_shows_as_a_gap_and_its_absence_does_not(curves):
    planted, overfits = load_curves(curves)
    gap = overfits.points[-1].gap["Len"]
    assert gap.low > 0  # all train users are known after 200 sessions
    test, train = overfits.points[-1].metrics["Len"].value, overfits.points[-1].train["Len"].value
    assert train - test == pytest.approx(gap.value)
    fair = planted.points[-1].gap["Len"]
    assert fair.low <= 0 <= fair.high


def test_the_spread_is_that_of_the_seeds(curves):
    point = load_curves(curves)[0].points[0]
    one, other = point.by_seed["Len"]
    assert point.spread["Len"] == pytest.approx(abs(one - other) / 2**0.5)


def test_processes_change_no_byte(curves, world_path, tmp_path):
    plan = plan_of(PLANTED, world_path, at=(2, 20), train_sessions=30)
    told = []
    learning_curve(PLANTED, plan, tmp_path / "two", lambda *news: told.append(news), workers=2)
    for name in ("learning_curve.json", "learning_curve.svg", "curve.json", "agent/skill.json"):
        assert (tmp_path / "two" / name).read_bytes() == (curves[0] / name).read_bytes()
    ends = {news[0]: news for news in told}
    assert {(name, done, total) for name, done, total, _ in ends.values()} == {
        ("training seed 0", 2.0, 2), ("training seed 1", 2.0, 2)
    }  # fmt: skip
    assert not list((tmp_path / "two" / "points").glob("*.training"))


def test_budgets_in_steps_are_metered_in_steps(world_path, tmp_path):
    agent = "tests.leaderboard.agents:Learner"
    plan = plan_of(agent, world_path, at=(14, 70), sessions=10, unit="steps")
    curve = learning_curve(agent, plan, tmp_path / "steps")
    assert [[spent.steps for spent in point.spent] for point in curve.points] == [[14, 14], [70, 70]]
    assert plan.words(14) == "14 training steps"
    assert "training steps" in (tmp_path / "steps" / "learning_curve.svg").read_text()
    assert curve.points[0].train == curve.points[0].gap == {}


def test_budgets_of_a_log_are_its_sessions(world_path, tmp_path):
    log = LogRef(name=LOG, sessions=60)
    plan = plan_of(LEARNER, world_path, at=(5, 60), sessions=10, log=log)
    curve = learning_curve(LEARNER, plan, tmp_path / "log")
    assert plan.unit == "sessions"
    assert [[facts["sessions"] for facts in point.facts] for point in curve.points] == [[5, 5], [60, 60]]
    assert {(s.episodes, s.steps) for point in curve.points for s in point.spent} == {(0, 0)}
    assert json.loads((tmp_path / "log" / "training.json").read_text())["log"]["name"] == LOG
    with pytest.raises(ConfigurationError, match="has 60 sessions, fewer than 61; ask for a larger one"):
        plan_of(LEARNER, world_path, at=(5, 61), log=log)
    with pytest.raises(AgentError, match="learns from logs; give one with --log"):
        plan_of(LEARNER, world_path)
    with pytest.raises(AgentError, match="learns by interaction, not from logs; leave --log out"):
        plan_of(PLANTED, world_path, log=log)


def test_a_failing_point_is_named(world_path, tmp_path):
    agent = f"{HERE}:NeedsTraining"
    with pytest.raises(AgentError, match=r"NeedsTraining, longrec/Games-v0, training seed \d, 0 training episodes"):
        learning_curve(agent, plan_of(agent, world_path, at=(0, 5), sessions=5), tmp_path / "a")


def test_a_point_cannot_exceed_its_budget(world_path, tmp_path):
    agent = "tests.leaderboard.log_agents:Cheat"
    for unit in ("episodes", "steps"):
        with pytest.raises(AgentError, match=rf"Cheat, .*seed 0, 5 training {unit}: the training budget is spent"):
            learning_curve(agent, plan_of(agent, world_path, at=(5, 9), sessions=5, unit=unit), tmp_path / unit)


def test_curves_beside_each_other(curves, tmp_path, capsys):
    found = compare(curves, load_curves(curves))
    shared = [line for line in found if line.curve == 1 and line.budget == 2 and line.metric == "Len"]
    one, other = (load_curves(curves)[n].points[0].metrics["Len"].value for n in (0, 1))
    assert shared[0].less_first.value == pytest.approx(other - one)
    assert shared[0].less_first.low <= shared[0].less_first.value <= shared[0].less_first.high
    assert all(line.less_first is None for line in found if line.curve == 0 or line.budget == 200)
    compare_curves(curves, tmp_path / "both.svg")
    assert "less Planted paired by user" in capsys.readouterr().out
    root = ET.fromstring((tmp_path / "both.svg").read_text("utf-8"))
    text = " ".join(root.itertext())
    assert "Planted" in text
    assert "Overfits" in text
    assert len(root.findall(".//{http://www.w3.org/2000/svg}polygon")) == 4
    compare_curves(curves, json=True)
    assert len(json.loads(capsys.readouterr().out)) == len(found)


def test_what_cannot_be_compared(curves, world_path, tmp_path):
    learning_curve(PLANTED, plan_of(PLANTED, world_path, sessions=7), tmp_path / "other")
    with pytest.raises(ConfigurationError, match=r"differ in task\.episodes \(40 and 7\)"):
        load_curves([curves[0], tmp_path / "other"])
    learning_curve(PLANTED, plan_of(PLANTED, world_path, at=(2, 9), unit="steps"), tmp_path / "steps")
    with pytest.raises(ConfigurationError, match=r"differ in unit \(episodes and steps\)"):
        load_curves([curves[0], tmp_path / "steps"])
    with pytest.raises(ConfigurationError, match="holds no finished learning curve"):
        load_curves([tmp_path])
    (tmp_path / "other" / "points" / "0-2.parquet").unlink()
    with pytest.raises(SubmissionError, match=r"0-2\.parquet"):
        compare([tmp_path / "other"], load_curves([tmp_path / "other"]))


def test_a_log_axis_where_budgets_span_decades(curves):
    wide = Budgets((0, 1, 10, 100, 1000))
    places = [wide.place(n) for n in wide.amounts]
    assert wide.log
    assert [b - a for a, b in pairwise(places[1:])] == pytest.approx([1.0, 1.0, 1.0])
    assert places[0] < places[1]
    assert [label for _, label in wide.ticks()] == ["0", "1", "10", "100", "1k"]
    assert not Budgets((0, 5, 20)).log
    assert [short(n) for n in (25, 2500, 10**6)] == ["25", "2.5k", "1M"]
    assert picture(load_curves(curves[:1])).count('class="seed"') == 4


def test_budgets_as_people_write_them():
    assert list(budgets("0,1k, 2.5k,1M", 100)) == [0, 1000, 2500, 10**6]
    assert default_budgets(50_000, "steps") == (1_000, 10_000, 50_000)
    assert default_budgets(10_000, "sessions") == (10, 100, 1_000, 10_000)
    for text in ("1.0001k", "1K", "k", "1e3", "-"):
        with pytest.raises(ValueError, match=r".*"):
            amount(text)


def test_the_command_takes_logs_and_steps(world_path, tmp_path, capsys):
    option = [f"world={world_path}"]
    common = {"option": option, "curve": True, "sessions": 8, "train_sessions": 0, "json": True}
    training.train(LEARNER, ENV, tmp_path / "a", log="mixed", log_sessions=30, curve_at="5,30", **common)
    assert json.loads(capsys.readouterr().out)["plan"]["task"]["log"] == {
        "name": LOG, "sessions": 30, "seed": 0, "sha256": None
    }  # fmt: skip
    agent = "tests.leaderboard.agents:Learner"
    training.train(agent, ENV, tmp_path / "b", curve_steps="14,70", **common)
    assert json.loads(capsys.readouterr().out)["plan"]["unit"] == "steps"
    training.train(LEARNER, ENV, tmp_path / "c", log=LOG, log_sessions=20, option=option)
    assert f"trained on 20 sessions of {LOG}" in capsys.readouterr().err
    assert json.loads((tmp_path / "c" / "agent" / "best.json").read_text())
