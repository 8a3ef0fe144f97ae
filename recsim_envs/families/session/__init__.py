"""Sessions of slates: users who answer with seven behaviours, and whose temper runs out.

A request shows six short videos; the user clicks, watches, likes, comments, forwards, follows or hates each of them.
What they do is told by a trained response model that remembers all it was shown. What is alike, within a slate or over
the last ones, bores them, clicks that lead nowhere annoy them, and when their temper is spent they are gone.

## Description

The mechanics are those of KuaiSim's whole-session and request-level tasks (Zhao et al., "KuaiSim: A Comprehensive
Simulator for Recommender Systems", NeurIPS 2023 Datasets and Benchmarks). One thousand invented videos have a tag, a
type, music, a way of upload and an author. A user has thirteen discrete features and a history of thirty videos that
the logging policy showed them before the session, in proportion to the videos' fame.

*Response model.* A gated recurrent unit reads every video that was shown, with what the user did, and carries the
result along; queries computed from it and from the user's features are matched with the videos' encodings, one query a
behaviour. So everything that is shown changes what the user answers later. The model was trained on a synthetic log
by `python -m recsim_envs.families.session.train`, which makes log and weights anew in about two minutes. It is
evaluated one user at a time in a compiled kernel: a session has the same bits whoever is served beside it.

*Fatigue.* Let s_i be the mean over the slate of the cosine between the encodings of video i and of each video of the
slate, itself included, and f_i the cosine with the running mean of what was shown before, which keeps 0.8 of its
weight with every request; negative cosines count as 0. The appeal of the video is
1 - rho s_i - 0.2 f_i - 0.3 [it is among the last sixty shown]. The model's probabilities are multiplied by it; that of
hate by 2 minus it.

*Temper* starts at 20. Each request takes from it
0.25 + 2 (clicks without a long view) + 3 (s + f) - 2 (likes + comments + forwards + follows) + 4 (hates),
all of it means over the slate, but at least 0 and at most 4. So users forgive what they clicked in vain or have seen
too much of less readily than their clicks tell: slates of the highest reward are alike, and sessions of them are
short. No plan is needed to see that: a standing aversion to what is alike, the same for everybody at all times
("rule-unlike" among the reference policies), comes near the planner. `Request-v0` is the short task: temper is 5 and
falls by 1 a request for everybody, whatever is shown. It has no tension between now and later worth planning for, and
stands here for comparison with published work.

## Action space

`MultiDiscrete([1000] * 6)`: a slate of six video ids. Order has no effect on probabilities. A video may stand in a
slate several times: it is then wholly similar to itself (s), is seen and answered once for each appearance, and earns
for each.

## Observation space

A `Dict` of flat arrays:

| key | shape | type | meaning |
|---|---|---|---|
| `user` | (13,) | int32 | public features, see below |
| `history_items` | (60,) | int32 | the last sixty videos, oldest first, right-aligned; -1 where there was none |
| `history_behaviours` | (420,) | float32 | 0 or 1, the seven behaviours of each video of the history |
| `last_behaviours` | (42,) | float32 | the same for the last slate alone; zeros before the first request |
| `length` | (1,) | int32 | requests so far |

Behaviours come in the order click, long view, like, comment, forward, follow, hate; features in the order activity,
live_streamer, creator, follows, fans, friends, registered, trait_0 to trait_5. Temper, satiety and the model's memory
are hidden.

## Rewards

The mean over the slate of the weighted behaviours: 1 for each of click, long view, like, comment, forward and follow,
0 for hate; with `single_response` 1 for click and 0 for the others. The request after which the user leaves earns its
reward.

## Starting state

Features are those of a random user of the synthetic log. Five slates drawn by fame are shown to a rested user, and the
answers drawn from the response model: this is the history at the start. No user comes twice, and train and test users
are drawn from streams that never meet.

## Episode end

`terminated` when temper falls below 1 (cause `temper`), `truncated` at `horizon` (cause `horizon`).

## Arguments

| argument | default | meaning |
|---|---|---|
| `mode` | by id | `"session"`: temper depends on what was shown; `"request"`: it falls by 1 a request |
| `reference` | `False` | KuaiSim's mechanics as published, errors included; see below |
| `single_response` | `False` | clicks alone are rewarded |
| `initial_temper` | 20, 5 in mode `"request"` | temper at the start, 1 to 1 000 000 |
| `rho` | 0.2 | price of similarity within a slate, 0 to 0.3 |
| `horizon` | 100 | step cap |
| `split` | `"train"` | users: `"train"`, `"test"` or `"all"` |
| `model` | `None` | a `ResponseModel` of your own (`recsim_envs.families.session.response`); `None`: the trained one |

## What it shares with its reference and what it changes

Shared: slates of six of the whole catalogue, the seven behaviours and the weights of the reward, answers drawn for
each video from the state before the slate, fatigue by similarity within the slate with rho = 0.2, temper with its
starts of 20 and 5 and its end below 1, normalised encodings and queries.

`reference=True` computes as the published code does: p = sigma(sigma(fit)) - rho s, where fit in -1..1 is the match of
query and encoding without scale or bias, and s is the mean cosine *divided by the encoding's width, 64*; all seven
behaviours are drawn apart; temper falls by 2 minus the mean weighted response, within 0..2. Twice a sigmoid puts every
probability between 0.5 and 0.731, hate included (here, where fits lie in -1..1, between 0.567 and 0.675), and the
division leaves fatigue no more than 0.2 / 64. With `single_response` a session lasts about 20 / (2 - p) requests,
between 13.3 and 15.8; with all weights the reward
exceeds 2, temper never falls, and only `horizon` ends a session. Random slates get rates of 0.61 to 0.63 for every
behaviour, as the published simulator does.

The default differs so that rates are those of people and the future is worth planning for:

- One sigmoid, with a trained scale and a bias. The biases are set so that slates drawn by fame have the rates of
  KuaiRand-Pure: click .4597, long view .3318, like .01848, comment .002546, forward .000962, follow .001074,
  hate .000494.
- A long view is a click that lasted: both share one draw, and the model predicts long views among clicks.
- Fatigue multiplies, for a price subtracted from rates below 0.2 would leave nothing; it uses the cosine itself, also
  looks back over earlier slates, and knows repeats.
- Temper answers to sameness, clicks in vain, and signs of lasting liking or dislike, not to the reward itself: in the
  published rule the slate of the highest reward is also the one after which users stay longest.
- The constants of fatigue and temper are ours. No data stands behind them: they were chosen, with train users, among
  about twenty settings, so that planning is worth clearly more than the best next slate and the best fixed cycle. What
  can be compared with a real log is the rates alone.
- A recurrent unit takes the place of the transformer, so that a request costs the same however long the session is.
- The data are invented; the published simulator needs KuaiRand itself.

## Version history

- v0: first version.
"""
