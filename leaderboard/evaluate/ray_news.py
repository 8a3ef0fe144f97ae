"""The mailbox of a Ray run: an actor beside the driver that keeps news of cells until it asks. Imports nothing."""

from __future__ import annotations

Item = tuple[int, str, float, float, str]
"""(number of the cell, phase, done, total, id of the node), see `leaderboard.evaluate.executor.Event`."""


class News:
    """Keeps what it is sent, in order."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    def put(self, cell: int, phase: str, done: float, total: float, node: str) -> None:
        """Keep one item."""
        self._items.append((cell, phase, done, total, node))

    def take(self) -> list[Item]:
        """All items since the last time."""
        items, self._items = self._items, []
        return items
