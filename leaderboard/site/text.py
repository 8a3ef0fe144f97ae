"""How figures and strangers' words are written: numbers, intervals, durations, and text that cannot do harm.

What agents, worlds and submitters call things is shown as they wrote it, but never as markup: HTML is escaped by
the templates, Markdown by `markdown`, spreadsheets by `cell`; characters that hide or reorder text are replaced.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup

from leaderboard.metrics import METRICS, SCORE, Metric
from leaderboard.schema import TRACKS, Estimate, Row

ABSENT: Final = "—"
"""Stands where a figure was not measured or not told, which is not the same as 0."""

NBSP: Final = "\N{NO-BREAK SPACE}"
_PERCENT: Final = NBSP + "%"
_DECIMALS: Final = 3
"""Of a metric that is not in the registry."""
_HIDDEN: Final = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # control, format (bidi), surrogate, private, separators


def number(value: float, decimals: int = 2) -> str:
    """Fixed decimals, a true minus sign, and no negative zero. From a million on, with a unit."""
    if abs(value) >= 1e6:
        return ("\N{MINUS SIGN}" if value < 0 else "") + compact(abs(value))
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        return text.lstrip("-")
    return text.replace("-", "\N{MINUS SIGN}")


def figure(name: str, value: float) -> str:
    """One value of metric `name`, in that metric's unit."""
    metric = _known(name)
    if metric is None:
        return number(value, _DECIMALS)
    return percent(value) if metric.share else number(value, metric.decimals)


def interval(name: str, estimate: Estimate) -> str:
    """`estimate`'s 95 % interval, or an empty string where it has none."""
    if estimate.low is None or estimate.high is None:
        return ""
    low, high = figure(name, estimate.low), figure(name, estimate.high)
    if is_share(name):
        low = low.removesuffix(_PERCENT)  # the unit once is enough
    elif estimate.high >= 100:
        low, high = number(estimate.low, 0), number(estimate.high, 0)  # wide as it is, tenths say nothing
    # The en dash between two numbers reads as a minus sign when one of them is negative.
    return f"{low} to {high}" if "\N{MINUS SIGN}" in low else f"{low}–{high}"


def percent(share: float) -> str:
    """A share, 0 to 1, in per cent: one decimal below ten per cent, two below a tenth; what is not all is not 100."""
    size = abs(share)
    decimals = 0 if size >= 0.0995 or size == 0 else 1 if size >= 0.00095 else 2
    if 0.995 <= size < 1 - 1e-9:  # what only rounding parts from all is all
        decimals = 1 if size < 0.9995 else 2
        share = math.copysign(min(size, 0.9999), share)
    return number(100 * share, decimals) + _PERCENT


def breakable(name: str) -> Markup:
    """A name that a line may end in, before its capitals and at no hyphen."""
    return Markup("<wbr>").join(re.split(r"(?<=[a-z])(?=[A-Z])", name.replace("-", "\N{NON-BREAKING HYPHEN}")))


def compact(count: float) -> str:
    """A count in at most four digits: 950, 1.5 k, 12 M."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size * 0.9995:
            scaled = count / size
            return f"{scaled:.{0 if scaled >= 99.95 else 1}f}{NBSP}{unit}"
    return f"{count:.{0 if count >= 99.95 or float(count).is_integer() else 1}f}"


def duration(seconds: float) -> str:
    """Wall time in its natural unit."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size * 1.5:
            return f"{seconds / size:.1f}{NBSP}{unit}"
    return f"{seconds:.{0 if seconds >= 10 else 1 if seconds >= 1 else 2}f}{NBSP}s"


def counted(count: int, one: str, many: str = "") -> str:
    """`count` with its noun: "1 step", "12.3 k steps"."""
    return f"{compact(count)}{NBSP}{one if count == 1 else many or one + 's'}"


def visible(text: str) -> str:
    """`text` with every character that hides or reorders others replaced; line breaks stay."""
    if text.isascii() and text.isprintable():  # most are, and a thousand agents have many
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if c != "\n" and unicodedata.category(c) in _HIDDEN else c for c in text)


def plain(text: str, limit: int = 120) -> str:
    """One line of a stranger's text: white space joined, hidden characters replaced, cut at `limit`."""
    return _cut(visible(" ".join(text.split())), limit)


def prose(text: str, limit: int = 4_000) -> str:
    """A stranger's text with its line breaks and spaces kept; otherwise as `plain`."""
    return _cut(visible("\n".join(text.splitlines())).strip(), limit)


def short_name(text: str, limit: int) -> str:
    """As `plain`, but cut in the middle: models in folders begin alike, and differ at the end."""
    whole, end = plain(text, len(text)), limit // 2
    return whole if len(whole) <= limit else f"{whole[: limit - 1 - end]}…{whole[-end:]}"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def settings(values: Mapping[str, Any], limit: int = 120) -> str:
    """Parameters or options as "name=value, ..."; strings without quotes."""
    pairs = (f"{k}={v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)}" for k, v in sorted(values.items()))
    return plain(", ".join(pairs), limit)


def called(agent: str, parameters: Mapping[str, Any], limit: int = 40) -> str:
    """An agent by name, with the language model that it was given where it was given one: "billp on scripted".

    limit: of the model's name; that of two models may come out alike, so no key is made of it.
    """
    model = parameters.get("model")
    return f"{agent} on {short_name(model, limit)}" if isinstance(model, str) else agent


def called_in_full(agent: str, parameters: Mapping[str, Any]) -> str:
    """The same, less short, with all other parameters that it was given: "billp on scripted (use_critic=false)"."""
    name, rest = called(agent, parameters, 80), other_parameters(parameters)
    return f"{name} ({settings(rest, 60)})" if rest else name


def other_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that `called` does not tell."""
    return {key: value for key, value in parameters.items() if key != "model" or not isinstance(value, str)}


def track(row: Row) -> str:
    """The track of a row, with the budget where that is smaller than the track's."""
    if row.declared == TRACKS[row.track]:
        return row.track
    limits = ((row.declared.episodes, "episode"), (row.declared.steps, "step"))
    return f"{row.track}, at most " + " and ".join(counted(n, noun) for n, noun in limits if n is not None)


def log(row: Row) -> str:
    """The log that agents of this row's table learnt from; empty where there was none."""
    if row.log is None:
        return ""
    return f"log {plain(row.log.name, 60)} {row.log.sha256[:12]}, {counted(row.log.sessions, 'session')}"


def trained(row: Row) -> str:
    """What a row's agent trained on, in few words: the log, episodes, steps where no episode ended, or nothing."""
    if row.from_log:
        return "the log"
    if row.spent.episodes is None:
        return ABSENT
    if row.spent.episodes:
        return counted(row.spent.episodes, "episode")
    return counted(row.spent.steps, "step") if row.spent.steps else "none"


def meaning(metric: str) -> str:
    """A metric's definition in the registry, on one line; empty for one that is not there."""
    return " ".join(entry.text.split()) if (entry := _known(metric)) else ""


def is_share(metric: str) -> bool:
    """Whether a metric is written in per cent."""
    return (entry := _known(metric)) is not None and entry.share


def title(metric: str) -> str:
    """What a metric is, in a few words; empty for one that is not in the registry."""
    return entry.title if (entry := _known(metric)) else ""


def _known(metric: str) -> Metric | None:
    return SCORE if metric == SCORE.name else METRICS.get(metric)


def markdown(text: str) -> str:
    """`text` as literal Markdown: everything that could be markup, a cell's end or a link becomes a character code."""
    coded = re.sub(r"[^\w\s\-.,/+=%()–—…−≈±]|_", lambda found: f"&#{ord(found[0])};", text)
    return re.sub(r"(?i)\b(www)\.", r"\1&#46;", coded)  # GitHub links bare addresses


def cell(value: Any) -> Any:
    """A CSV value: text on one line, hidden characters replaced, an apostrophe before what a spreadsheet would run."""
    if not isinstance(value, str):
        return value
    text = visible(value.replace("\r\n", "\n").replace("\n", " "))
    return "'" + text if text.lstrip().startswith(("=", "+", "-", "@")) else text
