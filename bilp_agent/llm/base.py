"""What every language model backend speaks: batches of requests in, one completion a request out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from recsim_envs.errors import ConfigurationError

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length", "fault"]


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True)
class Request:
    """One conversation to be continued.

    max_tokens: most tokens to write. temperature: 0 is greedy. stop: the answer ends before the first of these
    strings. seed: makes sampling repeatable where the backend can (None: no promise). repeat: tells the n-th
    deliberate repetition of an otherwise equal request apart, so that a cache does not answer it with the first.

    choices: where the backend can (`constrains`), the answer is one of these texts, or, if `choice_line` names a
    line, ends in that line with one of them ("Item: <choice>" for "Item"); stop strings are then not looked at. A
    backend that cannot leaves choices aside, and what it writes has to be mapped to one. choice_count: that many such
    lines, no two with the same choice.
    optional: passages of the messages, word for word, that may be left out, least important first, if the prompt
    does not fit the model's context otherwise.

    Raises `ConfigurationError` for choices that are no single lines, too few of them, several without the name of a
    line, and for passages that no message holds.
    """

    messages: tuple[Message, ...]
    max_tokens: int = 256
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    seed: int | None = None
    repeat: int = 0
    choices: tuple[str, ...] = ()
    choice_line: str = ""
    choice_count: int = 1
    optional: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for choice in (*self.choices, *((self.choice_line,) if self.choice_line else ())):
            if not choice or choice != choice.strip() or len(choice.splitlines()) != 1:
                raise ConfigurationError(f"choice {choice!r}: a choice is one line without blanks around it")
        if self.choice_count != 1 and not (self.choice_line and 1 <= self.choice_count <= len(set(self.choices))):
            raise ConfigurationError(
                f"choice_count {self.choice_count}: several choices need the name of their lines, and as many choices"
            )
        for passage in self.optional:
            if not passage or not any(passage in m.content for m in self.messages):
                raise ConfigurationError(f"optional passage {passage[:60]!r} stands in no message of the request")

    def shortened(self, dropped: int) -> tuple[Message, ...]:
        """The messages without the first `dropped` optional passages."""
        messages = self.messages
        for passage in self.optional[:dropped]:
            row = next((i for i, m in enumerate(messages) if passage in m.content), None)
            if row is not None:  # it may have gone with one that held it
                kept = Message(messages[row].role, messages[row].content.replace(passage, "", 1))
                messages = (*messages[:row], kept, *messages[row + 1 :])
        return messages


@dataclass(frozen=True)
class Usage:
    """Tokens of one completion. None means not measured, which is not zero.

    cached: those of `input` that a provider's cache held. written: those of `input` that were written to it.
    """

    input: int | None = None
    cached: int | None = None
    output: int | None = None
    written: int | None = None


@dataclass(frozen=True)
class Completion:
    """One answer.

    finish: "stop" (the model ended, or a stop string was met), "length" (cut at `max_tokens`), or "fault": this
    one request could not be answered, `text` is empty and `fault` names why. `retries` counts repeated attempts;
    `from_cache` marks an answer that a cache replayed, with the usage it cost when it was first asked for; `dropped`
    counts the optional passages that were left out of the prompt.
    """

    text: str
    usage: Usage = Usage()
    finish: Finish = "stop"
    fault: str | None = None
    retries: int = 0
    from_cache: bool = False
    dropped: int = 0


class LanguageModel(Protocol):
    """A model that answers batches.

    `generate` returns one completion a request, in order. A request that alone cannot be answered (too long,
    still refused after bounded retries) comes back with finish "fault". What makes every request fail (an
    unreachable endpoint, a wrong key, an unknown model) raises `LanguageModelError` saying what to do next.
    A backend that honours `Request.choices` has an attribute `constrains` that is true, see `can_constrain`; one whose
    answers repeat themselves an attribute `repeatable`, see `is_repeatable`.
    """

    @property
    def name(self) -> str:
        """Identifies the model and its weights; part of every cache key and record. Never holds a secret."""

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer a batch."""


def is_repeatable(model: LanguageModel) -> bool:
    """Whether the same request, with its seed, always gets the same answer; endpoints promise it to nobody."""
    return bool(getattr(model, "repeatable", False))


def can_constrain(model: LanguageModel) -> bool:
    """Whether a model's answers keep to `Request.choices`."""
    return bool(getattr(model, "constrains", False))


def cut_at_stop(text: str, stop: Sequence[str]) -> str:
    """The text before the first stop string that occurs in it."""
    ends = [index for index in (text.find(s) for s in stop if s) if index >= 0]
    return text[: min(ends)] if ends else text
