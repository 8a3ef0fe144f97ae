"""`python -m recsim_envs.families.retention.calibrate` prints the calibrated constants of `parameters`.

Under the logging policy, over whole lives, it brings the rates of clicks and long views and the gaps between visits to
those of KuaiRand, and the length of visits and the share of same-day returns to their stated values: round after round,
each logit moves towards its target.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.families.retention import kernel
from recsim_envs.families.retention.parameters import (
    CLICK_RATE,
    DAY_GAPS,
    GAP_LOGITS,
    LONGEST_GAP,
    SAME_DAY,
    VIEW_RATE,
    VISIT_STEPS,
    Constants,
    gap_logits,
)
from recsim_envs.families.retention.references import logging
from recsim_envs.families.retention.simulator import RetentionSimulator

ROUNDS: Final = 16
LIVES: Final = 4000


class Measured(NamedTuple):
    """Rates an impression; mean slates a visit; returns after 0, 1, ... 16 days; share of lives that end in churn."""

    clicks: float
    views: float
    visit_steps: float
    gaps: NDArray[np.int64]
    churn: float

    @property
    def day_gaps(self) -> NDArray[np.float64]:
        """Shares of the gaps of 1 to 16 days among them."""
        shares: NDArray[np.float64] = self.gaps[1:] / self.gaps[1:].sum()
        return shares


def measure(simulator: RetentionSimulator, seed: int) -> Measured:
    """Play one life a lane under the logging policy."""
    lanes, state = np.arange(simulator.num_lanes), simulator.state
    simulator.begin(lanes, rng.bits_array(rng.derive_seed("retention", "calibration", seed), lanes, rng.EPISODE))
    act, gaps = logging(simulator), np.zeros(LONGEST_GAP + 1, np.int64)
    clicks = views = steps = visits = 0
    while not simulator.over.all():
        running, visit = ~simulator.over, state.clock[:, kernel.VISIT].copy()
        simulator.step(act())
        answers = state.history[running][:, :, -simulator.slate_size :]
        clicks += int(answers[:, kernel.CLICK].sum())
        views += int(answers[:, kernel.VIEW].sum())
        returned = running & (state.clock[:, kernel.VISIT] > visit)
        gaps += np.bincount(state.clock[returned, kernel.GAP], minlength=LONGEST_GAP + 1)
        steps += int(running.sum())
        visits += int(returned.sum() + (running & simulator.over).sum())
    churned = (state.clock[:, kernel.CAUSE] == kernel.CHURNED).mean()
    shown = steps * simulator.slate_size
    return Measured(clicks / shown, views / shown, steps / visits, gaps, float(churned))


def calibrate(rounds: int = ROUNDS, lives: int = LIVES) -> tuple[Constants, tuple[float, ...]]:
    """The constants and gap logits after so many rounds of so many lives, from those in `parameters`."""
    simulator = RetentionSimulator(lives, reward="days")
    logits = list(GAP_LOGITS)
    for n in range(rounds):
        found, c, rate = measure(simulator, n), simulator.dynamics, 0.8 if n < rounds // 2 else 0.3
        simulator.dynamics = c._replace(
            click_base=c.click_base + rate * (_logit(CLICK_RATE) - _logit(found.clicks)),
            view_base=c.view_base + rate * (_logit(VIEW_RATE / CLICK_RATE) - _logit(found.views / found.clicks)),
            leave_base=c.leave_base + rate * math.log(found.visit_steps / VISIT_STEPS),
        )
        shares = found.gaps / found.gaps.sum()
        targets = [SAME_DAY, *_hazards(np.array(DAY_GAPS), len(logits) - 1)]
        for d, hazard in enumerate([float(shares[0]), *_hazards(found.day_gaps, len(logits) - 1)]):
            logits[d] += rate * (_logit(targets[d]) - _logit(hazard))
        simulator.gap_logits = gap_logits(tuple(logits))
    return simulator.dynamics, tuple(logits)


def _hazards(shares: NDArray[np.float64], count: int) -> list[float]:
    """Chance to return on day 1, 2, ... of those not back before; the last stands for all days after it."""
    left = shares[::-1].cumsum()[::-1]
    tail = shares[count - 1 :]
    return [float(shares[d] / left[d]) for d in range(count - 1)] + [float(tail.sum() / left[count - 1 :].sum())]


def _logit(p: float) -> float:
    return math.log(p / (1.0 - p))


if __name__ == "__main__":
    constants, logits = calibrate()
    for name in ("click_base", "view_base", "leave_base"):
        print(f"{name} = {getattr(constants, name):.3f}")
    print("GAP_LOGITS =", tuple(round(x, 3) for x in logits))
