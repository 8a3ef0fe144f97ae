"""Interest evolution: users with a budget of time, whose interests follow what they watch.

Bad videos eat the user's time, good ones give most of it back, and each video that is watched strengthens or
weakens the interest in its topic. Whoever shows what is liked best now runs the clock down; whoever shows what is
good keeps the user. To do that, one rule of thumb is nearly enough: interest plus one, times quality.

## Description
There are 20 topics; topics 0 to 13 have mean qualities from -3 to 0, topics 14 to 19 from 0 to 3, evenly spaced. A
video has a topic, a quality (normal around the topic's mean, sd 0.1) and a length of 4. In each step candidates with
uniformly drawn topics are offered, the agent shows a slate of them, and the user watches one video or none: with the
proportional choice model, candidate i with probability proportional to u_i + 1, where u_i is the interest in its
topic, and none with 2.

A video that is watched takes w = min(time left, 4) and gives back 0.2647 w q, where q is its quality; watching
nothing takes 0.5. The interest u in the topic of the watched video moves by 0.3 (1 - |u|)(1 - u): up with probability
(u + 1) / 2, else down.

## Action space
`MultiDiscrete([num_candidates] * slate_size)`: the numbers of the candidates shown, top slot first. A candidate shown
twice counts once: the second slot stays empty, so that a slate can be made shorter. With `reference=True` it counts
in both slots.

## Observation space
| key | shape | meaning |
|---|---|---|
| `user_interests` | float32 (20,) | the user's interest in each topic, -1 to 1 |
| `candidate_topics` | int32 (num_candidates,) | the topic of each candidate; its quality is seen only when shown |
| `response_clicks` | int32 (slate_size,) | 1 at the slot of the last slate that was watched |
| `response_watch_time` | float32 (slate_size,) | for how long |
| `response_topics` | int32 (slate_size,) | the topics of the last slate; -1 before the first |
| `response_qualities` | float32 (slate_size,) | the qualities of the last slate; 0 before the first |

The time that the user has left is hidden.

## Rewards
The time watched in the step, 0 to 4.

## Starting state
Interests are drawn uniformly from -1 to 1, the time is 200.

## Episode end
Terminated, "out-of-time": the user's time is used up. Truncated, "horizon": the step cap. A user who watches nothing
leaves after 400 steps, so that the default cap of 500 hardly ever ends a session.

## Arguments
| name | default | meaning |
|---|---|---|
| `num_candidates` | 10 | candidates offered in a step, 1 to 100 000 |
| `slate_size` | 2 | candidates shown in a step, 1 to 100 and at most `num_candidates` |
| `resample_documents` | True | new candidates in each step; False: those of the session's start stay |
| `choice_model` | "proportional" | or "multinomial-logit" (scores u, no click 1), "cascade" and "exponential-cascade" \
(attention 0.65, scaling 0.05, as RecSim's users of this environment), "first" |
| `split` | "train" | "train", "test" or "all": whose sessions are drawn |
| `reference` | False | True: exactly RecSim's dynamics |
| `horizon` | 500 | step cap, 1 to 100 000 |

## What it shares with its reference and what it changes
The reference is `interest_evolution` of RecSim (Ie et al., 2019; the utility-model users and videos that its
`create_environment` takes). All constants are RecSim's. `reference=True` gives its returns for 10 candidates and slates
of 2 within 3 standard errors: random 154.0 (standard error 0.6), highest affinity 165.0 (2.1), highest topic quality
288 (4.8), highest (u + 1) times topic quality 297 (4.3). Differences of the default: a candidate shown twice counts
once. Differences in both: RecSim gives users and videos the same seed, so that the two are correlated, here they are
independent; `resample_documents=False` keeps candidates for a session, there for all sessions; a topic is observed as
its number, there as a one-hot vector; `liked`, always 0 there, is left out; there is a step cap.

## Version history
v0: first version.
"""
