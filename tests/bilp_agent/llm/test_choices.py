"""Constrained decoding on a real, tiny model: what comes out is always one of the choices, and any of them can."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bilp_agent.llm import Message, Request
from bilp_agent.llm.base import can_constrain
from bilp_agent.llm.choices import Chooser, Spelling
from bilp_agent.llm.huggingface import HuggingFaceModel
from bilp_agent.llm.scripted import ScriptedModel
from recsim_envs.errors import ConfigurationError
from tests.bilp_agent.llm.tiny import save_tiny_llama

CHOICES = ('"The Game"', '"The Game II"', '"Ünder"', "The")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> HuggingFaceModel:
    path: Path = tmp_path_factory.mktemp("tiny")
    save_tiny_llama(path)
    return HuggingFaceModel(str(path), device="cpu", batch_size=64)


def ask(text: str = "Which?", **options: object) -> Request:
    asked = {"max_tokens": 40, "choices": CHOICES} | options
    return Request((Message("user", text),), **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("line", ["", "Item"])
def test_every_answer_is_a_choice_and_each_can_be_reached(model: HuggingFaceModel, line: str) -> None:
    requests = [ask(temperature=30.0, seed=seed, choice_line=line) for seed in range(128)]
    answers = model.generate(requests)
    last = Counter(a.text.split("\n")[-1].removeprefix(f"{line}: ") for a in answers)
    assert set(last) == set(CHOICES)
    assert {a.finish for a in answers} == {"stop"}
    assert all((a.text in CHOICES) == (not line) for a in answers)


@pytest.mark.parametrize("line", ["", "Item"])
def test_a_batch_is_answered_as_each_alone(model: HuggingFaceModel, line: str) -> None:
    texts = ("a", "what would you play next, after all of this?", "b c")
    requests = [ask(t, choice_line=line, temperature=t0, seed=5) for t in texts for t0 in (0.0, 1.0)]
    requests += [replace(requests[0], choices=CHOICES[2:]), replace(requests[0], choices=())]
    assert model.generate(requests) == [model.generate([request])[0] for request in requests]


def test_free_text_before_the_line_is_the_models_own(model: HuggingFaceModel) -> None:
    free = model.generate([ask(choices=(), max_tokens=60)])[0].text
    answer = model.generate([ask(choice_line="Item", max_tokens=60)])[0].text
    said, line = answer.rsplit("\n", 1)
    assert said
    assert free.startswith(said)
    assert line.removeprefix("Item: ") in CHOICES


def test_choices_that_cannot_be_written_are_a_fault(model: HuggingFaceModel) -> None:
    short, fine = model.generate([ask(max_tokens=5), ask()])
    assert (short.text, short.finish, short.fault) == (
        "",
        "fault",
        "choices too long: they need 14 tokens, max_tokens is 5",
    )
    assert fine.text in CHOICES


def spelled(text: str) -> list[int]:
    """A tokenizer of words, blanks and marks: one token may hold a colon and a quotation mark."""
    pieces, rest = [], text
    while rest:
        piece = next((p for p in (':"', "Item", "Reason") if rest.startswith(p)), rest[0])
        pieces.append(piece)
        rest = rest[len(piece) :]
    return [KNOWN.setdefault(piece, len(KNOWN) + 1) for piece in pieces]


KNOWN: dict[str, int] = {}


def unspelled(tokens: list[int]) -> str:
    names = {number: piece for piece, number in KNOWN.items()}
    return "".join(names[token] for token in tokens)


def follow(chooser: Chooser, text: str) -> str:
    """Let a model want this text; returns the answer when it has to end."""
    tokens, wants = [], [*spelled(text), 0]
    while True:
        wish = wants[len(tokens)] if len(tokens) < len(wants) else 0
        allowed = chooser.allowed(wish, {0})
        token = wish if allowed is None or wish in allowed else min(allowed)
        if token == 0:
            return chooser.text(tokens)
        chooser.wrote(token)
        tokens.append(token)


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ('Reason: good\nItem: "The Game II"', 'Reason: good\nItem: "The Game II"'),
        ('Item:"The Game"', 'Item: "The Game"'),
        ("**Item**: The", "Item: The"),
        ("Reason: no more", "Reason: no more\nItem: "),
        ("", "Item: "),
        ("Item: Tetris", "Item: The"),
    ],
)
def test_the_line_is_found_however_it_is_spelled(wanted: str, got: str) -> None:
    answer = follow(Chooser(Spelling(CHOICES, "Item", spelled), 60, unspelled), wanted)
    assert answer.startswith(got)
    assert answer.split("\n")[-1].removeprefix("Item: ") in CHOICES


@pytest.mark.parametrize("opening", ["Item: ", "Item:", "Item", "Item:\n"])
def test_what_a_token_has_begun_is_not_written_again(opening: str) -> None:
    """Where "Item: " is one token, a model has never met a second space: what it says after one is noise."""
    names = ["", opening, *(chr(n) for n in range(32, 300)), "\n"]

    def encode(text: str) -> list[int]:
        head = [1] if text.startswith(opening) else []
        return [*head, *(names.index(letter) for letter in text[len(opening) * len(head) :])]

    chooser = Chooser(Spelling(("12", "3"), "Item", encode), 60, lambda tokens: "".join(names[t] for t in tokens))
    chooser.wrote(1)
    allowed = chooser.allowed(names.index("1"), {0})
    first = {names.index("1"), names.index("3")}
    assert allowed == (first if opening == "Item: " else None if opening == "Item" else {names.index(" ")})


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ('Reason: x\nItem: "The Game II"\nItem: The', 'Reason: x\nItem: "The Game II"\nItem: The\nItem: "The Game"'),
        ('Item: The\nItem: The\nItem: "Ünder"', 'Item: The\nItem: "The Game'),
        ("nothing", "nothing\nItem: "),
    ],
)
def test_several_lines_hold_different_choices(wanted: str, got: str) -> None:
    spelling = Spelling(CHOICES, "Item", spelled, 3)
    answer = follow(Chooser(spelling, 120, unspelled), wanted)
    assert answer.startswith(got)
    lines = [line.removeprefix("Item: ") for line in answer.split("\n")[-3:]]
    assert len(set(lines)) == 3
    assert set(lines) <= set(CHOICES)
    assert Chooser(spelling, 5, unspelled).text(spelled("Item: The")).count("Item: ") == 3  # cut short, and completed


def test_a_real_model_writes_as_many_different_lines(model: HuggingFaceModel) -> None:
    asked = [ask(choice_line="Item", choice_count=3, max_tokens=90, temperature=20.0, seed=seed) for seed in range(12)]
    answers = model.generate(asked)
    for answer in answers:
        lines = [line.removeprefix("Item: ") for line in answer.text.split("\n")[-3:]]
        assert len(set(lines)) == 3
        assert set(lines) <= set(CHOICES)
    assert len({answer.text for answer in answers}) > 3
    assert answers[5] == model.generate([asked[5]])[0]


def test_the_line_begins_before_the_tokens_run_out() -> None:
    spelling = Spelling(CHOICES, "Item", spelled)
    chooser = Chooser(spelling, spelling.needs + 10, unspelled)
    answer = follow(chooser, "x" * 100)
    assert answer.split("\n")[0] == "x" * 10
    assert answer.split("\n")[1].removeprefix("Item: ") in CHOICES


def test_a_cut_answer_is_completed_to_what_it_began() -> None:
    chooser = Chooser(Spelling(CHOICES, "", spelled), 60, unspelled)
    assert chooser.text(spelled('"The Game')) == '"The Game"'
    assert Chooser(Spelling(CHOICES, "", spelled), 60, unspelled).text(spelled('"Ü')) == '"Ünder"'


@pytest.mark.parametrize(
    "options", [{"choices": ("",)}, {"choices": (" a",)}, {"choices": ("a\nb",)}, {"choice_line": "a\rb"}]
)
def test_choices_are_single_lines(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="a choice is one line"):
        ask(**options)


def test_backends_say_whether_they_constrain(model: HuggingFaceModel) -> None:
    assert can_constrain(model)
    assert not can_constrain(ScriptedModel())
