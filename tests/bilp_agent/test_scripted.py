"""The scripted writer: reads prompts, writes the roles' formats, and infers from what it is shown."""

from __future__ import annotations

import pytest

from bilp_agent.actor import Actor, Turn
from bilp_agent.asking import Asker
from bilp_agent.critic import Critic, Returns
from bilp_agent.hypotheses import Belief
from bilp_agent.llm.base import Message, Request
from bilp_agent.llm.scripted import ScriptedModel
from bilp_agent.llm.scripted_reading import read_principles
from bilp_agent.memory import ActorExample, CriticExample, Match, Reflection
from bilp_agent.planner import Plan, Planner
from bilp_agent.reflector import Ended, Reflector
from bilp_agent.session import Session
from recsim_envs.text.grounding import Allowed
from tests.bilp_agent.fakes import context, session

SHARED = context()


def plan_for(visit: Session, *reflections: tuple[str, int]) -> Plan:
    visit.reflections = tuple(Reflection("", "repeat", text, (), steps, 20, 0) for text, steps in reflections)
    answer = Planner(SHARED, Asker(ScriptedModel())).plan([visit], [0])[0]
    assert answer.status == "ok"
    return answer.value


def reflect(shown: list[tuple[int, float]], plan: Plan, left: bool = True, history: object = ()) -> Reflection:
    visit = session(shown, history)  # type: ignore[arg-type]
    visit.plan = plan
    answer = Reflector(SHARED, Asker(ScriptedModel())).reflect([Ended(visit, left, 0)], [0])[0]
    assert answer.status == "ok"
    assert answer.value is not None
    return answer.value


def test_an_unknown_prompt_gets_no_answer_and_tokens_are_not_measured() -> None:
    answer = ScriptedModel().generate([Request((Message("user", "Hello"),))])[0]
    assert (answer.text, answer.usage.input) == ("", None)


def test_the_planner_prefers_what_the_user_likes() -> None:
    assert plan_for(session([(0, 5), (4, 1)], [(2, 3)])).focus == (0, 1, 2)
    assert plan_for(session()).focus == ()


def test_the_planner_obeys_reflections() -> None:
    visit = session([(0, 5), (4, 1)], [(2, 3)])
    assert plan_for(visit).repeat_after == 0
    learned = plan_for(
        visit,
        ("It came back. Do not show the same item again within 6 steps. Let a category rest for 3 steps.", 2),
        ("Do not show the same item again within 4 steps. Choose new ones with a rating of at least 3.7. Avoid Action. "
         "Avoid Mystery, Thriller & Suspense. Prefer games that the user is known to like to new ones.", 9),
    )  # fmt: skip
    assert (learned.repeat_after, learned.rest, learned.minimum) == (6, 0, 3.7)
    assert learned.prefer == "known"
    assert learned.avoid == (2,)  # this user likes Action, whatever others did


def test_the_planner_obeys_beliefs_before_warnings() -> None:
    made = Planner(SHARED, Asker(ScriptedModel()))
    visit = session([(0, 5)])
    visit.beliefs = (Belief("repeat", 4, 9, 0, 1, 80), Belief("low reward", 2, 9, 0, 1, 80))
    visit.reflections = (Reflection("", "repeat", "Do not show the same item again within 9 steps.", (), 2, 20, 0),)
    prompt = made.prompt(visit)
    assert "- The same game again within 4 steps: users left 9 of 9 times, otherwise 1 of 81" in prompt
    assert "- An expected reward below 3: users left 9 of 9 times, otherwise 1 of 81" in prompt
    assert prompt.startswith("## Beliefs")
    assert made.plan([visit], [0])[0].value.repeat_after == 4


def test_the_actor_weighs_what_is_told_of_candidates() -> None:
    actor = Actor(SHARED, Asker(ScriptedModel()), choices=2)
    notes = ("expect 4.0, leaves 90%", "expect 3.0, leaves 0%", "expect 3.5, leaves 0%")
    visit = session([(0, 4)])
    told = Turn(visit, Plan(), Allowed(), (), (6, 3, 7), notes)
    assert actor.name([told], [0])[0].value == ("Theta", "Delta")


def test_principles_of_no_reflections_demand_nothing() -> None:
    assert read_principles([]) == read_principles(["- (stayed 1 of 20 steps) nothing to say"])
    assert read_principles([f"Do not show the same item again within {'9' * 5000} steps."]) == read_principles([])


def test_the_reflector_blames_a_repeat_and_demands_one_step_more() -> None:
    made = reflect([(0, 5), (3, 5), (0, 0)], Plan())
    assert made.cause == "repeat"
    assert "Do not show the same item again within 3 steps." in made.text
    assert plan_for(session(), (made.text, 2)).repeat_after == 3


def test_the_reflector_does_not_blame_a_repeat_that_was_stayed_through() -> None:
    made = reflect([(0, 5), (3, 5), (0, 5), (4, 5), (2, 5), (0, 0)], Plan(repeat_after=1))
    assert made.cause != "repeat"
    assert "within 1 steps" in made.text  # what was followed is kept


def test_the_reflector_blames_an_item_expected_to_be_disliked() -> None:
    made = reflect([(0, 5), (3, 5), (4, 0)], Plan(), history=[(5, 2)])
    assert made.cause == "low reward"
    assert "rating of at least 2." in made.text
    assert "Avoid Mystery, Thriller & Suspense." in made.text
    assert "Prefer what the user is known to like to new ones." in made.text


def test_the_reflector_prefers_what_was_safer() -> None:
    new = reflect([(1, 5), (0, 5), (6, 0)], Plan())
    known = reflect([(1, 5), (0, 5), (6, 0)], Plan(), history=[(6, 5)])
    repeated = reflect([(1, 5), (0, 5), (1, 0)], Plan())
    assert [read_principles([made.text]).prefer for made in (new, known, repeated)] == ["known", "shown", "any"]


def test_the_planner_comes_back_only_once_it_knows_how_long_to_rest() -> None:
    back = "Come back to what was shown in this session once it has rested."
    assert plan_for(session(), (back, 2)).prefer == "known"
    assert plan_for(session(), (f"{back} Do not show the same item again within 3 steps.", 2)).prefer == "shown"


def test_the_reflector_blames_likeness_only_where_it_was_rare() -> None:
    rare = reflect([(2, 5), (0, 5), (4, 5), (1, 5), (6, 0)], Plan())
    assert rare.cause == "too alike"
    assert "Let a category rest for 1 steps." in rare.text
    usual = reflect([(1, 5), (0, 5), (6, 5), (0, 5), (6, 0)], Plan(repeat_after=1), history=[(6, 5)])
    assert usual.cause != "too alike"


def test_the_reflector_keeps_what_worked() -> None:
    made = reflect([(0, 5), (3, 5)], Plan(repeat_after=5, avoid=(2,), minimum=3.5, rest=1, prefer="shown"), left=False)
    assert made.cause == "stayed"
    kept = read_principles([made.text])
    assert (kept.again, kept.rest, kept.rating, kept.prefer) == (5, 1, 3.5, "shown")
    assert kept.avoid == ("Mystery, Thriller & Suspense",)


def choose(visit: Session, examples: tuple[Match[ActorExample], ...] = (), plan: Plan | None = None) -> str:
    actor, plan = Actor(SHARED, Asker(ScriptedModel())), plan or Plan()
    turn = Turn(visit, plan, Allowed(), examples, actor.candidates(visit, plan, Allowed()))
    return actor.name([turn], [0])[0].value[0]


def test_the_actor_takes_the_largest_expected_reward() -> None:
    assert choose(session()) == "Eta"
    assert choose(session([(1, 5)])) == "Beta Two"  # known to be liked
    assert choose(session([(1, 3)])) == "Eta"
    assert choose(session([(1, 3)]), plan=Plan(prefer="known")) == "Beta Two"
    assert choose(session([(1, 3), (0, 5)]), plan=Plan(prefer="shown")) == "Beta Two"  # the order goes on


def test_a_guess_counts_for_less_the_further_guesses_have_been_off() -> None:
    even = session([(1, 4), (7, 4.1)])  # as rated
    assert choose(even) == "Eta"
    moody = session([(1, 4), (4, 4), (3, 3)])  # 0, 2 and -1.8 off the ratings
    assert choose(moody) == "Beta Two"


def test_what_is_known_to_be_liked_less_beats_the_unknown_where_the_plan_says_so() -> None:
    visit = session([(0, 5), (4, 2)])
    blocked = Allowed(frozenset({0}))
    actor = Actor(SHARED, Asker(ScriptedModel()))
    for prefer, named in (("known", "Epsilon"), ("any", "Eta")):
        plan = Plan(prefer=prefer)
        made = Turn(visit, plan, blocked, (), actor.candidates(visit, plan, blocked))
        assert actor.name([made], [0])[0].value == (named,)


def test_the_actor_heeds_experience() -> None:
    bad, good = ActorExample("s", 6, False, -3.0), ActorExample("s", 3, True, 3.0)
    assert choose(session(), (Match("s", 0.0, (bad,)),)) == "Delta"
    assert choose(session(), (Match("s", 0.0, (good,)),)) == "Delta"


def test_the_critic_follows_like_states() -> None:
    critic = Critic(SHARED, Asker(ScriptedModel()), Returns(0.5, 5.0))
    state = "stage early; crowd 2"
    same = Match(state, 0.0, tuple(CriticExample(state, -6.0) for _ in range(9)))
    other = Match("stage late; mean reward 1", 4.0, (CriticExample("stage late; mean reward 1", -10.0),))
    values = [a.value for a in critic.value([state] * 3, [4.0] * 3, [[], [same], [other]], [0] * 3)]
    assert values == [8.0, pytest.approx((8.0 - 54.0) / 10, abs=1e-3), 8.0]
