"""Simulator cards: how well a world fits what it stands for, as JSON, Markdown and one HTML page."""

from __future__ import annotations

from recsim_envs.worlds.card.render import card_html, card_markdown

__all__ = ["card_html", "card_markdown"]
