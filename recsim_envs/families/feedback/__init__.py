"""Feedback: what is reported of users' rewards, late, with noise or in part.

Any family's environment, of which the agent sees less, later or less surely what it earned. What users do stays the
same to the bit: the layer stands between a simulator and its faces. `longrec/GamesDelayed-v0`, `GamesNoisy-v0`,
`GamesHistory-v0`, `GamesClicks-v0` and the same with Videos stand on the [departure](games.md) family, with
`leaving_pays=True`.

## Description

* `delay=d`: the reward of a step is paid d steps later; at the session's end all that is due is paid at once, so that
  the return of a session is the true one. Observations tell a reward when it is paid, not before.
* `noise=s`: each reward is reported, and paid, as reward + s times a standard normal drawn from the session's seed
  and the step, the leaving step's included. Its mean is 0, so expected returns are the true ones. Observations hold
  the reported value; other keys that would tell the true feedback say nothing.
* `observe="history"`: who the user is and what they did before the session is not told; what was shown in the session
  and what it earned is.
* `observe="clicks"`: of the session only the items are told whose report was at least `click_at`, and of these only
  that they were; the user's past is not. The reward is paid in full: it is what training maximises.

What is recorded, in traces and on the board, are the rewards as they were paid. Whether users leave depends on what
they truly felt, never on reports; termination and truncation are told at once. Keys that describe state and not
feedback (the interests that InterestEvolution shows, for instance) stay as they are.

## Action space

The family's.

## Observation space

The family's, with the same keys. What is not told is -1 (items; or the lowest integer that the space holds) or 0.
With a delay the session's items are listed at once, and a reward that is not paid yet reads 0, as one that was 0 does:
observations do not tell the two apart, nor how long the delay is. Once it is paid the item's place in the log holds
it, so an agent has to read the whole log at each step. The language agents of this package do not: they read of each
step what is told right after it, and so take every late reward for 0.

Under noise the bounds of the reward log are wider, under `"clicks"` they are 0 to 1.

## Rewards

As above. `reward_range` is that of one payment: with a delay of d up to d + 1 rewards at once, with noise 8.6 s more
on both sides, beyond which no draw lies.

## Starting state

The family's; nothing has been reported.

## Episode end

The family's.

## Arguments

| argument | default | meaning |
|---|---|---|
| `of` | of the id | the family, by name or as "module:Class" |
| `delay` | 0 (Delayed: 5) | steps after which a reward is paid |
| `noise` | 0 (Noisy: Games 1, Videos 0.5) | standard deviation of the reports, in rewards; at most a million |
| `observe` | `"full"` | `"full"`, `"history"` or `"clicks"` |
| `click_at` | 1 (Clicks: Games 4, Videos 1) | the lowest report that is a click |
| `profile` | of the family | observation keys about the user and what they did before the session |
| `feedback` | of the family | observation keys about how the last step went; told late, and not at all with noise |
| all others | | the family's |

For a family whose keys are not known here, give `profile` and `feedback`:

```python
import gymnasium as gym
import recsim_envs

recsim_envs.register("mine/LateInterests-v0", family="feedback", of="interest-evolution", delay=3)
env = gym.make("mine/LateInterests-v0", noise=0.5)
```

## What it shares with its reference and what it changes

It has none: delayed and noisy feedback and partial observability are the usual tests of robustness, here without a
change to the users. Policies that know the true model play as without the layer, so the horizon gap is that of the
family, but for the noise.

## Version history

* v0: first release.
"""
