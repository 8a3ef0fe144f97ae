"""Constrained decoding: answers of a transformers model that are one of given texts, or end in lines with some."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Encode = Callable[[str], list[int]]
Decode = Callable[[list[int]], str]


@dataclass
class Trie:
    """Token sequences that spell choices; `choice` is the one that ends at this node."""

    next: dict[int, Trie] = field(default_factory=dict)
    choice: str | None = None

    @classmethod
    def of(cls, spelled: Iterable[tuple[str, Sequence[int]]]) -> Trie:
        """The tree of (choice, its tokens)."""
        root = cls()
        for choice, tokens in spelled:
            node = root
            for token in tokens:
                node = node.next.setdefault(token, cls())
            node.choice = node.choice or choice
        return root

    def first(self) -> str:
        """A choice at or below this node."""
        node = self
        while node.choice is None:
            node = next(iter(node.next.values()))
        return node.choice


class Spelling:
    """How a tokenizer spells choices; shared by all requests that have the same ones.

    forced: the trie of whole last lines, line break and name included, or of bare choices where no line is named.
    begun: the trie of what follows "Item:". count: lines with different choices that an answer ends in. needs: tokens
    that suffice for so many choices and the end mark.
    """

    def __init__(self, choices: Sequence[str], line: str, encode: Encode, count: int = 1) -> None:
        self.choices, self.line, self.count, self._encode = choices, line, count, encode
        self._spelled = [(c, encode(f"\n{line}: {c}" if line else c)) for c in choices]
        self.needs = sum(sorted(len(tokens) for _, tokens in self._spelled)[-count:]) + 1
        self.forced = Trie.of(self._spelled)
        self.begun = Trie.of((c, encode(f" {c}")) for c in choices) if line else self.forced

    def rest(self, begun: str) -> Trie:
        """The trie of what may follow "Item:" and `begun`, which one token spelled together with the colon.

        A space alone is begun, too: a tokenizer whose tokens end in spaces must not be made to write a second one.
        """
        start = begun.lstrip()
        fitting = [c for c in self.choices if begun and c.startswith(start)]
        return Trie.of((c, self._encode(c[len(start) :])) for c in fitting) if fitting else self.begun

    def others(self, taken: Sequence[str]) -> Trie:
        """The trie of whole further lines: all choices but those taken."""
        return Trie.of((choice, tokens) for choice, tokens in self._spelled if choice not in taken)


class Chooser:
    """What one request may write next: free text until its line begins, then one of the choices, then the end.

    Where several are asked for, lines with other choices follow it.

    The line begins by itself at the latest when the answer would end or its tokens would run out; without a named
    line the whole answer is one choice.
    """

    def __init__(self, spelling: Spelling, max_tokens: int, decode: Decode) -> None:
        self._spelling, self._decode, self._left = spelling, decode, max_tokens
        self._followed = 0
        self._written: list[int] = []
        self._head = ""
        self._taken: list[str] = []
        self._follows: Trie | None = None  # what may be written after the choice that ends at the present node
        self._node: Trie | None = None if spelling.line else spelling.forced

    def allowed(self, favourite: int, ends: set[int]) -> set[int] | None:
        """Token ids that may come next, None for any; `favourite` is the one that the model would take."""
        if self._node is None and (favourite in ends or self._left <= self._spelling.needs):
            self._head = self._decode(self._written)
            self._stand_at(self._spelling.forced)
        self._left -= 1
        if self._node is None:
            return None
        further = self._follows.next if self._follows else ends if self._node.choice is not None else ()
        return {*self._node.next, *further} or None

    def _stand_at(self, node: Trie) -> None:
        self._node, self._follows = node, None
        if node.choice is not None and len(self._taken) + 1 < self._spelling.count:
            self._follows = self._spelling.others((*self._taken, node.choice))

    def wrote(self, token: int) -> None:
        """Follow the model."""
        self._followed += 1
        if self._node is not None:
            if token in self._node.next:
                self._stand_at(self._node.next[token])
            elif self._follows and token in self._follows.next:
                self._taken.append(self._node.first())
                self._stand_at(self._follows.next[token])
            return  # else it is the end, or the filling after it
        self._written.append(token)
        head, _, last = self._decode(self._written).rstrip("\r\n").rpartition("\n")
        name, colon, begun = last.partition(":")
        if colon and name.strip(" *_#-").casefold() == self._spelling.line.casefold():
            self._head = head
            self._stand_at(self._spelling.rest(begun))

    def text(self, tokens: Sequence[int]) -> str:
        """The whole answer, of these tokens; one that was cut short is completed to choices, the one begun first."""
        for token in tokens[self._followed :]:
            self.wrote(token)
        chosen = [*self._taken, (self._node or self._spelling.forced).first()]
        while len(chosen) < self._spelling.count:
            chosen.append(self._spelling.others(chosen).first())
        line = self._spelling.line
        lines = "".join(f"\n{line}: {choice}" for choice in chosen)
        return f"{self._head.rstrip()}{lines}".strip() if line else chosen[0]


class ChoiceProcessor:
    """A logits processor, to be put last: masks for each row what its `Chooser` forbids.

    choosers: one a row. ends: token ids that end an answer.
    """

    def __init__(self, choosers: Sequence[Chooser], ends: set[int]) -> None:
        self._choosers, self._ends = choosers, ends
        self._begun = False

    def __call__(self, ids: Any, scores: Any) -> Any:
        """ids: int64 (rows, length) with the prompts. scores: float (rows, vocabulary); returns them masked."""
        last, favourites = ids[:, -1].tolist(), scores.argmax(dim=1).tolist()
        masked = scores.clone()
        for row, chooser in enumerate(self._choosers):
            if self._begun:
                chooser.wrote(last[row])
            allowed = chooser.allowed(favourites[row], self._ends)
            if allowed is not None:
                kept = sorted(allowed)
                masked[row] = float("-inf")
                masked[row, kept] = scores[row, kept]
        self._begun = True
        return masked
