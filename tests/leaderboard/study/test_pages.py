"""From replayed submissions to pages: what is compared, what is missing, and the same bytes again."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from bilp_agent.llm.registry import prompts_for
from leaderboard.board.groups import Member
from leaderboard.board.summary import Summary
from leaderboard.evaluate.curve.plan import CurvePlan, CurvePoint, LearningCurve
from leaderboard.replay import verify
from leaderboard.schema import Estimate, SpentBudget, json_hash
from leaderboard.stats import difference
from leaderboard.study.contrast import COLUMNS, contrasts, named
from leaderboard.study.models import own_prompts
from leaderboard.study.popularity import long_tail, shown
from leaderboard.study.question import Answer
from leaderboard.study.questions import QUESTIONS
from leaderboard.study.records import Records, Table, Told, records_of
from leaderboard.study.write import answers, write
from tests.leaderboard.study.conftest import SCRIPTED

BRIEF = SCRIPTED | {"prompts": "compact"}
POCKET: dict[str, object] = {"model": "pocket", "prompts": "compact"}


@pytest.fixture(scope="session")
def found(records: Records) -> dict[str, Answer]:
    return answers(records)


def test_tables_without_both_ends_of_the_scale_or_with_few_seeds_are_left_out(summaries: list[Summary]) -> None:
    assert [t.usual for t in records_of(summaries).tables] == [True, False]
    without = records_of([s for s in summaries if s.submission.agent.name != "oracle"])
    assert not without.tables
    assert "random or oracle is missing" in without.left_out[0]


def test_a_contrast_is_the_paired_difference_in_score_at_a_level_that_all_share(table: Table) -> None:
    (billp,) = table.on_models("billp")
    greedy, act_only = table.plain("greedy"), table.plain("act-only")
    assert greedy is not None
    assert act_only is not None
    alone, wider = contrasts(table, [("", billp, greedy)])[0], contrasts(table, [("", billp, greedy)] * 4)[0]
    paired = difference(billp.returns, greedy.returns)
    assert paired is not None
    assert alone.less.value == pytest.approx(paired.value * table.scale)
    assert alone.less.low == pytest.approx((paired.low or 0.0) * table.scale)
    for one in (alone, wider):
        assert one.less.low is not None
        assert one.less.high is not None
    assert (wider.less.high or 0) - (wider.less.low or 0) > (alone.less.high or 0) - (alone.less.low or 0)


def test_ablations_stand_in_no_other_question(table: Table) -> None:
    (billp,) = table.named(["billp"])
    assert billp.row.parameters == SCRIPTED
    assert table.label(_ablated(table)) == "billp on scripted (use_reflector=false)"


def test_commands_are_those_of_other_rows_with_their_words_quoted(table: Table) -> None:
    given = ("longrec", "evaluate", "random", "--suite", "my suite.json", "--out", "here", "-o", "window=2; rm x")
    members = tuple(replace(m, row=m.row.model_copy(update={"command": given})) for m in table.group.members)
    other = Table(replace(table.group, members=members))
    assert other.command("react") == "longrec evaluate react --suite 'my suite.json' -o 'window=2; rm x'"


def test_every_question_that_has_records_is_answered(found: Mapping[str, Answer]) -> None:
    run = {name for name, answer in found.items() if answer.sheets}
    assert run == {"planning", "rivals", "ablations", "robustness", "long-tail", "no-repeat"}
    assert found["learning"].verdict == "not run"
    assert {line[3] for line in found["robustness"].sheets[0].lines} == {"act-only"}
    assert {m.what.split()[0] for m in found["rivals"].missing} == {"billp", "react", "reflexion", "ppo"}
    assert len(found["ablations"].missing) == 5
    assert all(" -p model=scripted -p use_" in m.command for m in found["ablations"].missing)
    assert "base model: not run" in found["robustness"].verdict


@pytest.mark.parametrize(
    ("given", "writer", "compared"),
    [
        ({}, SCRIPTED, True),  # the default is pocket here; each in its own prompts
        ({"model": "pocket"}, SCRIPTED, True),
        (POCKET, SCRIPTED, True),  # which names the prompts that it is asked in anyway
        ({"model": "hf:other"}, SCRIPTED, True),
        ({}, BRIEF, True),  # which pocket reads
        (POCKET, BRIEF, True),
        ({"model": "pocket", "prompts": "full"}, SCRIPTED, True),
        ({"model": "pocket", "prompts": "full"}, BRIEF, False),
        ({"model": "hf:other", "prompts": "compact"}, SCRIPTED, False),
        ({"model": "hf:other", "prompts": "compact"}, BRIEF, True),
        ({"model": "hf:other"}, BRIEF, False),
        ({"gamma": 0.9}, SCRIPTED, False),
    ],
)
def test_a_language_model_is_held_against_the_writer_that_differs_in_nothing_else(
    records: Records, table: Table, given: dict[str, object], writer: dict[str, object], compared: bool
) -> None:
    (other,) = table.on_models("billp")
    members = {other: _renamed(other, writer), _ablated(table): _renamed(_ablated(table), given)}
    made = tuple(members.get(m, m) for m in table.group.members)
    answer = answers(Records((Table(replace(table.group, members=made)),)))["robustness"]
    assert ("base model: not run" not in answer.verdict) == compared
    label = "billp on scripted (prompts=compact)" if writer == BRIEF else "billp on scripted"
    others = [html.unescape(line[3]) for sheet in answer.sheets for line in sheet.lines]
    assert others == ([label] if compared else [])
    missing = [m.what for m in answer.missing]
    assert ("billp on pocket" in missing) == (given not in ({}, {"model": "pocket"}, POCKET))
    assert ("billp on scripted" in missing) == (writer != SCRIPTED)
    assert ("billp on scripted (prompts=compact)" in missing) == (writer != BRIEF)


@pytest.mark.parametrize("pocket", [{}, POCKET])
def test_pocket_stands_beside_the_writer_and_the_writer_in_other_prompts_does_not(
    records: Records, table: Table, pocket: dict[str, object]
) -> None:
    more = [_renamed(_ablated(table), parameters) for parameters in (pocket, BRIEF)]
    members = (*table.group.members, *more)
    found = answers(Records((Table(replace(table.group, members=members)),)))
    for name in ("planning", "rivals", "no-repeat"):
        assert {line[2] for line in found[name].sheets[0].lines} == {"billp on pocket", "billp on scripted"}, name
    assert re.match("billp on pocket against ActOnly.*; billp on scripted against ActOnly", found["rivals"].verdict)
    assert {line[6] for line in found["long-tail"].sheets[0].lines} == {"", "billp on pocket", "billp on scripted"}
    assert {line[2] for line in found["ablations"].sheets[0].lines} == {"billp on scripted"}
    models = [line[2:4] for line in found["robustness"].sheets[0].lines]
    assert [[first, html.unescape(second)] for first, second in models] == [
        ["billp on pocket", "billp on scripted"],
        ["billp on pocket", "billp on scripted (prompts=compact)"],
    ]
    assert re.search(
        r"base model, billp on pocket against billp on scripted: [a-z ]+; "
        r"base model, billp on pocket against billp on scripted \(prompts=compact\): [a-z ]+$",
        found["robustness"].verdict,
    )


@pytest.mark.parametrize("model", ["scripted", "pocket", "pocket:runs/mine", "hf:pocket", "openai:m@http://localhost"])
def test_the_study_knows_the_prompts_that_a_model_is_asked_in(model: str) -> None:
    assert own_prompts(model) == prompts_for(model)


def test_what_compact_prompts_cannot_do_without_is_not_asked_for(table: Table) -> None:
    pocket, without = (_renamed(_ablated(table), POCKET | more) for more in ({}, {"use_critic": False}))
    members = (*table.group.members, pocket, without)
    missing = answers(Records((Table(replace(table.group, members=members)),)))["ablations"].missing
    told = [m.command for m in missing if "-p model=pocket" in m.command]
    assert len(told) == 4
    assert not any("use_tools" in command for command in told)


def test_ablations_of_each_planner_are_held_against_itself(table: Table) -> None:
    without = _ablated(table)
    plus = [_renamed(m, SCRIPTED | more, "billp-plus") for m, more in ((without, {}), (without, {"use_critic": False}))]
    answer = answers(Records((Table(replace(table.group, members=(*table.group.members, *plus))),)))["ablations"]
    pairs = [tuple(html.unescape(cell) for cell in line[2:4]) for line in answer.sheets[0].lines]
    assert pairs == [
        ("billp on scripted", "billp on scripted (use_reflector=false)"),
        ("billp-plus on scripted", "billp-plus on scripted (use_critic=false)"),
    ]
    assert "billp-plus on scripted, Critic: " in answer.verdict


def test_the_verdict_of_a_page_is_that_of_its_lines(found: Mapping[str, Answer]) -> None:
    lines = found["rivals"].sheets[0].lines
    assert len(lines) == 1
    said = {"ActOnly, ReAct, Reflexion": lines[0][COLUMNS.index("verdict")], "reinforcement learning": "not run"}
    told = [f"billp on scripted against {kind}: {word}" for kind, word in said.items()]
    assert found["rivals"].verdict == "; ".join(told)


def test_planning_counts_where_it_pays_apart_and_names_all_that_were_there(found: Mapping[str, Answer]) -> None:
    planning = found["planning"]
    assert re.match(
        "where planning pays: not run; where it does not: billp on scripted, 3 sessions: [a-z ]+$", planning.verdict
    )
    (held,) = next(sheet for sheet in planning.sheets if sheet.title == "Held against").lines
    assert held[2:] == ["3", "best-rated, greedy, greedy-no-repeat"]
    assert {source.split("/")[0] for source in planning.sources} == {
        "billp",
        "best-rated",
        "greedy",
        "greedy-no-repeat",
    }


def test_what_was_shown_from_the_long_tail_adds_up_to_what_was_earned(table: Table) -> None:
    (member,) = table.on_models("billp")
    parts, outcomes = shown(member), verify(member.summary.path).outcomes[0]
    assert outcomes.catalogue is not None
    tail = long_tail(outcomes.catalogue.popularity)[outcomes.items]
    assert parts.share.value == pytest.approx(tail.mean())
    assert parts.tail.numerator.sum() + parts.head.numerator.sum() == pytest.approx(outcomes.rewards.sum(), rel=1e-5)
    assert np.array_equal(parts.share.denominator.sum(axis=1), outcomes.lengths.sum(axis=1))


def test_pages_name_verdict_pictures_and_sources_and_are_the_same_bytes_again(
    found: Mapping[str, Answer], records: Records, tmp_path: Path
) -> None:
    told = replace(records, left_out=("a world: not here",))
    files = write(found, told, tmp_path / "one")
    again = write(answers(records), told, tmp_path / "two")
    assert [f.read_bytes() for f in files] == [f.read_bytes() for f in again]
    page = (tmp_path / "one" / "rivals.md").read_text("utf-8")
    assert "](rivals.svg)" in page
    assert "`act-only/" in page
    index = (tmp_path / "one" / "index.md").read_text("utf-8")
    assert all(f"[{q.title}]({q.name}.md) | {found[q.name].verdict} |" in index for q in QUESTIONS)
    assert "* a world&#58; not here" in index


def test_pages_say_how_many_agents_were_run_again(records: Records, tmp_path: Path) -> None:
    (usual,) = records.usual
    rows = [m.row.model_copy(update={"badge": "re-run"} if m.row.agent == "billp" else {}) for m in usual.group.members]
    members = tuple(replace(m, row=row) for m, row in zip(usual.group.members, rows, strict=True))
    again = replace(records, tables=(Table(replace(usual.group, members=members)),))
    write(answers(again), again, tmp_path)
    assert "from 2 submissions" in (tmp_path / "rivals.md").read_text("utf-8")
    assert "agents of 1 of them were [run again]" in (tmp_path / "rivals.md").read_text("utf-8")
    assert not records.confirmed


def test_pictures_are_svg_and_draw_every_comparison(found: Mapping[str, Answer]) -> None:
    root = ElementTree.fromstring(found["planning"].pictures[""])
    dots = [node for node in root.iter() if node.tag.endswith("circle")]
    assert len(dots) == len(found["planning"].sheets[0].lines)


def test_without_records_nothing_was_run_and_pages_say_what_would(tmp_path: Path) -> None:
    empty = answers(Records(()))
    write(empty, Records(()), tmp_path)
    for question in QUESTIONS:
        assert set(re.findall(r"yes|not told apart|not run", empty[question.name].verdict)) <= {"not run"}
        assert "Not run" in (tmp_path / f"{question.name}.md").read_text("utf-8")


def test_curves_are_judged_by_their_change_and_their_gap(records: Records, summaries: list[Summary]) -> None:
    answer = answers(Records(records.tables, (_told(summaries, "ppo", -0.5, 2.0), _told(summaries, "billp", 1.0, 3.0))))
    learning, scarcity = answer["learning"], answer["scarcity"]
    assert learning.verdict == "ppo on scripted: not told apart; billp on scripted: yes"
    assert sorted(learning.pictures) == ["games-v0-billp", "games-v0-ppo"]
    assert "overfits: yes, in all 2 comparisons" in scarcity.verdict
    assert len(scarcity.sheets[-1].lines) == 2
    assert learning.sources == {"ppo/tiny", "billp/tiny"}


@pytest.mark.parametrize(
    ("given", "asked", "name"),
    [
        ({}, "pocket", "billp on pocket"),
        ({}, "scripted", "billp"),  # as in the tables
        (SCRIPTED, "scripted", "billp on scripted"),
        ({"gamma": 0.9}, "pocket", "billp on pocket (gamma=0.9)"),
    ],
)
def test_curves_name_the_model_that_was_asked_by_default(
    summaries: list[Summary], given: dict[str, object], asked: str, name: str
) -> None:
    told = _told(summaries, "billp", 1.0, 3.0)
    plan = told.curve.plan
    plan = plan.model_copy(update={"agent": plan.agent.model_copy(update={"parameters": given})})
    configuration = {"model": asked, "prompts": own_prompts(asked)} | given
    told = replace(told, curve=told.curve.model_copy(update={"plan": plan}), configuration=configuration)
    learning = answers(Records((), (told,)))["learning"]
    assert html.unescape(learning.sheets[0].lines[0][1]) == name
    assert learning.verdict == f"{name}: yes"


def test_models_whose_names_begin_alike_stay_two(table: Table) -> None:
    folder = "hf:/home/user/models/meta-llama/"
    names = [
        f"{folder}Llama-3.1-{size}B-{kind}" for size in (8, 70) for kind in ("Instruct", "of-which-the-end-is-alike")
    ]
    members = [_renamed(_ablated(table), {"model": name}) for name in names]
    found = Table(replace(table.group, members=(*table.group.members, *members))).on_models("billp")
    assert [m.row.parameters["model"] for m in found] == [*sorted(names), "scripted"]
    assert len({named(m) for m in found}) == 5


def _ablated(table: Table) -> Member:
    ablated = table.variant("billp", SCRIPTED | {"use_reflector": False})
    assert ablated is not None
    return ablated


def _renamed(member: Member, parameters: dict[str, object], agent: str = "billp") -> Member:
    """As if it were of this agent, run with other parameters, where pocket is the default."""
    model = parameters.get("model", "pocket")
    configuration = {"model": model, "prompts": own_prompts(model)} | parameters
    who = member.summary.submission.agent.model_copy(update={"name": agent, "parameters": parameters})
    submission = member.summary.submission.model_copy(update={"agent": who, "configuration": configuration})
    row = member.row.model_copy(update={"agent": agent, "parameters": parameters})
    return replace(member, row=row, summary=replace(member.summary, submission=submission))


def _told(summaries: list[Summary], agent: str, low: float, high: float) -> Told:
    """A curve of two points, made up: the change from the first to the last lies between `low` and `high`."""
    submission = next(s.submission for s in summaries if s.submission.agent.parameters == SCRIPTED)
    plan = CurvePlan(
        agent=submission.agent.model_copy(update={"name": agent}), task=submission.suite.tasks[0],
        world=submission.worlds[0], fingerprint=json_hash("a"), at=(0, 10), training_seeds=(0, 1), train_sessions=5,
    )  # fmt: skip
    change = Estimate(value=(low + high) / 2, low=low, high=high)

    def point(budget: int, less: dict[str, Estimate]) -> CurvePoint:
        figures = {name: Estimate(value=5.0, low=4.0, high=6.0) for name in ("R_traj", "Len")}
        return CurvePoint(
            budget=budget, spent=(SpentBudget(), SpentBudget()), metrics=figures, less_first=less,
            by_seed=dict.fromkeys(figures, (4.5, 5.5)), spread=dict.fromkeys(figures, 0.7), train=figures,
            gap={"R_traj": Estimate(value=1.0, low=0.5, high=1.5)}, measures={}, facts=({}, {}),
        )  # fmt: skip

    points = point(0, {}), point(10, {"R_traj": change})
    return Told(LearningCurve(plan=plan, users=9, points=points), f"{agent}/tiny", submission.configuration)
