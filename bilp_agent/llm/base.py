"""What every language model backend speaks: batches of requests in, one completion a request out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

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
    """

    messages: tuple[Message, ...]
    max_tokens: int = 256
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    seed: int | None = None
    repeat: int = 0


@dataclass(frozen=True)
class Usage:
    """Tokens of one completion. None means not measured, which is not zero. `cached` is part of `input`."""

    input: int | None = None
    cached: int | None = None
    output: int | None = None


@dataclass(frozen=True)
class Completion:
    """One answer.

    finish: "stop" (the model ended, or a stop string was met), "length" (cut at `max_tokens`), or "fault": this
    one request could not be answered, `text` is empty and `fault` names why. `retries` counts repeated attempts;
    `from_cache` marks an answer that a cache replayed, with the usage it cost when it was first asked for.
    """

    text: str
    usage: Usage = Usage()
    finish: Finish = "stop"
    fault: str | None = None
    retries: int = 0
    from_cache: bool = False


class LanguageModel(Protocol):
    """A model that answers batches.

    `generate` returns one completion a request, in order. A request that alone cannot be answered (too long,
    still refused after bounded retries) comes back with finish "fault". What makes every request fail (an
    unreachable endpoint, a wrong key, an unknown model) raises `LanguageModelError` saying what to do next.
    """

    @property
    def name(self) -> str:
        """Identifies the model and its weights; part of every cache key and record. Never holds a secret."""

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer a batch."""


def cut_at_stop(text: str, stop: Sequence[str]) -> str:
    """The text before the first stop string that occurs in it."""
    ends = [index for index in (text.find(s) for s in stop if s) if index >= 0]
    return text[: min(ends)] if ends else text
