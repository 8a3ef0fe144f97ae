"""Names of categories that nobody has read before: words in several alphabets, alone and joined as shops join them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np


def _parts(text: str) -> list[str]:
    return [part.strip("-") for part in text.split()]


_ONSETS: Final = _parts(
    "b bl br c ch cl cr d dr f fl fr g gl gr h j k kl kr l m n p pl pr qu r s sc sh sk sl sp st str t th tr v w z"
)
_VOWELS: Final = _parts("a e i o u ai au ea ee ie oo ou y é ü ö ä á ø ã")
_CODAS: Final = _parts("- - - b ck ct d ft g k l ld lm ls m n nd ng nt p r rd rk rn rt s ss st t th x y")
_ENDINGS: Final = _parts("- - - ing ion er ers ics al ism ure ship ies s")
# First and last letter of runs of Unicode in which any string reads as a word: Cyrillic, Greek, Georgian, Armenian,
# Katakana, Hangul, Chinese, Arabic.
_ALPHABETS: Final = tuple(
    (chr(low), chr(high))
    for low, high in (
        (0x430, 0x44F), (0x3B1, 0x3C9), (0x10D0, 0x10F0), (0x561, 0x586), (0x30A2, 0x30F2), (0xAC00, 0xAC1B),
        (0x4E00, 0x4E3F), (0x627, 0x64A),
    )
)  # fmt: skip
_JOINTS: Final = (" ", " ", " ", " & ", "-", ", ", " and ", "/", ": ", "'s ")
_MOST: Final = 40  # characters, as in prompts


def category_names(count: int, generator: np.random.Generator) -> list[str]:
    """So many different names, all in the manner of one shop: one alphabet, words of one kind."""
    word = _WORDS[generator.choice(len(_WORDS), p=_SHARES)]
    alphabet = _ALPHABETS[generator.integers(len(_ALPHABETS))]
    found: dict[str, None] = {}
    while len(found) < count:
        parts = [word(generator, alphabet) for _ in range(1 + generator.choice(3, p=(0.65, 0.25, 0.1)))]
        name = parts[0]
        for part in parts[1:]:
            name += str(generator.choice(_JOINTS)) + part
        found.setdefault(name[:_MOST].strip(), None)
    return list(found)


def _syllables(generator: np.random.Generator, _: tuple[str, str]) -> str:
    core = "".join(
        str(generator.choice(_ONSETS)) + str(generator.choice(_VOWELS)) + str(generator.choice(_CODAS))
        for _ in range(1 + generator.choice(3, p=(0.45, 0.4, 0.15)))
    )
    word = core + str(generator.choice(_ENDINGS))
    return word.capitalize() if generator.random() < 0.8 else word


def _foreign(generator: np.random.Generator, alphabet: tuple[str, str]) -> str:
    low, high = map(ord, alphabet)
    return "".join(chr(c) for c in generator.integers(low, high + 1, generator.integers(2, 9)))


def _code(generator: np.random.Generator, _: tuple[str, str]) -> str:
    letters = "".join(chr(c) for c in generator.integers(65, 91, generator.integers(1, 4)))
    return f"{letters}{generator.integers(1, 1000)}"


_WORDS: Final[tuple[Callable[[np.random.Generator, tuple[str, str]], str], ...]] = (_syllables, _foreign, _code)
_SHARES: Final = (0.8, 0.12, 0.08)
