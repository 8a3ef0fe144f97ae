"""Interest exploration: users of hidden types, who can come to like what they do not know.

What a user likes from the start is hidden and must be found out by showing it. Beyond the reference, most users can
acquire a taste for the topic that they like less, and what that is worth shows only after a while of showing it.

## Description
There are two types of users (30 % and 70 %) and two topics (20 % and 80 % of the candidates). A candidate has a
quality, log-normal with log-mean 0.8 on topic 0 and 0.2 on topic 1 and log-sd 0.1. A user has an affinity to each
topic, log-normal with log-means (0.1, 0.7) for type 0 and (0.7, 0.1) for type 1 and log-sd 0.1. The score of a
candidate is the sum of the two; the user clicks one candidate of the slate or none by a multinomial logit with a
score of 5 for none.

80 % of the users can acquire a taste: to the score of the topic with their lower affinity, 4 times their familiarity
with it is added. Familiarity with a topic starts at 0 and goes 5 % of the way to the topic's share of the slate in each
step: what is shown becomes familiar, what is not fades. This is the effect of mere exposure (Zajonc, Journal of
Personality and Social Psychology 9, 1968), in the simplest form that makes exploring an investment; its three
constants are ours and fitted to no data.

## Action space
`MultiDiscrete([num_candidates] * slate_size)`: the numbers of the candidates shown, top slot first. A candidate shown
twice counts once: the second slot stays empty. With `reference=True` it counts in both slots.

## Observation space
| key | shape | meaning |
|---|---|---|
| `candidate_topics` | int32 (num_candidates,) | the topic of each candidate |
| `candidate_qualities` | float32 (num_candidates,) | the quality of each candidate |
| `response_clicks` | int32 (slate_size,) | 1 at the slot of the last slate that was clicked |
| `response_topics` | int32 (slate_size,) | the topics of the last slate; -1 before the first |
| `response_qualities` | float32 (slate_size,) | the qualities of the last slate; 0 before the first |

Type, affinities, familiarity and whether a taste can be acquired are hidden.

## Rewards
1 for a click, 0 for none.

## Starting state
Type, affinities and whether a taste can be acquired are drawn; familiarity is 0.

## Episode end
Truncated, "horizon": the step cap. Users do not leave.

## Arguments
| name | default | meaning |
|---|---|---|
| `num_candidates` | 10 | candidates offered in a step, 1 to 100 000 |
| `slate_size` | 2 | candidates shown in a step, 1 to 100 and at most `num_candidates` |
| `resample_documents` | True | new candidates in each step; False: those of the session's start stay |
| `choice_model` | "multinomial-logit" | or "proportional" (scores against 5), "cascade" and "exponential-cascade" \
(attention 0.65; a score of 5 is a sure click once looked at), "first" |
| `acquirers` | None | the share of users who can acquire a taste, 0 to 1; None: 0.8, or 0 with `reference=True` |
| `split` | "train" | "train", "test" or "all": whose sessions are drawn |
| `reference` | False | True: exactly RecSim's dynamics |
| `horizon` | 100 | step cap, 1 to 10 000 |

## What it shares with its reference and what it changes
The reference is `interest_exploration` of RecSim (Ie et al., 2019). All constants but those of acquired tastes are
RecSim's. With `reference=True` nobody acquires a taste and nothing that is shown changes the user: that is a contextual
bandit in which planning is worth nothing, so it is not ranked. It gives RecSim's 0.2344 clicks a step for random
slates of 2 out of 10 (standard error 0.0026) within 3 standard errors. Differences in both: RecSim never ends a
session, here there is a step cap; RecSim gives users and documents the same seed, here they are independent;
`resample_documents=False` keeps candidates for a session, there for all sessions.

## Version history
v0: first version.
"""
