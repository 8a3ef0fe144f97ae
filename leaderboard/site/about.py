"""What is known of an environment: its description, and what planning was found to be worth in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import gymnasium
from markdown_it import MarkdownIt
from markupsafe import Markup

from leaderboard.schema import json_hash
from leaderboard.site import geometry
from leaderboard.site.geometry import Axis, Mark
from recsim_envs.gap import PLANNER, RANKED_FROM, Gap
from recsim_envs.ids import BUILTIN, NAMESPACE
from recsim_envs.measured import measured
from recsim_envs.pages import POLICIES, family_text

_WIDTH: Final = 260


@dataclass(frozen=True)
class Reference:
    """One policy that was measured: its name in words, its mean return with interval, and both in pixels."""

    name: str
    value: float
    low: float
    high: float
    steps: float
    mark: Mark


@dataclass(frozen=True)
class About:
    """What a page tells of an environment. Environments that are not of this package have no text and no gap.

    `key` is a hash of all of it.
    """

    title: str
    intro: Markup
    text: Markup
    gap: Gap | None
    references: tuple[Reference, ...]
    axis: Axis | None
    best: str
    key: str
    ranked_from: float = RANKED_FROM


@cache
def about(env_id: str) -> About:
    """The description of one id."""
    if env_id.removeprefix(NAMESPACE) not in BUILTIN or env_id not in gymnasium.registry:
        return About("", Markup(), Markup(), None, (), None, "", "")
    title, _, rest = family_text(env_id).partition("\n")
    intro, _, body = rest.strip().partition("\n## ")
    gap = measured(env_id)
    axis = _axis(gap) if gap else None
    return About(
        _sentence(title.partition(": ")[2] or title),
        _html(intro),
        _html("## " + body) if body else Markup(),
        gap,
        tuple(_references(gap, axis)) if gap and axis else (),
        axis,
        POLICIES.get(gap.best_myopic, gap.best_myopic) if gap else "",
        json_hash([family_text(env_id), gap.to_json() if gap else None]),
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _axis(gap: Gap) -> Axis:
    ends = [x for score in gap.scores.values() for x in score]
    low, high = min(0.0, *ends), max(0.0, *ends) or 1.0
    return Axis(low, high, 6, _WIDTH - 6, geometry.round_ticks(low, high))


def _references(gap: Gap, axis: Axis) -> Sequence[Reference]:
    names = sorted(gap.scores, key=lambda name: (name == PLANNER, gap.scores[name].value))
    return [
        Reference(
            POLICIES.get(name, name),
            *gap.scores[name],
            gap.lengths[name],
            Mark(axis.at(gap.scores[name].value), axis.at(gap.scores[name].low), axis.at(gap.scores[name].high)),
        )
        for name in names
    ]


def _html(markdown: str) -> Markup:
    """Markdown of this package's docstrings as HTML, its headings one level down; raw HTML in it stays text."""
    parser = MarkdownIt("js-default")
    tokens = parser.parse(markdown)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
    return Markup(parser.renderer.render(tokens, parser.options, {}))
