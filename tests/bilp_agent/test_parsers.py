"""Whatever a language model writes, each role reads it into bounds or says what is missing."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from bilp_agent.actor import Actor, Turn
from bilp_agent.asking import Asker, UnreadableAnswerError
from bilp_agent.critic import Critic, Returns
from bilp_agent.planner import LOOK_FOR_LENGTH, Plan, Planner
from bilp_agent.reflector import CAUSES, Ended, Reflector
from recsim_envs.text.grounding import Allowed
from tests.bilp_agent.fakes import Says, context, session

SHARED, ASKER = context(), Asker(Says("?"))
TURN = Turn(session(), Plan(), Allowed(), (), ())
NAMES = ("Thought", "Focus", "Avoid", "Repeat after", "Rest categories", "Minimum rating", "Prefer", "Look for", "Item",
         "Value", "Cause", "Reflection", "Principle")  # fmt: skip
WORDS = st.sampled_from(["Action", "Puzzle; Action", "never", "-7", "1e400", "nan", "3.5", "shown", "repeat", '"Eta"'])
LINES = st.builds("{}: {}".format, st.sampled_from(NAMES), WORDS | st.text(max_size=20))
ANSWERS = st.lists(LINES | st.text(max_size=40), max_size=12).map("\n".join)


@given(ANSWERS)
def test_a_plan_is_within_bounds(answer: str) -> None:
    try:
        plan = Planner(SHARED, ASKER).parse(answer, session())
    except UnreadableAnswerError:
        return
    assert plan.thought
    assert {*plan.focus, *plan.avoid} <= {0, 1, 2}
    assert not set(plan.focus) & set(plan.avoid)
    assert 0 <= plan.repeat_after <= SHARED.task.horizon
    assert 0 <= plan.rest <= SHARED.task.horizon
    assert 0.0 <= plan.minimum <= 5.0
    assert plan.prefer in ("any", "known", "shown")
    assert len(plan.look_for) <= LOOK_FOR_LENGTH


@given(ANSWERS, st.integers(1, 4))
def test_named_titles_are_no_more_than_asked_for(answer: str, choices: int) -> None:
    try:
        named = Actor(SHARED, ASKER, choices=choices).parse(answer, TURN)
    except UnreadableAnswerError:
        return
    assert 1 <= len(named) <= choices
    assert all(title.strip() for title in named)


@given(ANSWERS)
def test_a_value_is_finite_and_within_its_bound(answer: str) -> None:
    try:
        value = Critic(SHARED, ASKER, Returns(0.5, 5.0)).parse(answer)
    except UnreadableAnswerError:
        return
    assert math.isfinite(value)
    assert -10.0 <= value <= 10.0


@given(ANSWERS, st.booleans())
def test_a_reflection_has_a_known_cause_and_tells_something(answer: str, left: bool) -> None:
    visit = session([(0, 5), (3, 4)])
    try:
        made = Reflector(SHARED, ASKER).parse(answer, Ended(visit, left, 3))
    except UnreadableAnswerError:
        return
    assert made.cause in CAUSES
    assert made.text
    assert all(made.principles)
    assert made.steps == 2 - left
