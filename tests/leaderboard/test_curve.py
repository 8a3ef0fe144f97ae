"""Learning curves: flat for who learns nothing, rising for who learns, the same bytes after a kill."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import typer

from leaderboard.cli import training
from leaderboard.cli.app import app
from leaderboard.cli.curves import budgets
from leaderboard.evaluate.curve.facts import brief, measures
from leaderboard.evaluate.curve.picture import labels
from leaderboard.evaluate.curve.plan import (
    BUDGETS,
    SESSIONS,
    CurvePlan,
    CurvePoint,
    LearningCurve,
    default_budgets,
    make_curve_plan,
)
from leaderboard.evaluate.curve.run import learning_curve
from leaderboard.files import read_model
from recsim_envs.errors import AgentError, ConfigurationError, SubmissionError
from tests.leaderboard.conftest import ENV

HERE = "tests.leaderboard.curve_agents"
PLANTED = f"{HERE}:Planted"
AT = (0, 5, 20)


def plan_of(agent: str, world: Path, *, at=AT, seeds=(0, 1, 2), sessions=60, **parameters) -> CurvePlan:
    return make_curve_plan(
        agent, parameters, ENV, {"world": str(world)}, at=at, training_seeds=seeds, sessions=sessions
    )


@pytest.fixture(scope="module")
def planted(world_path, tmp_path_factory) -> Path:
    """A finished curve; do not change it."""
    out = tmp_path_factory.mktemp("curve") / "planted"
    learning_curve(PLANTED, plan_of(PLANTED, world_path), out)
    return out


@pytest.fixture(scope="module")
def curve(planted) -> LearningCurve:
    return read_model(planted / "learning_curve.json", LearningCurve)


def test_a_planted_learner_rises(curve):
    lengths = [point.metrics["Len"].value for point in curve.points]
    assert lengths[0] == 1.0  # the same item again: every user leaves at the second step
    assert lengths == sorted(set(lengths))
    for metric in ("Len", "R_traj"):
        assert curve.verdict(metric) == "learning shows"
    change = curve.points[-1].less_first["Len"]
    assert change.low > 0
    assert change.value == pytest.approx(lengths[-1] - lengths[0])
    assert curve.points[0].less_first == {}


def test_who_learns_nothing_is_flat(world_path, tmp_path):
    agent = "tests.leaderboard.agents:Learner"  # its sessions differ between budgets by chance only
    curve = learning_curve(agent, plan_of(agent, world_path), tmp_path / "idle")
    for point in curve.points[1:]:
        for metric in ("R_traj", "Len", "R_each"):
            change = point.less_first[metric]
            assert change.low <= 0 <= change.high, (point.budget, metric, change)
    assert curve.verdict("Len") == "no change is resolved"
    assert len({point.metrics["Len"].value for point in curve.points}) > 1  # they did differ


def test_each_point_tells_what_it_took(curve, planted):
    assert [[s.episodes for s in point.spent] for point in curve.points] == [[n] * 3 for n in AT]
    assert [[f["skill"] for f in point.facts] for point in curve.points] == [[n / 20] * 3 for n in AT]
    assert "curve" not in curve.points[-1].facts[0]["training"]  # too long for a point
    assert curve.points[1].measures["repaired"] == 0.75
    assert curve.points[1].measures["fallback"] == 0.25
    assert curve.points[1].measures["critic_auc"] is None
    assert all(len(point.by_seed["Len"]) == 3 for point in curve.points)
    mean = sum(curve.points[1].by_seed["Len"]) / 3
    assert mean == pytest.approx(curve.points[1].metrics["Len"].value)
    assert json.loads((planted / "agent" / "skill.json").read_text()) == 1.0
    assert json.loads((planted / "training.json").read_text())["spent"]["episodes"] == 20


def test_the_picture_stays_within_its_frame(planted):
    text = (planted / "learning_curve.svg").read_text("utf-8")
    root = ET.fromstring(text)
    width, height = float(root.get("width")), float(root.get("height"))
    panels = root.findall("{http://www.w3.org/2000/svg}g")
    assert len(panels) == 2
    for panel in panels:
        lines = [e for e in panel if e.get("points")]
        assert len([e for e in lines if e.get("class") == "seed"]) == 3
        for element in lines:
            pairs = [tuple(map(float, pair.split(","))) for pair in element.get("points").split()]
            assert all(0 <= x <= width / 2 and 0 <= y <= height for x, y in pairs)
            assert len(pairs) == (6 if element.tag.endswith("polygon") else 3)
    assert "Planted" in text


def test_labels_tell_curves_of_models_apart_whose_names_begin_or_end_alike(curve):
    agent = curve.plan.agent
    models = [f"hf:/home/user/models/Llama-3.1-{size}B-{end}" for size in (8, 70) for end in ("it", "its-end-is-alike")]
    plans = (
        curve.plan.model_copy(update={"agent": agent.model_copy(update={"parameters": {"model": m}})}) for m in models
    )
    told = labels([curve.model_copy(update={"plan": plan}) for plan in plans])
    assert len(set(told)) == 4
    assert told[0] == f"{agent.name} on hf:/home/user/models/Llama-3.1-8B-it"


def test_a_killed_command_goes_on_to_the_same_bytes(planted, world_path, tmp_path):
    script = (
        "import sys; from pathlib import Path\n"
        "from leaderboard.evaluate.curve.plan import make_curve_plan\n"
        "from leaderboard.evaluate.curve.run import learning_curve\n"
        f"plan = make_curve_plan({PLANTED!r}, {{'kill_at': 20}}, {ENV!r}, {{'world': sys.argv[1]}},\n"
        f"                       at={AT}, training_seeds=(0, 1, 2), sessions=60)\n"
        "learning_curve(" + repr(PLANTED) + ", plan, Path(sys.argv[2]))\n"
    )
    out, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-c", script, str(world_path)]
    root = Path(__file__).parents[2]
    died = subprocess.run([*command, str(out)], cwd=root, env={**os.environ, "DIE": "1"}, check=False)
    assert died.returncode == 9
    assert sorted(p.name for p in (out / "points").glob("*.parquet")) == ["0-0.parquet", "0-5.parquet"]
    before = {p.name: p.stat().st_mtime_ns for p in (out / "points").glob("*.parquet")}
    plan = plan_of(PLANTED, world_path, kill_at=20)
    learning_curve(PLANTED, plan, out)
    assert {name: (out / "points" / name).stat().st_mtime_ns for name in before} == before
    learning_curve(PLANTED, plan, whole)
    for name in ("learning_curve.json", "learning_curve.svg", "curve.json", "agent/skill.json"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    assert (out / "learning_curve.svg").read_bytes() == (planted / "learning_curve.svg").read_bytes()


def test_a_failing_agent_is_named_and_keeps_its_points(world_path, tmp_path):
    agent = f"{HERE}:NeedsTraining"
    with pytest.raises(AgentError, match=r"NeedsTraining.*seed 0, 0 training .*does not act untrained.*--curve-at"):
        learning_curve(agent, plan_of(agent, world_path, seeds=(0,), sessions=5), tmp_path / "a")
    without = plan_of(agent, world_path, at=(5, 20), seeds=(0,), sessions=5)
    assert [p.budget for p in learning_curve(agent, without, tmp_path / "b").points] == [5, 20]


def test_folders_of_others_are_left_alone(planted, world_path, tmp_path):
    with pytest.raises(ConfigurationError, match=r"another plan \(field at of curve.json"):
        learning_curve(PLANTED, plan_of(PLANTED, world_path, at=(0, 5)), planted)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ConfigurationError, match="holds no learning curve"):
        learning_curve(PLANTED, plan_of(PLANTED, world_path), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_a_damaged_point_is_named(world_path, tmp_path):
    plan, out = plan_of(PLANTED, world_path, seeds=(0,), sessions=5), tmp_path / "curve"
    learning_curve(PLANTED, plan, out)
    file = out / "points" / "0-5.parquet"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(SubmissionError, match=r"0-5\.parquet"):
        learning_curve(PLANTED, plan, out)


def test_what_makes_no_curve_is_refused(world_path):
    with pytest.raises(AgentError, match="nothing to learn"):
        plan_of("random", world_path)
    for at in ((), (5,), (5, 0), (0, 0, 5), (-1, 5)):
        with pytest.raises(ConfigurationError, match="two or more budgets"):
            plan_of(PLANTED, world_path, at=at)
    with pytest.raises(ConfigurationError, match="split"):
        make_curve_plan(PLANTED, {}, ENV, {"split": "train"}, at=AT, training_seeds=(0,))


def test_budgets_from_the_command_line():
    assert default_budgets(100) == (0, 10, 25, 50, 100)
    assert default_budgets(30) == (0, 10, 25, 30)
    assert default_budgets(200) == (0, 10, 25, 50, 100, 200)
    assert list(budgets("0, 7,9", 100)) == [0, 7, 9]
    with pytest.raises(ConfigurationError, match="no list of budgets"):
        budgets("0;7", 100)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"curve": True, "steps": 100, "episodes": 5}, "budgets of one kind"),
        ({"curve": True, "curve_at": "5,7", "curve_steps": "5,7"}, "budgets of one kind"),
        ({"log": "mixed", "steps": 100}, "without interaction"),
        ({"sessions": 5}, "belong to --curve"),
        ({"seeds": 2}, "belong to --curve"),
        ({"curve_at": "0,5"}, "belong to --curve"),
    ],
)
def test_options_that_do_not_go_together(options, text, tmp_path):
    with pytest.raises(ConfigurationError, match=text):
        training.train(PLANTED, ENV, tmp_path / "x", **{"curve": False, **options})


def test_the_command_prints_and_goes_on(world_path, tmp_path, capsys):
    for json_ in (False, True):
        training.train(
            PLANTED, ENV, tmp_path / "x", curve=True, curve_at="0,20", sessions=20,
            option=[f"world={world_path}"], json=json_,
        )  # fmt: skip
    out = capsys.readouterr().out
    table, _, rest = out.partition("Len from 0 to 20 training episodes: ")
    assert "75.0%" in table
    assert rest.startswith("+")
    assert ": learning shows\n{" in rest
    assert LearningCurve.model_validate_json(rest[rest.index("\n{") :]).plan.training_seeds == (0,)


def test_figures_are_read_with_care():
    strange = {"usage": 3, "answers": {"x": 1}, "critic": {"auc": "high"}, "memories": {"a": {"records": True}}}
    assert set(measures([strange, {}]).values()) == {None}
    told = {
        "decisions": 10,
        "usage": {"input_tokens": 90, "output_tokens": 10},
        "critic": {"auc": 0.75},
        "risk": {"brier": 0.125},
        "memories": {"a": {"records": 3}, "b": {"records": 4}},
        "actor_memory": {"same": 1, "near": 3},
        "prompt_characters_per_call": 800,
        "reusable_prefix_share": 0.5,
    }
    found = measures([told])
    assert found["tokens_per_decision"] == 10.0
    assert found["leaving_brier"] == 0.125
    assert (found["prompt_characters"], found["reusable_prefix"]) == (800.0, 0.5)
    assert (found["critic_auc"], found["memory_records"], found["memory_hits"]) == (0.75, 7.0, 0.25)
    assert measures([told, {}])["critic_auc"] is None  # a mean over some of the seeds would mislead
    assert measures([{"reflections": ["a", "b"]}])["memory_records"] == 2.0
    assert brief({"a": [1] * 33, "b": {"c": [1] * 32}}) == {"b": {"c": [1] * 32}}
    assert brief({"waited_seconds": {"test": 0.5}, "calls": 2}) == {"calls": 2}


def test_the_page_says_what_is_written_and_how():
    text = (Path(__file__).parents[2] / "docs" / "learning-curves.md").read_text("utf-8")
    for name in CurvePoint.model_fields:
        assert f"`{name}`" in text
    commands = re.findall(r"^    longrec (train .*)$", text.split("\n## ")[0], re.M)
    assert len(commands) == 4
    for command in commands:
        typer.main.get_command(app).commands["train"].make_context("train", command.split()[1:])
    assert ",".join(map(str, BUDGETS["episodes"][:5])) in text
    assert f"| `--sessions` | {SESSIONS} |" in text
