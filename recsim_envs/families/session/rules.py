"""The constants of the session family's dynamics, gathered for the kernel."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

SESSION: Final = "session"
REQUEST: Final = "request"
MODES: Final = (SESSION, REQUEST)

REWARD_WEIGHTS: Final = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0)
SINGLE_RESPONSE: Final = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
REFERENCE_WIDTH: Final = 64
"""The reference divides the cosine of two encodings by their width, so that its fatigue is at most rho / 64."""

# Ours, in the order of `Rules`; the page says what for.
SATIETY: Final = 0.2
MEMORY: Final = 0.8
REPEAT: Final = 0.3
TEMPER_WEIGHTS: Final = (0.0, 0.0, 2.0, 2.0, 2.0, 2.0, -4.0)
PATIENCE: Final = 0.25
REGRET: Final = 2.0
TEDIUM: Final = 3.0
WORST: Final = 4.0


class Rules(NamedTuple):
    """The dynamics as numbers; always of these types, so that one compiled version serves all settings.

    The temper of a user falls with every request by
    `patience - temper_weights . responses + regret * (clicks that were no long view) + tedium * sameness`,
    all of it means over the slate, but by no more than `worst` and by no less than 0.
    """

    reference: bool  # twice the sigmoid, fatigue subtracted, behaviours drawn apart
    by_request: bool  # temper falls by one a request, whatever was shown
    initial_temper: float
    rho: float  # price of similarity within the slate
    satiety: float  # price of similarity to what was shown of late
    memory: float  # what is left of a slate's share in that after each request
    repeat: float  # price of a video among the last `HISTORY` shown
    weights: NDArray[np.float64]  # (S,) reward
    temper_weights: NDArray[np.float64]  # (S,)
    patience: float
    regret: float
    tedium: float
    worst: float
    horizon: int


def rules(
    mode: str, reference: bool, single_response: bool, initial_temper: float | None, rho: float, horizon: int
) -> Rules:
    """The constants of a setting. Those of the reference are KuaiSim's; the others are explained on the page."""
    weights = np.array(SINGLE_RESPONSE if single_response else REWARD_WEIGHTS)
    by_request = mode == REQUEST
    start = initial_temper if initial_temper is not None else 5.0 if by_request else 20.0
    common = by_request, start, rho
    if reference:
        return Rules(True, *common, 0.0, 0.0, 0.0, weights, weights, 2.0, 0.0, 0.0, 2.0, horizon)
    tempers = np.array(TEMPER_WEIGHTS)
    return Rules(False, *common, SATIETY, MEMORY, REPEAT, weights, tempers, PATIENCE, REGRET, TEDIUM, WORST, horizon)
