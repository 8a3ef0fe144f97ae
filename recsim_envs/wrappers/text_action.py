"""`TextAction`: act by naming titles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from recsim_envs.errors import InvalidActionError
from recsim_envs.families.options import choice
from recsim_envs.text.catalogue import CatalogueText
from recsim_envs.text.grounding import Allowed, Grounding
from recsim_envs.wrappers.layer import Inner, Layer, Mask
from recsim_envs.wrappers.shells import LayerWrapper, VectorLayerWrapper
from recsim_envs.wrappers.text_observation import charset

MATCHES: Final = ("exact", "normalised", "fuzzy", "nearest")
LONGEST_NAME: Final = 500  # characters of a title as the catalogue writes it
NAMED_IN_ERRORS: Final = 3


class TextAction(LayerWrapper):
    """Act with a title; with a slate, a list of titles, or one text with a title a line.

    Each title is grounded on the item of this very title, else of the same words ("normalised": case, accents,
    punctuation and leading articles aside), else of nearly the same spelling ("fuzzy"), else of the nearest spelling
    that has more than chance in common with it ("nearest"): `recsim_envs.text.grounding`. `loosest` is the last of
    these that is tried. Only items that `info["action_mask"]` allows are found. Where titles are equal, the first
    allowed item has it.

    What cannot be grounded is an `InvalidActionError` that names the nearest titles; with `on_unknown="popular"` the
    most popular allowed item that the slate does not hold is shown instead, also for each title that a slate lacks,
    and titles beyond the slate are ignored.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, loosest: str = "nearest", on_unknown: str = "error") -> None:
        super().__init__(env, TextActionLayer, loosest=loosest, on_unknown=on_unknown)


class VectorTextAction(VectorLayerWrapper):
    """`TextAction` for a vector environment; actions are a sequence of B texts or lists."""

    def __init__(self, env: VectorEnv[Any, Any, Any], *, loosest: str = "nearest", on_unknown: str = "error") -> None:
        super().__init__(env, TextActionLayer, loosest=loosest, on_unknown=on_unknown)


class TextActionLayer(Layer):
    """Grounding in what may be shown now."""

    def __init__(self, inner: Inner, *, loosest: str, on_unknown: str) -> None:
        super().__init__(inner)
        self._items, self._slots = inner.num_items("TextAction"), inner.slate_size or 1
        self._loosest = MATCHES.index(choice("loosest", loosest, MATCHES))
        self._replaces = choice("on_unknown", on_unknown, ("error", "popular")) == "popular"
        self._grounding = Grounding(CatalogueText(inner.task.catalogue))
        self._popular = np.argsort(-inner.task.catalogue.popularity, kind="stable").tolist()
        self._mask: Mask = None
        self.action_space = spaces.Text(LONGEST_NAME * self._slots, charset=charset(inner.task.catalogue))

    def show(self, observations: Any, mask: Mask) -> tuple[Any, Mask]:
        """Keep the mask: it tells what titles may name."""
        self._mask = mask
        return observations, None

    def act(self, actions: Any, running: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The items that are named, (B,) or (B, k)."""
        if isinstance(actions, str) or not isinstance(actions, Sequence | np.ndarray) or len(actions) != len(running):
            raise InvalidActionError(
                f"actions must be {len(running)} texts or lists of titles, got {str(actions)[:60]}"
            )
        found = np.zeros((len(running), self._slots), np.int64)
        for lane in np.flatnonzero(running).tolist():
            found[lane] = self._slate(lane, actions[lane])
        return found.reshape(self.inner.action_shape)

    def _slate(self, lane: int, action: Any) -> list[int]:
        names = self._names(lane, action)
        allowed = Allowed(mask=None if self._mask is None else self._mask[lane])
        slate: list[int] = []
        for name in names:
            item = self._named(name, allowed)
            slate.append(self._instead(lane, name, allowed, slate) if item is None else item)
        return slate

    def _names(self, lane: int, action: Any) -> list[str]:
        """One name a slot. Where a substitute is wanted, missing ones become empty and those too many go."""
        if isinstance(action, str):
            names = action.strip().splitlines() if self._slots > 1 else [action]
        elif isinstance(action, Sequence) and all(isinstance(name, str) for name in action):
            names = list(action)
        else:
            raise InvalidActionError(
                f"lane {lane}: an action must be a text or a list of titles, got {str(action)[:60]}"
            )
        if len(names) != self._slots and not self._replaces:
            raise InvalidActionError(f"lane {lane}: {len(names)} titles were given; name {self._slots}, one a line")
        return (names + [""] * self._slots)[: self._slots]

    def _named(self, name: str, allowed: Allowed) -> int | None:
        if not name.strip() or not allowed.any_item(self._items):
            return None
        found = self._grounding.ground(name, allowed, ())
        how = "nearest" if found.how == "embedding" else found.how
        return found.item if how in MATCHES[: self._loosest + 1] else None

    def _instead(self, lane: int, name: str, allowed: Allowed, slate: list[int]) -> int:
        if self._replaces:
            item = next((item for item in self._popular if allowed(item) and item not in slate), None)
            if item is None:
                raise InvalidActionError(f"lane {lane}: no item is left that may be shown in place of {name[:60]!r}")
            return item
        near = ", ".join(repr(title) for title in self._grounding.nearest(name, NAMED_IN_ERRORS, allowed))
        raise InvalidActionError(
            f"lane {lane}: {name[:60]!r} names no item that may be shown; the nearest titles are {near or 'none'}"
        )
