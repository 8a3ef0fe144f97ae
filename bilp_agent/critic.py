"""The Critic: estimates what a state is worth, and the labels that make the Actor's and its own memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bilp_agent.asking import Answer, Asker, Prompt, Question, UnreadableAnswerError
from bilp_agent.context import Context
from bilp_agent.memory import CriticExample, Match
from bilp_agent.text import field, number


@dataclass(frozen=True)
class Returns:
    """How outcomes are valued.

    gamma: discount (0.5 in the paper). The value of a state lies within `bound` = largest |reward| / (1 - gamma)
    of zero. Leaving counts as -bound, the worst that a value can be: the paper logs -1000, which would drown every
    other target in the Critic's memory; a bounded penalty keeps targets and estimates on one scale.
    """

    gamma: float
    largest_reward: float

    @property
    def bound(self) -> float:
        """Largest absolute value of a state."""
        return self.largest_reward / (1.0 - self.gamma)

    def target(self, reward: float, next_value: float, left: bool) -> float:
        """r_t + gamma V(s_t+1), or the penalty where the user left."""
        return -self.bound if left else reward + self.gamma * next_value

    def advantage(self, reward: float, value: float, next_value: float, left: bool) -> float:
        """A_t = r_t + gamma V(s_t+1) - V(s_t), with the true reward and with leaving as the worst outcome."""
        return self.target(reward, next_value, left) - value

    def encouraged(self, reward: float, value: float, next_value: float, left: bool) -> bool:
        """The label of the Actor's memory: the advantage is above zero. What made the user leave never is."""
        return not left and self.advantage(reward, value, next_value, left) > 0.0


class Critic:
    """Values a batch of states with one call to the language model."""

    def __init__(self, context: Context, asker: Asker, returns: Returns) -> None:
        self._context, self._asker, self.returns = context, asker, returns
        facts = {"gamma": f"{returns.gamma:g}", "bound": f"{returns.bound:g}"}
        self._system = context.system("critic", **facts, each=context.coarse)

    def value(
        self,
        states: Sequence[str],
        mean_rewards: Sequence[float],
        examples: Sequence[Sequence[Match[CriticExample]]],
        seeds: Sequence[int],
    ) -> list[Answer[float]]:
        """The value of each state; falls back to the mean of the examples, else 0. mean_rewards: of its session."""
        rows = zip(states, mean_rewards, examples, seeds, strict=True)
        return self._asker.ask_all([self.question(*row) for row in rows])

    def question(
        self, state: str, mean_reward: float, examples: Sequence[Match[CriticExample]], seed: int
    ) -> Question[float]:
        """What is asked about one state."""
        prompt = Prompt(self._system, self.prompt(state, mean_reward, examples), seed)
        return Question("critic", prompt, self.parse, lambda: _mean(examples))

    def prompt(self, state: str, mean_reward: float, examples: Sequence[Match[CriticExample]]) -> str:
        """The user message: like states and what they were worth, then the state to value."""
        if self._context.compact:
            like, weight = _likely(state, examples)
            usual = mean_reward / (1.0 - self.returns.gamma)
            return self._context.user("critic", like=like, weight=weight, usual=usual, state=state)
        each = self._context.coarse  # then a state is of an item, and of no one session whose mean could be told
        lines = [f"{m.state} -> {_mean([m]):.2f} ({len(m.records)} times)" for m in examples]
        return self._context.user("critic", examples=lines, state=state, mean_reward=f"{mean_reward:.2f}", each=each)

    def parse(self, answer: str) -> float:
        """The number in the line "Value: ...", within the bound; raises `UnreadableAnswerError` if there is none."""
        found = number(field(answer, "Value"))
        if found is None or not math.isfinite(found):
            raise UnreadableAnswerError('the line "Value: ..." with a number is missing')
        return min(max(found, -self.returns.bound), self.returns.bound)


def _likely(state: str, examples: Sequence[Match[CriticExample]]) -> tuple[float, float]:
    """What like states were worth on average, and its weight: of each record the fourth power of the likeness.

    Likeness is the share of the state's phrases that the other has too.
    """
    phrases = set(state.split("; "))
    likeness = [len(phrases & set(m.state.split("; "))) / len(phrases) for m in examples]
    weights = [share**4 * len(m.records) for share, m in zip(likeness, examples, strict=True)]
    total = sum(weights)
    return sum(w * _mean([m]) for w, m in zip(weights, examples, strict=True)) / max(total, 1e-9), total


def _mean(matches: Sequence[Match[CriticExample]]) -> float:
    values = [record.value for match in matches for record in match.records]
    return sum(values) / len(values) if values else 0.0
