"""The constants of each layout and variant, and their check. Source: the registered ids of SARDINE (see the page)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from recsim_envs.errors import ConfigurationError
from recsim_envs.families.boredom import kernel
from recsim_envs.families.options import choice, flag, integer, number

LAYOUTS: Final = ("single", "topk", "rerank")
VARIANTS: Final = ("static", "bored", "influence", "uncertain")
KINDS: Final = ("user", "topic")
INFLUENCES: Final = ("none", "reference", "fixed")
COPIES: Final = ("ignored", "count")

_NEVER: Final = 11  # clicks of a log that remembers ten: how the reference switches boredom off
_MAX_SLOPE: Final = 300.0  # exp stays finite


@dataclass(frozen=True)
class Constants:
    """What an environment is made of; the page's table of arguments says what each means."""

    num_items: int = 1000
    num_topics: int = 10
    slate_size: int = 1
    horizon: int = 100
    offset: float = 0.65
    slope: float = 100.0
    omega: float = 1.0
    influence: str = "none"
    boredom: str = "user"
    boredom_threshold: int = 5
    boredom_window: int = 5
    boredom_timeout: int = 5
    memory: int = 10
    click_propensity: float = 1.0
    position_decay: float = 0.85
    copies: str = "ignored"

    def rules(self) -> kernel.Rules:
        """The same as the kernel wants it."""
        return kernel.Rules(
            position=self.click_propensity * self.position_decay ** np.arange(self.slate_size, dtype=np.float64),
            offset=self.offset,
            slope=self.slope,
            omega=self.omega,
            influence=INFLUENCES.index(self.influence),
            topic_only=self.boredom == "topic",
            threshold=self.boredom_threshold,
            window=self.boredom_window,
            timeout=self.boredom_timeout,
            copies_count=self.copies == "count",
            horizon=self.horizon,
        )


_LAYOUT: Final = {
    "single": Constants(),
    "topk": Constants(slate_size=10),
    "rerank": Constants(
        num_items=10, slate_size=10, horizon=10, offset=0.3, slope=5.0, boredom_threshold=4, position_decay=0.7
    ),
}
_UNCERTAIN_SLOPE: Final = {"single": 10.0, "topk": 10.0, "rerank": 2.5}  # the last is ours: there is no such reference


def preset(layout: str, variant: str, reference: bool) -> Constants:
    """The constants of a layout and a variant, as the reference has them or with our corrections."""
    choice("layout", layout, LAYOUTS)
    choice("variant", variant, VARIANTS)
    constants = _LAYOUT[layout]
    if flag("reference", reference):
        constants = replace(constants, copies="count")
    if variant == "static" or (reference and (layout, variant) == ("single", "uncertain")):
        constants = replace(constants, boredom_threshold=_NEVER)
    elif variant != "bored":
        constants = replace(constants, omega=0.95, influence="reference" if reference else "fixed")
    if variant == "uncertain":
        constants = replace(constants, slope=_UNCERTAIN_SLOPE[layout])
    return constants


def checked(constants: Constants, changes: dict[str, Any]) -> Constants:
    """`constants` with the options that are not None; raises `ConfigurationError` for one without meaning."""
    values = asdict(constants) | {name: value for name, value in changes.items() if value is not None}
    largest = {"num_items": 2**20, "num_topics": 64, "slate_size": 64, "horizon": 2**24, "memory": 256}
    least = {"num_topics": 3}  # users like 3 to 5 topics
    for name in ("boredom_threshold", "boredom_window", "boredom_timeout", *largest):
        values[name] = integer(name, values[name], least.get(name, 1), largest.get(name, 2**20))
    values["offset"] = number("offset", values["offset"], -1.0, 1.0)
    values["slope"] = number("slope", values["slope"], 0.0, _MAX_SLOPE)
    for name in ("omega", "click_propensity", "position_decay"):
        values[name] = number(name, values[name], 0.0, 1.0)
    for name, words in (("influence", INFLUENCES), ("boredom", KINDS), ("copies", COPIES)):
        values[name] = choice(name, values[name], words)
    if values["slate_size"] > values["num_items"]:
        raise ConfigurationError(
            f"slate_size {values['slate_size']} is more than num_items {values['num_items']}; pass a smaller slate"
        )
    return Constants(**values)
