"""The gate: every variant meets the same users, differences are paired by world, a killed run goes on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

from bilp_agent.pocket.evaluate import (
    AFTER,
    PLAIN,
    WITHOUT,
    Outcome,
    kept_outcomes,
    main,
    outcome,
    place_of_family,
    play,
    summary,
    variants,
)
from recsim_envs.errors import AgentError
from recsim_envs.spec import Agent

app = Typer()
app.command()(main)


@pytest.mark.parametrize("family", ["departure", "slates"])
def test_full_is_the_teacher_where_the_model_is_the_teacher(family: str):
    agents = variants("scripted")
    assert set(agents) == {"full", "teacher", *WITHOUT, *AFTER, *PLAIN}
    full, teacher = (outcome(agents[name], name, 2, 0, 4, 6, family=family) for name in ("full", "teacher"))
    assert (full.earned, full.kept) == (teacher.earned, teacher.kept)
    assert full.kept > 0


@pytest.mark.parametrize("family", ["departure", "slates"])
def test_every_agent_meets_the_same_users(family: str):
    seen, place = [], place_of_family(family, "gate", 5)

    class Looks(Agent):
        def act(self, observations, infos, sessions):
            if not sessions.steps.any():
                seen.append({key: value.copy() for key, value in observations.items()})
            return np.zeros((len(sessions.lanes), *place.task.action_space.shape), np.int64)

    (one, kept), (again, _) = (play(Looks(), place, 8, 3) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    for key, value in seen[0].items():
        np.testing.assert_array_equal(value, seen[1][key])
    assert (kept >= 0).all()
    assert (kept <= place.task.horizon).all()


def test_differences_are_paired_within_worlds():
    rows = [Outcome(w, s, "full", 10.0 * w + s, 1.0) for w in range(5) for s in range(2)]
    rows += [Outcome(w, 0, "random", 10.0 * w - 2.0, 1.0) for w in range(4)]
    found = next(r for r in summary(rows) if r["variant"] == "random" and r["figure"] == "earned")
    assert found["worlds"] == 4
    assert found["full_less_it"] == found["low"] == found["high"] == pytest.approx(2.5)


def test_what_learns_is_compared_in_seeds_that_both_have():
    rows = [Outcome(w, 0, "full", 10.0 * w, 1.0) for w in range(3)]  # stopped before the seeds that others had
    rows += [Outcome(w, s, "teacher", 10.0 * w - 1.0 + 50.0 * s, 1.0) for w in range(3) for s in range(3)]
    found = next(r for r in summary(rows) if r["variant"] == "teacher" and r["figure"] == "earned")
    assert (found["worlds"], found["mean"]) == (3, pytest.approx(9.0))
    assert found["full_less_it"] == found["low"] == found["high"] == pytest.approx(1.0)
    assert summary([Outcome(0, 0, "random", 1.0, 1.0)]) == []  # killed before full played: nothing to compare yet


def test_the_command_goes_on_where_it_was_killed(tmp_path: Path):
    out = tmp_path / "gate.jsonl"
    command = ["--model", "scripted", "--worlds", "2", "--seeds", "1", "--train", "2", "--test", "3"]
    assert CliRunner().invoke(app, [*command, "--out", str(out)]).exit_code == 0
    lines = out.read_text().splitlines()
    out.write_text("\n".join(lines[:5]) + "\n" + lines[5][:17])  # killed while it wrote
    result = CliRunner().invoke(app, [*command, "--out", str(out)])
    assert result.exit_code == 0
    assert out.read_text().splitlines() == lines
    assert "no reflections" in result.output
    assert not any(name in result.output for name in AFTER)  # played only where they are named
    again = [*command, "--out", str(out), "--worlds", "3", "--only", "random"]  # of a third world no more than these
    assert CliRunner().invoke(app, again).exit_code == 0
    assert [json.loads(line)["variant"] for line in out.read_text().splitlines()[len(lines) :]] == ["full", "random"]
    result = CliRunner().invoke(app, [*command, "--out", str(out), "--only", "half"])
    assert result.exit_code == 2
    assert "half" in result.output


def test_a_learning_curve_is_of_the_same_agent_with_fewer_training_sessions(tmp_path: Path):
    out = tmp_path / "curve.jsonl"
    curve = ["--model", "scripted", "--worlds", "2", "--seeds", "1", "--test", "3", "--out", str(out)]
    earlier = ["--only", "after 0 sessions", "--only", "after 10 sessions"]
    assert CliRunner().invoke(app, [*curve, "--train", "12", *earlier]).exit_code == 0
    played = [Outcome(**json.loads(line)) for line in out.read_text().splitlines()[1:]]
    assert {o.variant for o in played} == {"full", "after 0 sessions", "after 10 sessions"}
    for found in (o for o in played if o.world == 1):  # as an agent with such a budget does
        train = AFTER.get(found.variant, 12)
        assert outcome(variants("scripted")["full"], found.variant, 1, 0, train, 3) == found
    result = CliRunner().invoke(app, [*curve, "--train", "10", "--only", "after 10 sessions"])
    assert result.exit_code == 2
    assert "is no earlier than full, which has --train 10" in " ".join(result.output.replace("│", " ").split())


def test_outcomes_of_other_options_and_damaged_lines_are_refused(tmp_path: Path):
    out, options = tmp_path / "new" / "gate.jsonl", {"model": "scripted", "test": 3}
    assert kept_outcomes(out, options) == kept_outcomes(out, options) == []
    with pytest.raises(AgentError, match=r"gate.jsonl: .*test 3 there, 20 here.*another --out"):
        kept_outcomes(out, options | {"test": 20})
    row = {"world": 0, "seed": 0, "variant": "full", "earned": 1.0, "kept": 2.0}
    begun = out.read_text()
    out.write_text(begun + json.dumps(row) + "\n")
    assert kept_outcomes(out, options) == [Outcome(**row)]
    for damaged in ('{"world": 0, "se', "7", '{"world": 0}'):
        out.write_text(f"{begun}{json.dumps(row)}\n{damaged}\n")
        with pytest.raises(AgentError, match=r"gate.jsonl: line 3 cannot be read .*delete the line"):
            kept_outcomes(out, options)
    out.write_text(json.dumps(row) + "\n")  # of a version that wrote no options
    with pytest.raises(AgentError, match="another --out"):
        kept_outcomes(out, options)
