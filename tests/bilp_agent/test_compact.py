"""Compact prompts: numbers in place of names, the same parsers, and the scripted writer that reads them as well."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import recsim_envs
from bilp_agent.actor import Actor, Turn
from bilp_agent.agent import BiLLPAgent
from bilp_agent.asking import Asker, UnreadableAnswerError
from bilp_agent.compact import best_first, candidate_lines, compared, numbered
from bilp_agent.context import Context
from bilp_agent.critic import Critic, Returns
from bilp_agent.llm.base import Message, Request
from bilp_agent.llm.scripted import ScriptedModel
from bilp_agent.memory import ActorExample, CriticExample, Match
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
    assert lines[0] == "1 did well, reward 5, 1 steps ago | Action"
    assert re.fullmatch(r"2 did badly, new, -?[\d.]+ \| Puzzle", lines[1])
    assert lines[2] == "3 reward 4, 2 steps ago | Puzzle"
    assert answer.value == ("Theta",)


@pytest.mark.parametrize(("prefer", "items"), [("any", (1, 3, 6, 2)), ("known", (1, 3, 2, 6)), ("shown", (3, 6, 2, 1))])
def test_candidates_are_listed_best_first_but_for_what_comes_back_in_turn(prefer: str, items: tuple[int, ...]):
    visit = session([(3, 4), (2, 1)], [(1, 5)])  # the new one is expected to earn something between these
    assert 1 < SHARED.tools.worst_reward(visit, 6) < 4
    assert best_first(SHARED, visit, (3, 6, 2, 1), prefer) == items


def test_of_slates_what_was_clicked_is_known():
    context = Context.of(recsim_envs.make_simulator("longrec/SlateTopKBored-v0", 1).task, 10, compact=True)
    visit = Session(context.task.catalogue, (), context.view.slots)
    visit.catch_up([[Answered(0, 0.0, "passed over"), Answered(1, 1.0, "clicked")]], 1)
    by_score = tuple(sorted(range(9), key=lambda i: -context.tools.expected_reward(visit, i)))
    assert best_first(context, visit, range(9), "any") == by_score
    assert best_first(context, visit, range(9), "known") == (1, *(i for i in by_score if i != 1))
    assert best_first(context, visit, range(9), "shown") == best_first(context, visit, range(9), "known")


def test_the_critic_is_told_what_like_states_were_worth_by_their_weight():
    model = Says("Value: 1")
    far, near = CriticExample("a; x", -2.0), CriticExample("a; b", 4.0)
    matches = (Match("a; b", 0.0, (near, near)), Match("a; x", 0.5, (far,)), Match("y; z", 0.9, (far,) * 9))
    critic = Critic(SHARED, Asker(model), Returns(0.5, 5.0))
    critic.value(["a; b"], [3.0], [matches], [0])
    told = prompts_of(model, "user")
    # Weights are 2 for the same state, 1/16 for one of two phrases, 0 for none; (2 * 4 - 2 / 16) / (2 + 1 / 16) = 3.8.
    assert "## Like states\nworth 3.8, weight 2.1\n## Any state\nworth 6.0\n## State\na; b" in told
    critic.value(["a; b"], [3.0], [()], [0])
    assert "## Like states\nnone\n## Any state" in prompts_of(model, "user")
    values = [Critic(SHARED, SCRIPTED, Returns(0.5, 5.0)).value(["a; b"], [3.0], [m], [0])[0] for m in (matches, ())]
    assert [(v.status, v.value) for v in values] == [("ok", 4.5), ("ok", 6.0)]  # (6 + 2.1 * 3.8) / 3.1


def test_what_was_disliked_is_asked_for_no_more():
    visit = session([(3, 5), (2, 1)], [(3, 5), (1, 5)])
    (told,) = Reflector(SHARED, SCRIPTED).reflect([Ended(visit, True, 0)], [0])
    assert told.value is not None
    assert told.value.cause == "low reward"
    least = next(float(p.split()[-1].rstrip(".")) for p in told.value.principles if "rating" in p)
    rating = float(SHARED.task.catalogue.mean_reward[2])
    assert rating < least <= rating + 0.1 + 1e-6


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


def test_numbers_of_thousands_of_digits_are_passed_over():
    assert numbered(f"{'1' * 5000} 2", [10, 20]) == (20,)


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
            made = agent(model="scripted", prompts=prompts)
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
        made = BiLLPAgent(model="scripted", prompts=prompts, train_lanes=4)
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
    words = [re.sub(r"-?[\d.]+$", "", line.split(" | ")[0].split(", 2nd")[0]) for line in lines]
    assert words == [f"{missed}, ", "score ", "new, "]
    user = "## Plan\nPrefer: any\n## Candidates\n" + "\n".join(f"{n} {line}" for n, line in enumerate(lines, 1))
    system = 'You are the Actor of a recommender. The score of items is from 0 to 1. Answer:\nWrite 3 lines "Item"'
    (answer,) = ScriptedModel().generate([Request((Message("system", system), Message("user", user)))])
    assert sorted(answer.text.split("\n")) == ["Item: 1", "Item: 2", "Item: 3"]


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        # Worths are 5, 4.9 and 4.3 of 1 to 5: doing well makes up for 0.2, doing badly costs 0.8.
        ((2,), (), ["", "did well", ""]),
        ((3,), (), ["", "", ""]),
        ((), (1,), ["did badly", "", ""]),
        ((), (1, 2), ["did badly", "did badly", ""]),
        ((), (1, 2, 3), ["", "", ""]),  # nothing else is left
        ((2,), (3,), ["", "did well", "did badly"]),
    ],
)
def test_experience_is_told_where_it_should_decide(good: tuple[int, ...], bad: tuple[int, ...], told: list[str]):
    turn = replace(TURN, candidates=(1, 2, 3), worths=(5.0, 4.9, 4.3))
    lines = candidate_lines(SHARED, turn, good, bad)
    assert [line.split(", ")[0] if line.startswith("did") else "" for line in lines] == told


def test_nothing_is_told_of_experience_where_coming_back_in_turn_is_safe():
    turn = replace(TURN, plan=Plan(prefer="shown"))
    assert candidate_lines(SHARED, turn, (1,), (7,)) == candidate_lines(SHARED, turn, (), ())
    assert candidate_lines(SHARED, TURN, (1,), (7,)) != candidate_lines(SHARED, TURN, (), ())


@given(st.lists(st.floats(0, 5), min_size=1, max_size=8, unique=True), st.data())
def test_what_is_taken_by_marks_is_worth_most_with_experience(worths: list[float], data: st.DataObject):
    """Single items: of marks alone the same follows as of sums that no small model can compute."""
    things = range(len(worths))
    sign = data.draw(st.lists(st.sampled_from(("", "good", "bad")), min_size=len(worths), max_size=len(worths)))
    turn = replace(TURN, candidates=tuple(things), worths=tuple(sorted(worths, reverse=True)))
    low, high = SHARED.view.scores
    counts = {"": 0.0, "good": 0.05 * (high - low), "bad": -0.2 * (high - low)}
    marks = [line.split(", ")[0] for line in candidate_lines(
        SHARED, turn, [i for i in things if sign[i] == "good"], [i for i in things if sign[i] == "bad"]
    )]  # fmt: skip
    taken = min(things, key=lambda i: {"did well": 0, "did badly": 2}.get(marks[i], 1))
    best = max(turn.worths[i] + counts[sign[i]] for i in things)
    assert turn.worths[taken] + counts[sign[taken]] >= best - counts["good"] - 1e-9


def test_slates_are_chosen_by_score_within_what_a_category_may_take():
    system = (
        'You are the Actor of a recommender of items. The score of items is from 0 to 1. Answer:\nWrite 3 lines "Item"'
    )
    user = (
        "## Plan\nAt most of a category: 1\nPrefer: any\n## Candidates\n"
        "1 did badly, score 0.62 | A\n2 score 0.60 | B\n3 new, 0.55, 2nd of its category | B\n4 passed over, 0.20 | C"
    )
    (answer,) = ScriptedModel().generate([Request((Message("system", system), Message("user", user)))])
    assert answer.text == "Item: 2\nItem: 4\nItem: 1"


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
