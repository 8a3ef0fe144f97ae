"""How catalogue facts are written for readers of text, language models first.

Titles and categories come from outside and are data, never instructions: they are put on one line, stripped of
what the formats use (quotes, brackets, bars, semicolons, control characters), shortened, and titles are quoted.
"""

from __future__ import annotations

import re
import unicodedata

from recsim_envs.spec import Catalogue

TITLE_LENGTH = 80
CATEGORY_LENGTH = 40

_REPLACED = str.maketrans({'"': "'", "“": "'", "”": "'", "[": "(", "]": ")", "{": "(", "}": ")", "<": "(", ">": ")",
                           "|": "/", ";": ",", "#": "*", "`": "'"})  # fmt: skip
_SPACE = re.compile(r"\s+")


def plain(text: str, limit: int) -> str:
    """One line of printable text without the characters that the prompt formats use, at most `limit` long."""
    printable = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)
    line = _SPACE.sub(" ", printable.translate(_REPLACED)).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


class CatalogueText:
    """Titles, categories and item lines of one catalogue as prompts show them, each made once, when first needed."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.category_names = [plain(name, CATEGORY_LENGTH) or f"category {i}"
                               for i, name in enumerate(catalogue.category_names)]  # fmt: skip
        self.category_ids = {name.casefold(): i for i, name in reversed(list(enumerate(self.category_names)))}
        self._titles: dict[int, str] = {}
        self._lines: dict[int, str] = {}

    def title(self, item: int) -> str:
        """The title of an item without quotes; never empty."""
        found = self._titles.get(item)
        if found is None:
            found = self._titles[item] = plain(self.catalogue.titles[item], TITLE_LENGTH) or f"item {item}"
        return found

    def line(self, item: int) -> str:
        """`"Title" | First category; Second | rating 4.12`; the rating is the public mean reward."""
        found = self._lines.get(item)
        if found is None:
            names = "; ".join(self.category_names[c] for c in self.catalogue.categories(item))
            rating = self.catalogue.mean_reward[item]
            found = self._lines[item] = f'"{self.title(item)}" | {names} | rating {rating:.2f}'
        return found

    def named_categories(self, text: str) -> tuple[int, ...]:
        """Ids of the categories listed in `text`, separated by semicolons or else commas; unknown names are dropped."""
        whole = self.category_ids.get(text.strip().strip(".").casefold())
        if whole is not None:
            return (whole,)
        parts = text.split(";") if ";" in text else text.split(",")
        found = (self.category_ids.get(part.strip().strip('."').casefold()) for part in parts)
        return tuple(dict.fromkeys(c for c in found if c is not None))
