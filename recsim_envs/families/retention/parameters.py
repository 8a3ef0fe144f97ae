"""The constants of the retention dynamics, each with its source, and the histogram they are calibrated to."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

DAY_GAPS: Final = (
    0.617, 0.1654, 0.0787, 0.0473, 0.0310, 0.0210, 0.0141, 0.0094, 0.0058, 0.0037, 0.0024, 0.0015, 0.0011, 0.0007,
    0.0006, 0.0002,
)  # fmt: skip
"""KuaiRand-Pure: share of returns after 1, 2, ... 16 days (Gao et al., CIKM 2022; counted for KuaiSim, 2023)."""
CLICK_RATE: Final = 0.4597  # KuaiRand-Pure: share of impressions clicked
VIEW_RATE: Final = 0.3318  # and watched at length ("long view")
VISIT_STEPS: Final = 5.0  # mean slates a visit: the initial temper of KuaiSim's cross-session script
SAME_DAY: Final = 0.25  # share of leaves after which the user is back on the same day: ours, the log counts user-days


class Constants(NamedTuple):
    """The dynamics. "Calibrated" figures come from `calibrate`; "ours" are choices, each with its reason.

    A named tuple and no dataclass, because compiled code takes it as it is.
    """

    # Answers to an item. The shape is SARDINE's: a logistic score times an attention that falls with the position.
    attention: float = 0.85  # SARDINE: examination of slot j is attention ** j
    click_base: float = -2.377  # calibrated to CLICK_RATE
    click_match: float = 6.0  # ours: a favourite topic is clicked about four times as often as one without interest
    click_bait: float = 3.0  # ours: RecSim's chocolate, which engages more than kale; works as far as it is trusted
    view_base: float = -3.116  # calibrated to VIEW_RATE
    view_match: float = 6.0  # ours: what is watched to the end must interest,
    view_quality: float = 3.0  # and be good
    repeat: float = 0.4  # ours: an item still remembered matches that much less; else one good item would do for ever

    # Satiation (Leqi et al., "Rebounding bandits", NeurIPS 2021: each pull adds, time lets it decay geometrically).
    satiation_gain: float = 0.06  # added to a topic by each click
    satiation_days: float = 2.0  # days away in which it falls to 1/e

    # Tastes (RecLab's topics move by .1 a visit; Zajonc 1968, "Attitudinal effects of mere exposure").
    taste_gain: float = 0.04  # share of the way to full interest that a long view adds to the topic's interest
    taste_days: float = 30.0  # days away in which a grown interest falls back to 1/e
    taste_noise: float = 0.02  # sd of the random walk of each interest over one day away (reco-gym drifts so)

    # Trust (RecSim's net positive exposure: a leaky sum over what was consumed; bad weighs more than good,
    # Baumeister et al. 2001, "Bad is stronger than good").
    trust_start: float = 0.55
    trust_gain: float = 0.03  # share of what is missing, for each long view
    trust_loss: float = 0.06  # share of what is there, for each click that disappointed
    trust_days: float = 60.0  # days away in which its distance from the start falls to 1/e

    # Habit (Lally et al. 2010: grows by a share of what is missing with each repetition, decays when not practised).
    habit_start: float = 0.3
    habit_gain: float = 0.1  # for a visit with `habit_views` long views or more
    habit_views: float = 12.0
    habit_days: float = 5.0  # days away in which it falls to 1/e

    # The visit. Mood is an exponential mean of slates, so that its end counts most (Kahneman et al. 1993).
    mood_start: float = 0.2
    mood_rate: float = 0.4
    disappointment: float = 1.0  # a click that was not watched takes from a slate's enjoyment what a long view adds
    leave_base: float = -1.507  # calibrated to VISIT_STEPS
    leave_enjoyment: float = 4.0  # ours: users stay while slates please,
    leave_tired: float = 0.15  # and less with every slate (KuaiSim's temper falls with every request)

    # Returning: logit of the chance to be back on day d = gap_logits[d] + pull (proportional odds).
    pull_mood: float = 6.0
    pull_trust: float = 4.0
    pull_habit: float = 3.0
    pull_spread: float = 0.3  # sd of a fixed difference between users


FROZEN: Final = Constants(repeat=0.0, satiation_gain=0.0, taste_gain=0.0, trust_gain=0.0, trust_loss=0.0)
"""A user whom nothing changes, as KuaiSim's cross-session environment has them."""
GAP_LOGITS: Final = (-0.513, 1.166, 0.73, 0.651, 0.753, 1.028)
"""Calibrated: days 0 (later on the same day), 1, 2, 3, 4, and 5 or more, so that gaps fit DAY_GAPS."""
LONGEST_GAP: Final = len(DAY_GAPS)  # the log knows no later return; who is away longer is gone


def gap_logits(values: tuple[float, ...] = GAP_LOGITS) -> NDArray[np.float64]:
    """One logit a day 0..LONGEST_GAP: the last of `values` stands for all days after."""
    return np.array([*values, *[values[-1]] * (LONGEST_GAP + 1 - len(values))])
