"""Which parts of an observation are items that the user has met, by name and range."""

from __future__ import annotations

from collections.abc import Mapping

from gymnasium import spaces

ITEMS = "items"


def history_keys(boxes: Mapping[str, spaces.Box], num_items: int) -> list[str]:
    """Keys of lists of items, earlier times first: int boxes -1..n-1, -1 for none, named "...items".

    Keys are in the order of the space, which is the alphabet's: "history_items" comes before "session_items".
    """
    return [
        key
        for key, box in boxes.items()
        if key.endswith(ITEMS) and len(box.shape) == 1 and box.dtype.kind == "i"  # type: ignore[union-attr]
        and box.low.min() == -1 and box.high.max() == num_items - 1
    ]  # fmt: skip
