"""Long-term satisfaction: users whom clickbait engages now and wears out over time.

Every item has a degree of clickbait. Clickbait is clicked and enjoyed now, and each click on it lowers a hidden
satisfaction that scales all later enjoyment. What is wholesome restores it, but is passed over more often.

## Description
A candidate has a clickbait x, uniform from 0 to 1. The user looks at the slate from the top and takes an item that is
looked at with probability x (a cascade), or nothing. The engagement with an item is log-normal with log-mean
s (5x + 4(1 - x)) and log-sd 1, where s is the user's satisfaction, the logistic function of `sensitivity` times the
net positive exposure. After each step the exposure is 0.7 of what it was, minus 2(x - 0.5) for the item that was
taken, plus normal noise of sd 0.05.

## Action space
`MultiDiscrete([num_candidates] * slate_size)`: the numbers of the candidates shown, top slot first. A candidate shown
twice counts once: the second slot stays empty, so that a slate can be made shorter. With `reference=True` it counts
in both slots.

## Observation space
| key | shape | meaning |
|---|---|---|
| `candidate_clickbait` | float32 (num_candidates,) | the clickbait of each candidate |
| `response_clicks` | int32 (slate_size,) | 1 at the slot of the last slate that was taken |
| `response_engagement` | float32 (slate_size,) | the engagement with it, clipped to 100 |

Satisfaction and exposure are hidden; engagement tells of them.

## Rewards
The engagement, clipped to 100 as it is observed; with `reference=True` unclipped, and so without an upper bound.

## Starting state
The net positive exposure is drawn uniformly from -1.67 to 1.67.

## Episode end
Terminated, "out-of-time": the user's 60 steps are over. Truncated, "horizon": a step cap below 60.

## Arguments
| name | default | meaning |
|---|---|---|
| `num_candidates` | 10 | candidates offered in a step, 1 to 100 000 |
| `slate_size` | None | candidates shown in a step, at most `num_candidates`; None: 3, or 1 with `reference=True` |
| `resample_documents` | True | new candidates in each step; False: those of the session's start stay |
| `choice_model` | None | "cascade", "first" (the first slot is always taken), "multinomial-logit" and "proportional" \
(by clickbait; something is always taken), "exponential-cascade" (probability exp(x - 1)); None: "cascade", or \
"first" with `reference=True` |
| `sensitivity` | None | of satisfaction to exposure, 0 to 10; None: 0.3, or 0.01 with `reference=True` |
| `split` | "train" | "train", "test" or "all": whose sessions are drawn |
| `reference` | False | True: exactly RecSim's dynamics |
| `horizon` | 60 | step cap, 1 to 60 |

## What it shares with its reference and what it changes
The reference is `long_term_satisfaction` of RecSim (Ie et al., 2019). At its defaults it is not long-term: with slates
of 1 out of 10, always the most clickbait returns 1109 (standard error 10), random 941 (8), always the least 780 (7),
and `reference=True` gives these within 3 standard errors. The order turns over near a sensitivity of 0.07; the returns
of RecSim for 0.05 to 0.5 are met as well. What the default changes, and why:

- **Sensitivity** 0.3 instead of 0.01: satisfaction ranges from 0.27 to 0.73 instead of from 0.49 to 0.51, so that it
  counts.
- **Choice**: a cascade over a slate of 3 instead of always the first slot. When whatever is shown is taken, always
  showing the least clickbait is within 2 % of the optimum at every sensitivity from 0.1 to 0.5, and there is nothing to
  trade off; here clickbait buys the click, and both extremes are poor. A middle level, the same for every user and
  step, is not: it comes within a few percent of the optimum.
- **Clipping**: reward is clipped at 100 as the observation is; in the reference rare huge engagements are earned but
  not observed.

In both, the **sign** is that of RecSim's code: clickbait above a half lowers the exposure; its documentation has a plus
there. Further differences in both: RecSim's `create_environment` forwards no seed, so that users and documents are the
same in each run; `resample_documents=False` keeps candidates for a session, there for all sessions.

## Version history
v0: first version.
"""
