"""How much of a sequence of prompts a prefix cache could reuse: serving stacks keep what prompts begin with alike."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

from bilp_agent.llm.base import Message


class PrefixMeter:
    """Measures, in characters, the longest beginning that each prompt shares with any of the prompts before it.

    This is what a prefix cache that forgets only its oldest prompts could reuse at most; a real one works in whole
    blocks of tokens and reuses a little less. capacity: prompts that are remembered.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self.prompt_characters = self.reusable_characters = 0
        self._capacity = capacity
        self._sorted: list[str] = []  # the neighbours of a text in this order share the longest beginning with it
        self._ages: deque[str] = deque()

    def add(self, prompt: str) -> int:
        """Count one prompt; returns how many of its characters could be reused."""
        row = bisect_left(self._sorted, prompt)
        shared = max((_common(prompt, near) for near in self._sorted[max(row - 1, 0) : row + 1]), default=0)
        self._sorted.insert(row, prompt)
        self._ages.append(prompt)
        if len(self._ages) > self._capacity:
            del self._sorted[bisect_left(self._sorted, self._ages.popleft())]
        self.prompt_characters += len(prompt)
        self.reusable_characters += shared
        return shared

    @property
    def share(self) -> float | None:
        """Reusable characters over all characters; None before the first prompt."""
        return self.reusable_characters / self.prompt_characters if self.prompt_characters else None


def prompt_text(messages: Sequence[Message]) -> str:
    """A conversation as one text, to be measured: every chat template keeps this order."""
    return "\n".join(f"{m.role}: {m.content}" for m in messages)


def _common(a: str, b: str) -> int:
    """Length of the common beginning of two texts, by bisection."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
