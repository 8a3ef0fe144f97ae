"""Roll-outs: every prompt of real play with the answer that the teacher gives to it, whoever acts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from bilp_agent.llm.base import Completion, Message, Request
from bilp_agent.llm.scripted import ScriptedModel
from bilp_agent.pocket.data import SHARES, thinned
from bilp_agent.pocket.rollouts import Example, Taught, examples_of


class Stubborn:
    """A student that always names the last candidate's number, or nonsense."""

    name = "stubborn"

    def __init__(self) -> None:
        self.asked = 0

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        self.asked += len(requests)
        return [Completion("Item: 8") for _ in requests]


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return examples_of("test", 1, sessions=12)


def test_all_roles_are_taught_what_the_teacher_would_write(examples: list[Example]):
    counts = Counter(example.role for example in examples)
    assert set(counts) == set(SHARES)
    assert counts["Reflector"] >= 12
    for example in examples[::50]:
        asked = Request((Message("system", example.system), Message("user", example.user)))
        assert ScriptedModel().generate([asked])[0].text == example.answer


def test_the_same_world_is_played_in_the_same_way(examples: list[Example]):
    assert examples_of("test", 1, sessions=12) == examples


def test_the_student_acts_and_the_teacher_tells_what_would_have_been_right(examples: list[Example]):
    student = Stubborn()
    played = examples_of("test", 1, sessions=12, student=student)
    assert student.asked > 0
    assert {e.user for e in played} != {e.user for e in examples}
    assert not any(example.answer == "Item: 8" and "\n8 " not in example.user for example in played)


def test_a_share_of_requests_goes_to_the_student_by_what_they_ask():
    requests = [Request((Message("system", "You are the Actor"), Message("user", str(n)))) for n in range(400)]
    student = Stubborn()
    taught = Taught(student, 0.25)
    taught.generate(requests)
    assert 60 < student.asked < 140
    assert len(taught.examples) == 400


def test_thinning_keeps_roles_in_proportion_and_no_example_twice(examples: list[Example]):
    import numpy as np

    kept = thinned([*examples, *examples], 60, np.random.default_rng(0))
    counts = Counter(example.role for example in kept)
    assert len(set(kept)) == len(kept) <= 60
    assert counts["Actor"] == 24
    assert counts["Planner"] == 16


def test_what_is_answered_seldom_is_kept_oftener():
    import numpy as np

    usual = [Example("Actor", "s", str(n), "Item: 1") for n in range(900)]
    seldom = [Example("Actor", "s", str(n), "Item: 2") for n in range(900, 1000)]
    kept = thinned([*usual, *seldom], 120, np.random.default_rng(0))
    share = sum(e.answer == "Item: 2" for e in kept) / len(kept)
    assert 0.15 < share < 0.4  # sqrt(100) against sqrt(900) is a quarter
