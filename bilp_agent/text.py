"""Reading what a language model answered: fields, numbers, what is named."""

from __future__ import annotations

import re

_DECORATION = r"(?:[^\S\n]|[*_#>-])*"  # within a line: a thousand blank ones would be gone through from each of them


def field(answer: str, name: str) -> str | None:
    """The rest of the first line that begins with `name:`, whatever its case and decoration; None if there is none."""
    line = rf"^{_DECORATION}{re.escape(name)}[*_]*\s*:[*_]*[ \t]*(.*)$"
    match = re.search(line, answer, re.IGNORECASE | re.MULTILINE)
    return match.group(1).strip() if match else None


def number(text: str | None) -> float | None:
    """The first number in a text; None if there is none."""
    match = re.search(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", text) if text else None
    return float(match.group()) if match else None


def named(answer: str) -> list[str]:
    """What the lines "Item: ..." name, each once, without quotes and what stands after a bar."""
    told = (field(line, "Item") for line in answer.splitlines())
    names = (text.split(" | ")[0].strip().strip('"').strip() for text in told if text)
    return list(dict.fromkeys(name for name in names if name))
