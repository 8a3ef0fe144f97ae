"""Asking a language model in batches: parse each answer, ask once more for the unreadable ones, else fall back."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from bilp_agent.llm.base import Completion, LanguageModel, Message, Request, can_constrain, is_repeatable
from bilp_agent.llm.prefix import PrefixMeter, prompt_text
from bilp_agent.llm.usage import UsageMeter
from bilp_agent.prompts import render
from recsim_envs import rng

LEAST_IMPORTANT = (  # headings of prompts; what is not named here is never left out
    "Categories that the user has not met",
    "Fatigue",
    "Mean distance of this user's rewards from the ratings",
    "Mean distance of this user's scores from the ratings",
    "Experience",
    "Examples",
    "Before this session",
    "Mean reward by category in this session",
    "Mean score by category in this session",
    "This session",
)

LINE_TOKENS = 32  # that an answer may have more for each line beside the first that it has to hold

T = TypeVar("T")
Status = Literal["ok", "repaired", "fallback"]


class UnreadableAnswerError(ValueError):
    """An answer does not have the form that was asked for; the message tells the model what is missing."""


@dataclass(frozen=True)
class Prompt:
    """What one role is shown for one session.

    choices, line: texts that the line `line: ...` may end the answer with, where the backend can be held to them; as
    many lines as `count`, no two alike.
    """

    system: str
    user: str
    seed: int = 0
    choices: tuple[str, ...] = ()
    line: str = ""
    count: int = 1


@dataclass(frozen=True)
class Question(Generic[T]):
    """One role's question.

    `parse` raises `UnreadableAnswerError` for an answer that it cannot read; `fallback` is what to go on with then.
    """

    role: str
    prompt: Prompt
    parse: Callable[[str], T]
    fallback: Callable[[], T]


@dataclass(frozen=True)
class Answer(Generic[T]):
    """A parsed answer, the text it came from (empty for a fallback) and how it was obtained."""

    value: T
    text: str
    status: Status


@dataclass
class Asker:
    """A language model with its settings and its books.

    `outcomes` counts (role, status) of every answer, `faults` the named faults met on the way.
    """

    model: LanguageModel
    max_tokens: int = 256
    temperature: float = 0.0
    usage: UsageMeter = field(default_factory=UsageMeter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    prefixes: PrefixMeter = field(default_factory=PrefixMeter)

    def ask_all(self, questions: Sequence[Question[T]]) -> list[Answer[T]]:
        """One answer a question, in order: one batch, whatever roles they are of.

        Answers that cannot be read are asked for again, once and together; what is still unreadable then is replaced by
        the fallback and counted.
        """
        if not questions:
            return []
        requests = [self._asked(question.prompt) for question in questions]
        answers, reasons, texts = self._try(range(len(questions)), questions, requests, "ok")
        unread = sorted(reasons)
        if unread:
            again = [self._again(requests[i], texts[i], reasons[i]) for i in unread]
            repaired, _, _ = self._try(unread, [questions[i] for i in unread], again, "repaired")
            answers |= repaired
        for i, question in enumerate(questions):
            answers.setdefault(i, Answer(question.fallback(), "", "fallback"))
            self.outcomes[question.role, answers[i].status] += 1
        return [answers[i] for i in range(len(questions))]

    def _try(
        self, rows: Sequence[int], questions: Sequence[Question[T]], requests: list[Request], status: Status
    ) -> tuple[dict[int, Answer[T]], dict[int, str], dict[int, str]]:
        """Generate and parse: the readable answers, and for the others why not and what was written."""
        start = time.perf_counter()
        completions = self.model.generate(requests)
        self.usage.seconds += time.perf_counter() - start
        answers: dict[int, Answer[T]] = {}
        reasons: dict[int, str] = {}
        texts: dict[int, str] = {}
        for i, question, request, completion in zip(rows, questions, requests, completions, strict=True):
            self.usage.add(question.role, completion, sum(len(m.content) for m in request.messages))
            self.prefixes.add(prompt_text(request.messages))
            try:
                answers[i] = Answer(question.parse(_readable(completion)), completion.text, status)
            except UnreadableAnswerError as error:
                reasons[i], texts[i] = str(error), completion.text
                self.faults[_kind(completion.fault) or f"{question.role}: {error}"] += 1
        return answers, reasons, texts

    def _asked(self, prompt: Prompt) -> Request:
        request = self._request((Message("system", prompt.system), Message("user", prompt.user)), prompt.seed)
        tokens = self.max_tokens + LINE_TOKENS * (prompt.count - 1)
        request = replace(request, optional=droppable(prompt.user), max_tokens=tokens)
        if not prompt.choices or not can_constrain(self.model):
            return request
        return replace(request, choices=prompt.choices, choice_line=prompt.line, choice_count=prompt.count)

    def _request(self, messages: tuple[Message, ...], seed: int) -> Request:
        chosen = seed if self.temperature > 0 else None
        return Request(messages, self.max_tokens, self.temperature, seed=chosen)

    def _again(self, request: Request, text: str, reason: str) -> Request:
        """The same conversation, going on with what was wrong about the answer."""
        complaint = Message("user", render("repair", reason=reason))
        answered = (Message("assistant", text), complaint) if text else (complaint,)
        return replace(request, messages=request.messages + answered)

    def report(self, decisions: int) -> dict[str, Any]:
        """JSON form of what was asked for so many decisions: usage, and of each role's answers the shares that were
        repaired and replaced by a fallback.
        """
        roles = sorted({role for role, _ in self.outcomes})
        calls, prefixes = self.usage.calls, self.prefixes
        return {
            "language_model": self.model.name,
            "decisions": decisions,
            "calls_per_decision": calls / decisions if decisions else None,
            "sampling": self._sampling(),
            "usage": self.usage.report(),
            "prompt_characters_per_call": prefixes.prompt_characters / calls if calls else None,
            "reusable_prefix_share": prefixes.share,
            "answers": {role: self._shares(role) for role in roles},
            "faults": dict(sorted(self.faults.items())),
        }

    def _sampling(self) -> dict[str, Any]:
        """How answers are drawn, and whether that can be done again."""
        how = f"temperature {self.temperature:g}, a seed for each session and step" if self.temperature else "greedy"
        again = is_repeatable(self.model)
        return {"controlled": again, "how": how if again else f"{how}; the model promises no repetition"}

    def _shares(self, role: str) -> dict[str, float]:
        counts = {status: self.outcomes[role, status] for status in ("ok", "repaired", "fallback")}
        total = sum(counts.values())
        return {"answers": total, "repaired": counts["repaired"] / total, "fallback": counts["fallback"] / total}


def request_seeds(keys: NDArray[np.uint64], steps: NDArray[np.int64]) -> list[int]:
    """A sampling seed (31 bits) for each session's step, whatever else is in the batch.

    keys: uint64 (b,), one a session. steps: int64 (b,), those that the sessions have had.
    """
    return [int(word >> np.uint64(33)) for word in rng.bits_array(keys, steps, rng.AGENT)]


def droppable(user: str) -> tuple[str, ...]:
    """The sections of a prompt that go first if it does not fit the model's context, least important first."""
    sections = re.split(r"^(?=## )", user, flags=re.MULTILINE)
    named = {part[3:].split("\n", 1)[0].split(",")[0]: part for part in sections if part.startswith("## ")}
    return tuple(named[heading] for heading in LEAST_IMPORTANT if heading in named)


def _kind(fault: str | None) -> str | None:
    """The name of a fault without its details, which would make every one a kind of its own."""
    return fault.split(":", 1)[0] if fault else None


def _readable(completion: Completion) -> str:
    if completion.finish == "fault":
        raise UnreadableAnswerError("there was no answer")
    if not completion.text.strip():
        raise UnreadableAnswerError("the answer was empty")
    return completion.text
