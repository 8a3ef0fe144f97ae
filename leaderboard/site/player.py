"""The player: a few sessions of one agent in one environment, step by step, with what it could not see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from leaderboard.lives import Life, Lives
from leaderboard.schema import LessonsTold, SessionTold, canonical_json
from leaderboard.site import text
from leaderboard.site.page import Page, html_page
from leaderboard.site.tables import script_json

if TYPE_CHECKING:
    from leaderboard.board.model import Board, Entry, Section


LISTED: Final = 100
"""Agents of a section that a player offers to go on with."""


def player_pages(board: Board) -> Iterator[Page]:
    """One page for each row whose submission was replayed here, and for each section the list of its pages."""
    for section in board.sections:
        played = [entry for entry in section.entries if entry.summary is not None]
        for entry in played:
            inputs = [entry.own, section.id]
            yield html_page(f"lives/{entry.id}.html", inputs, "player.html.j2", partial(_values, entry, section))
        if played:
            yield Page(f"data/players-{section.id}.js", [section.key, section.id], partial(_list, played))


def _list(played: Sequence[Entry]) -> str:
    """Whose sessions with the same users can be watched: the first by tier, and those that read hidden state."""
    chosen = [entry for n, entry in enumerate(played) if n < LISTED or entry.row.privileged]
    return f"const players = {script_json([[entry.id, text.plain(entry.label)] for entry in chosen])};\n"


def _values(entry: Entry, section: Section) -> dict[str, Any]:
    lives = entry.lives()
    data = _data(lives, entry.transcript()) if lives is not None else None
    return {"entry": entry, "section": section, "data": None if data is None else json_block(data)}


def json_block(value: Any) -> Markup:
    """JSON as the content of a data block in HTML: nothing in it can end the block."""
    return Markup(canonical_json(value).replace("<", "\\u003c"))


def _data(lives: Lives, transcript: Sequence[SessionTold | LessonsTold]) -> dict[str, Any]:
    """What `player.js` reads. Texts are cleaned of what hides or reorders characters; they are shown as text only."""
    mine = [line for line in transcript if line.training_seed == lives.training_seed]
    told = {line.episode: line.steps for line in mine if isinstance(line, SessionTold)}
    lessons = [lesson for line in mine if isinstance(line, LessonsTold) for lesson in line.told]
    return {
        "horizon": lives.horizon,
        "hidden": list(lives.hidden),
        "groups": [text.plain(name, 60) for name in lives.groups],
        "items": [[text.plain(item.title), item.group] for item in lives.items],
        "sessions": [_session(life, told.get(life.episode, ())) for life in lives.sessions],
        "lessons": _clean(lessons),
    }


def _session(life: Life, told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    moments = [
        {"shown": m.shown, "reward": round(m.reward, 4), "fatigue": m.fatigue, "hidden": m.hidden}
        | ({"told": _told(told[n])} if n < len(told) and told[n] else {})
        for n, m in enumerate(life.moments)
    ]
    start = {"fatigue": life.fatigue, "hidden": life.hidden}
    who = {"episode": life.episode, "user": str(life.user)}  # ids are 64 bits wide, a script's numbers 53
    return {**who, **start, "moments": moments, "cause": text.plain(life.cause), "left": life.left}


def _told(step: dict[str, Any]) -> dict[str, Any]:
    """What was told of one step. Agents count steps from 0, readers from 1."""
    planned = step.get("planned")
    return _clean(step | ({"planned": planned + 1} if isinstance(planned, int) else {}))


def _clean(value: Any) -> Any:
    """Free-form JSON with its strings made visible."""
    if isinstance(value, str):
        return text.prose(value)
    if isinstance(value, dict):
        return {text.plain(str(key), 60): _clean(part) for key, part in value.items()}
    return [_clean(part) for part in value] if isinstance(value, list | tuple) else value
