"""What a prefix cache could reuse, against the plain definition."""

from __future__ import annotations

from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bilp_agent.llm import Message
from bilp_agent.llm.prefix import PrefixMeter, prompt_text

TEXTS = st.lists(st.text("ab", max_size=8), max_size=30)


def common(a: str, b: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def reference(prompts: list[str], capacity: int) -> int:
    """The longest common beginning with any remembered prompt, looked for one by one."""
    return sum(max((common(p, q) for q in prompts[max(i - capacity, 0) : i]), default=0) for i, p in enumerate(prompts))


@given(TEXTS, st.integers(1, 5))
def test_it_is_the_longest_beginning_shared_with_any_earlier_prompt(prompts: list[str], capacity: int) -> None:
    meter = PrefixMeter(capacity)
    assert sum(meter.add(prompt) for prompt in prompts) == reference(prompts, capacity)
    assert meter.prompt_characters == sum(map(len, prompts))


def test_the_share_of_all_characters() -> None:
    meter = PrefixMeter()
    assert meter.share is None
    meter.add("abcd")
    assert (meter.prompt_characters, meter.reusable_characters, meter.share) == (4, 0, 0.0)
    meter.add("abxx")
    meter.add("abcx")
    assert meter.share == pytest.approx(5 / 12)


def test_a_prompt_is_its_messages_in_order() -> None:
    assert prompt_text([Message("system", "s"), Message("user", "u\nv")]) == "system: s\nuser: u\nv"
