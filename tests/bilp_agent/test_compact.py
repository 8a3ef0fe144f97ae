"""Compact prompts: numbers in place of names, the same parsers, and the scripted writer that reads them as well."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import recsim_envs
from bilp_agent.actor import Actor, Turn
from bilp_agent.agent import BiLLPAgent
from bilp_agent.asking import Asker, UnreadableAnswerError
from bilp_agent.compact import candidate_lines, compared, numbered
from bilp_agent.context import Context
from bilp_agent.llm.base import Message, Request
from bilp_agent.llm.scripted import ScriptedModel
from bilp_agent.memory import ActorExample, Match
from bilp_agent.planner import Plan, Planner
from bilp_agent.plus.agent import BiLLPPlusAgent
from bilp_agent.reflector import Ended, Reflector
from bilp_agent.session import Session
from bilp_agent.settings import Settings
from bilp_agent.views import Answered
from recsim_envs.errors import ConfigurationError
from recsim_envs.text.grounding import Allowed
from tests.bilp_agent.fakes import Door, Says, kind_world, play, session, task
from tests.bilp_agent.test_roles import reflection

SHARED = Context.of(task(), 10, compact=True)
SCRIPTED = Asker(ScriptedModel())
VISIT = session([(3, 4), (1, 5)], [(0, 5), (4, 1)])
NEAR = (Match("s", 0.0, (ActorExample("s", 1, True, 1.0), ActorExample("s", 7, False, -1.0))),)
TURN = Turn(VISIT, Plan(), Allowed(), NEAR, (1, 7, 3))


def prompts_of(asker_takes: Says, role: str) -> str:
    return next(m.content for m in asker_takes.requests[-1].messages if m.role == role)


def test_categories_are_listed_by_number_best_first_and_read_by_number():
    model = Says("Thought: x\nFocus: 2; 1; 9\nAvoid: 3\nRepeat after: 4\nPrefer: shown")
    VISIT.reflections = (reflection("Avoid Puzzle."),)
    (plan,) = Planner(SHARED, Asker(model)).plan([VISIT], [0])
    told = prompts_of(model, "user")
    assert "- (stayed 5 of 20 steps) Avoid Puzzle." in told
    # The user's mean is 3.75; two rewards of a category count as much as two average ones besides.
    assert "1 Action 4.4 (2)\n2 Puzzle 4.1 (2)\n3 Mystery, Thriller & Suspense 3.1 (2)" in told
    assert plan.value.focus == (1, 0)
    assert plan.value.avoid == (2,)
    assert (plan.value.repeat_after, plan.value.prefer) == (4, "shown")


def test_candidates_stand_with_what_is_known_and_what_experience_says():
    model = Says("Item: 2")
    (answer,) = Actor(SHARED, Asker(model)).name([TURN], [0])
    lines = prompts_of(model, "user").split("## Candidates\n")[1].split("\n## Next")[0].split("\n")
    assert lines[0] == "1 Action | reward 5, 1 steps ago | did well"
    assert lines[1].startswith("2 Puzzle | new, ")
    assert lines[1].endswith(" | did badly")
    assert lines[2] == "3 Puzzle | reward 4, 2 steps ago"
    assert answer.value == ("Theta",)


def test_answers_can_be_held_to_numbers():
    model = Says("Item: 1")
    model.constrains = True  # type: ignore[attr-defined]
    Actor(SHARED, Asker(model)).name([TURN], [0])
    assert model.requests[-1].choices == ("1", "2", "3")
    assert model.requests[-1].choice_line == "Item"


@given(st.text(alphabet="0123456789 ;,-x", max_size=30), st.integers(0, 5))
def test_numbers_stand_for_listed_things_alone(text: str, count: int):
    things = [10 + n for n in range(count)]
    found = numbered(text, things)
    assert set(found) <= set(things)
    assert len(set(found)) == len(found)


@given(st.text(max_size=40))
def test_whatever_is_written_names_candidates_or_is_unreadable(text: str):
    try:
        named = Actor(SHARED, Asker(Says("?"))).parse(f"Item: {text}", TURN)
    except UnreadableAnswerError:
        return
    assert set(named) <= {"Beta Two", "Theta", "Delta"}


def test_the_scripted_writer_reads_every_compact_prompt():
    VISIT.reflections = (
        reflection("Do not show the same item again within 7 steps. Let a category rest for 2 steps."),
    )
    (plan,) = Planner(SHARED, SCRIPTED).plan([VISIT], [0])
    assert (plan.status, plan.value.repeat_after, plan.value.rest) == ("ok", 7, 2)
    (name,) = Actor(SHARED, SCRIPTED).name([TURN], [0])
    assert (name.status, name.value) == ("ok", ("Beta Two",))
    again = session([(3, 4), (1, 5), (3, 0)])
    again.plan = Plan(repeat_after=1)
    (told,) = Reflector(SHARED, SCRIPTED).reflect([Ended(again, True, 0)], [0])
    assert told.value is not None
    assert (told.value.cause, told.value.principles) == (
        "repeat", ("Do not show the same item again within 3 steps.",)
    )  # fmt: skip
    stayed = Reflector(SHARED, SCRIPTED).reflect([Ended(again, False, 0)], [0])[0].value
    assert stayed is not None
    assert stayed.cause == "stayed"


@pytest.mark.parametrize("agent", [BiLLPAgent, BiLLPPlusAgent])
def test_it_learns_with_compact_prompts_as_with_full_ones(agent: type[BiLLPAgent]):
    world = kind_world()
    earned, characters = {}, {}
    for prompts in ("full", "compact"):
        earned[prompts] = 0
        for seed in range(2):
            made = agent(prompts=prompts)
            made.train(Door(world, 20), seed)
            earned[prompts] += sum(map(len, play(made, world, range(20), 10).values()))
        facts = made.describe()
        characters[prompts] = facts["prompt_characters_per_call"]
        assert all(shares["fallback"] == shares["repaired"] == 0 for shares in facts["answers"].values())
    assert earned["compact"] >= 0.9 * earned["full"]
    assert characters["compact"] < 0.5 * characters["full"]


SLATES = [
    "longrec/SlateTopKBored-v0",
    "longrec/SingleItemBored-v0",
    "longrec/Session-v0",
    "longrec/RetentionSessions-v0",
]


@pytest.mark.parametrize("env_id", SLATES)
def test_slates_are_told_briefly_and_answered_in_full(env_id: str):
    characters = {}
    for prompts in ("full", "compact"):
        made = BiLLPAgent(prompts=prompts, train_lanes=4)
        made.train(Door(None, 4, env_id), 0)
        play(made, None, range(2), 2, env_id)
        facts = made.describe()
        characters[prompts] = facts["prompt_characters_per_call"]
        assert all(shares["fallback"] == shares["repaired"] == 0 for shares in facts["answers"].values())
    assert characters["compact"] < 0.5 * characters["full"]


@pytest.mark.parametrize(
    ("env_id", "missed"),
    [(SLATES[0], "passed over"), ("longrec/Session-v0", "not taken up"), ("longrec/Retention-v0", "not taken up")],
)
def test_what_may_have_been_clicked_in_vain_is_not_said_to_be_passed_over(env_id: str, missed: str):
    context = Context.of(recsim_envs.make_simulator(env_id, 1).task, 10, compact=True)
    visit = Session(context.task.catalogue, (), context.view.slots)
    visit.catch_up([[Answered(0, 0.0, "clicked in vain", True), Answered(1, 1.0, "watched")]], 1)
    lines = candidate_lines(context, Turn(visit, Plan(), Allowed(), (), (0, 1, 2)), (), ())
    words = [re.sub(r"-?[\d.]+$", "", line.split(" | ")[1]) for line in lines]
    assert words == [f"{missed}, ", "score ", "new, "]
    user = "## Plan\nPrefer: any\n## Candidates\n" + "\n".join(f"{n} {line}" for n, line in enumerate(lines, 1))
    system = 'You are the Actor of a recommender. The score of items is from 0 to 1. Answer:\nWrite 3 lines "Item"'
    (answer,) = ScriptedModel().generate([Request((Message("system", system), Message("user", user)))])
    assert sorted(answer.text.split("\n")) == ["Item: 1", "Item: 2", "Item: 3"]


def test_slates_are_chosen_by_score_within_what_a_category_may_take():
    system = (
        'You are the Actor of a recommender of items. The score of items is from 0 to 1. Answer:\nWrite 3 lines "Item"'
    )
    user = (
        "## Plan\nAt most of a category: 1\nPrefer: any\n## Candidates\n"
        "1 A | score 0.62 | did badly\n2 B | score 0.60\n3 B | new, 0.55\n4 C | passed over, 0.20"
    )
    (answer,) = ScriptedModel().generate([Request((Message("system", system), Message("user", user)))])
    assert answer.text == "Item: 2\nItem: 1\nItem: 4"


@given(st.integers(0, 99), st.floats(0, 10), st.integers(0, 99), st.floats(0, 10))
def test_cases_are_compared_as_their_figures_say(count: int, mean: float, others: int, other_mean: float):
    told = compared(count, mean, others, other_mean)
    figures = [float(x) for x in re.findall(r"mean (\S+?)[;,]", told + ",")]
    assert told.endswith(", more") == (count > 0 and figures[0] > figures[1])
    assert told.endswith(", much less") == (count > 0 and figures[0] < 0.8 * figures[1])


def test_unknown_sets_are_refused():
    with pytest.raises(ConfigurationError, match="full, compact"):
        Settings(prompts="tiny")


@pytest.mark.parametrize("agent", [BiLLPAgent, BiLLPPlusAgent])
def test_without_tools_there_would_be_no_numbers_to_name(agent: type[BiLLPAgent]):
    with pytest.raises(ConfigurationError, match='prompts="full"'):
        agent(prompts="compact", use_tools=False)
