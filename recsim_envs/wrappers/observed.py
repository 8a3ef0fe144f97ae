"""What the parts of an observation are: items that the user has met, what they earned, features of candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

FEEDBACK: Final = ("rewards", "clicks", "views", "behaviours")
"""Last words of parts that tell, item by item, what came of the items beside them."""
CANDIDATE: Final = "candidate"

Boxes = Mapping[str, spaces.Box]


def history_keys(boxes: Boxes, num_items: int) -> list[str]:
    """Keys of lists of items, earlier times first: int parts named "slate" or "...items" that end at n-1.

    They begin at -1, which stands for no item; or at 0, and then a part "length" tells whether any were shown yet.
    Keys are in the order of the space, which is the alphabet's: "history_items" comes before "session_items".
    """
    return [
        key
        for key, box in boxes.items()
        if (key == "slate" or key.endswith("items")) and not key.startswith(CANDIDATE)
        and len(box.shape) == 1 and _is_int(box)
        and box.low.min() in ((-1, 0) if "length" in boxes else (-1,)) and box.high.max() == num_items - 1
    ]  # fmt: skip


def met_items(boxes: Boxes, observations: Mapping[str, NDArray[Any]], key: str) -> NDArray[np.int32]:
    """The items under one of the `history_keys`, -1 for none: (B, l), or (l,) of one lane."""
    if boxes[key].low.min() < 0:
        return observations[key]
    return np.where(observations["length"] > 0, observations[key], np.int32(-1))


def feedback_keys(boxes: Boxes, key: str) -> dict[str, str]:
    """The parts that belong to the items under `key`: one number, or a row of them, for each; by the word for one."""
    prefix = "" if key == "slate" else key.removesuffix("items")
    size = boxes[key].shape[0]
    return {
        word[:-1]: prefix + word
        for word in FEEDBACK
        if prefix + word in boxes and np.prod(boxes[prefix + word].shape) % size == 0
    }


def slot_clicks(boxes: Boxes, size: int | None) -> str | None:
    """The part that tells which slots of a slate of `size` were clicked, where candidates are drawn anew."""
    return next((key for key, box in boxes.items() if key.endswith("clicks") and box.shape == (size,)), None)


def feature_keys(boxes: Boxes, count: int) -> list[str]:
    """Keys of parts that describe `count` candidates: named "candidate...", with a row for each."""
    return [key for key, box in boxes.items() if key.startswith(CANDIDATE) and is_feature(box, count)]


def is_feature(box: spaces.Box, count: int) -> bool:
    """Whether a part has a row for each of `count` candidates."""
    return len(box.shape) in (1, 2) and box.shape[0] == count


def feature_width(box: spaces.Box) -> int:
    """Columns that a part takes among the features: its own, or one for each value of an integer."""
    if _is_int(box):
        return int(box.high.max()) - int(box.low.min()) + 1
    return 1 if len(box.shape) == 1 else box.shape[1]


def features(box: spaces.Box, values: NDArray[Any]) -> NDArray[np.float32]:
    """A part as features, float32 (B, count, width): numbers as they are, integers as zeros and a one."""
    if _is_int(box):
        codes = np.arange(int(box.low.min()), int(box.high.max()) + 1)
        return (values[..., None] == codes).astype(np.float32)
    return values.reshape(*values.shape[:2], -1).astype(np.float32)


def _is_int(box: spaces.Box) -> bool:
    return np.issubdtype(box.dtype, np.integer)
