"""When users of the departure family leave: the options, checked and with the world's own constants filled in."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Final

from recsim_envs.errors import ConfigurationError
from recsim_envs.families.departure import kernel
from recsim_envs.families.options import choice, flag, integer, number
from recsim_envs.worlds.world import MAX_HORIZON, MAX_WINDOW, World

LEAST_THRESHOLD: Final = 1e-18
"""Above 0, kernels compare with the square in float32, which less would turn into 0: the rule would be off."""

_PROTOCOL: Final = re.compile(r"FB|NX_(0|[1-9][0-9]{0,4})")


@dataclass(frozen=True)
class Rules:
    """The constants that decide when users leave, and what the last step earns. See the family's page."""

    leave_by: str
    window: int
    threshold: float
    category_limit: int
    legacy_window: bool
    r_min: float
    horizon: int
    leaving_pays: bool
    protocol: str

    @classmethod
    def of(cls, world: World, protocol: str, legacy_window: bool, **chosen: Any) -> Rules:
        """From the options that were given; None takes the world's constant.

        Raises `ConfigurationError` for one without meaning.
        """
        defaults = world.info.departure
        value = {name: getattr(defaults, name) if given is None else given for name, given in chosen.items()}
        if not isinstance(protocol, str) or not _PROTOCOL.fullmatch(protocol):
            raise ConfigurationError(
                f"protocol {protocol!r} does not exist; use 'FB', 'NX_0' or 'NX_k' such as 'NX_10'"
            )
        forced = int(protocol.removeprefix("NX_")) if protocol != "FB" else 0
        rules = cls(
            leave_by=choice("leave_by", value["leave_by"], ("distance", "category")),
            window=integer("window", value["window"], 1, MAX_WINDOW),
            threshold=number("threshold", value["threshold"]),
            category_limit=integer("category_limit", value["category_limit"], 0, 1000),
            legacy_window=flag("legacy_window", legacy_window),
            r_min=number("r_min", value["r_min"]),
            horizon=forced or integer("horizon", value["horizon"], 1, MAX_HORIZON),
            leaving_pays=flag("leaving_pays", value["leaving_pays"]),
            protocol=protocol,
        )
        rules._check(world.num_items)
        return rules

    def _check(self, items: int) -> None:
        if self.threshold != 0 and not self.threshold >= LEAST_THRESHOLD:
            raise ConfigurationError(
                f"threshold must be 0 or at least {LEAST_THRESHOLD:g}, got {self.threshold!r}; 0 switches the rule off"
            )
        if self.legacy_window and self.leave_by != "category":
            raise ConfigurationError("legacy_window is a window of the category rule; pass leave_by='category' too")
        if self.no_repeat and self.horizon > items:
            raise ConfigurationError(
                f"protocol {self.protocol} needs {self.horizon} different items, the catalogue has {items}; "
                "pass a smaller horizon"
            )

    @property
    def no_repeat(self) -> bool:
        """Whether an item may be shown only once in a session."""
        return self.protocol != "FB"

    @property
    def leaves(self) -> bool:
        """Whether users leave at all: not under NX_k."""
        return self.protocol in ("FB", "NX_0")

    @property
    def leaving(self) -> int:
        """The same and what leaving earns, as the kernels take it."""
        return kernel.NEVER if not self.leaves else kernel.PAYS if self.leaving_pays else kernel.FORFEITS

    def constants(self) -> dict[str, int | float | str | bool]:
        """All constants by the names of their options."""
        return asdict(self)
