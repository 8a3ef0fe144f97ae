"""What is reported of true rewards, and when, as compiled code. `tests` hold it against a plain-Python reference."""

from __future__ import annotations

from typing import Final

from numba import njit

from recsim_envs.rng import FAMILY, normal

NOISE: Final = FAMILY + 1000  # apart from the purposes of the families whose session seeds are shared

LARGEST_NORMAL: Final = 8.6  # no draw of `rng.normal` is farther from 0


@njit(cache=True)
def report(rewards, was_over, ended, seeds, steps, noise, pending, log):
    """Turn the true rewards of one step (float64, B) into what is paid now, in place.

    A step's report is its reward plus `noise` times a standard normal. It is paid as many steps later as `pending`
    (float64, (B, delay)) is wide, and at the session's end all that is due is. `log` (float32, (B, m)) holds the
    latest reports, the last on the right; `steps` (int64, B) are counted on.
    """
    delay, last = pending.shape[1], log.shape[1] - 1
    for b in range(len(rewards)):
        if was_over[b]:
            continue
        reported = rewards[b]
        if noise > 0.0:
            reported += noise * normal(seeds[b], steps[b], NOISE, 0)
        for k in range(last):
            log[b, k] = log[b, k + 1]
        log[b, last] = reported
        if delay:
            place = steps[b] % delay
            rewards[b], pending[b, place] = pending[b, place], reported
        else:
            rewards[b] = reported
        steps[b] += 1
        if ended[b]:
            for age in range(delay):  # the oldest first
                place = (steps[b] + age) % delay
                rewards[b] += pending[b, place]
                pending[b, place] = 0.0
