"""Departure: users who leave when items are too alike or too poor.

A user visits, is shown one item after the other, and leaves as soon as an item is too alike to what was just shown,
or too poor. The dynamics are those of BiLLP (arXiv 2403.00843), by distance, and of the table environments of CIRS,
DORL and EasyRL4Rec, by category; the same family with changing users or catalogues tests robustness.

## Description

Each user u gives each item i a reward r(u, i): fixed on the worlds that come with the package and on most others. On
a *sequential* world (reward model `"gru"`) it depends on the session: a recurrent state, at first what the user's log
left, moves with each item shown and with the reward that the user felt, and every item's reward moves with it.
An item is *too alike*

* by distance (Games, Books): when its Euclidean distance to one of the last W shown items is below theta;
* by category (Videos): when any of its categories occurred more than `category_limit` times among the last W items.

Recommenders that only maximise the next reward show favourites that resemble each other, and lose the user; those
that vary too much meet low rewards, and may lose the user too.

Three changes can be switched on (the ids with Shift, Drift and Churn):

* `shift`: train and test users differ. A user leans by the share of their log whose main category has an odd number;
  the train split keeps the share 1 - shift / 2 of its users that lean least, the test split that of those who lean
  most.
* `drift`: interests change within the session. Each session has a friend, a user of the split. Time is cut into
  phases of `drift` steps. For each category one is drawn uniformly, from the second to the one that would follow the
  last; when it begins, items with that main category begin to earn what the friend would give. So some interests do
  not turn within the session. What decides leaving is this reward. On a sequential world the friend speaks from the
  session's own state.
* `churn`: every `churn` steps a tenth of the catalogue goes and another comes; six tenths are on offer at any time.
  All sessions share the order, each begins at a point of its own. An item that is not on offer is not shown: the step
  passes and earns nothing, and an empty slot stands in the window.

## Action space

`Discrete(n_items)`: the item to show.

## Observation space

A `Dict`, everything right-aligned (the latest last) and padded in front with item -1 and reward 0.

| key | type | what |
|---|---|---|
| `history_items` | int32 (10,) | the last ten items of the user's log before this session |
| `history_rewards` | float32 (10,) | their logged rewards |
| `session_items` | int32 (10,) | the last ten items shown in this session |
| `session_rewards` | float32 (10,) | what they earned |
| `length` | int32 (1,) | steps so far |

`info` is empty under protocol FB without churn; otherwise it holds `action_mask` (int8, n_items), and
`env.unwrapped.action_masks()` gives the same as booleans. Who the user is, what else they would like, which items are
alike, what will change and the state of a sequential world stay hidden; the wrapper
`recsim_envs.wrappers.PrivilegedInfo` shows them to analysis.

## Rewards

r(u, i). The step at which the user leaves earns nothing on Games and Books, as in BiLLP, and its reward where
`leaving_pays` (Videos, the Tempting ids and all variants), as in CIRS, DORL and EasyRL4Rec. This decides whether the
environment is long-term: where leaving costs the very step, who knows the rule and the user need only avoid it, one
step ahead, and plans nothing; where it pays, what is lost by leaving is the future. Even there the plan can be short:
to show the dearest item that keeps the user, or that shares no category with the last few, comes near the planner.
The horizon gap tells what greed for the next reward loses, not how far one must look ahead.

## Starting state

A user drawn uniformly from the split by the episode seed, with their log.

## Episode end

*Terminated* when, from the second step on, the item is one of the last W (cause `repeat`) or nearer than theta to one
of them (`too-alike`), both by distance only; or, by category, has a category too often among them (`same-category`);
or, in both, its reward is below r_min (`low-reward`), tested in this order. *Truncated* at the horizon (`horizon`).
The first step is always safe.

## Arguments

| argument | default | meaning |
|---|---|---|
| `split` | `"train"` | `"train"`, `"test"` (disjoint users) or `"all"` |
| `world` | of the id | a built-in name, a registered name, a folder or a `World` |
| `leave_by` | of the world | `"distance"` or `"category"` |
| `window` | of the world (Games, Books 4; Videos 9) | W |
| `threshold` | of the world (Games 50, Books 15) | theta; 0 switches the distance rule off, repeats included |
| `category_limit` | of the world (1) | how often a category of a new item may be in the window |
| `legacy_window` | `False` | by category only: the reference's window, shorter in the first W steps |
| `r_min` | of the world (Games, Books 2; Videos 0) | the lowest reward that keeps a user |
| `leaving_pays` | of the world | whether the step of leaving earns its reward |
| `horizon` | of the world (Games 70, Books 50, Videos 30) | step cap |
| `protocol` | `"FB"` | `"FB"` free; `"NX_0"` no item twice; `"NX_k"` no item twice, nobody leaves, exactly k steps |
| `shift` | 0 (Shift: 1) | how far train and test users differ, 0 to 1; family `changing-departure` |
| `drift` | 0 (Drift: 10) | steps of a phase after which interests may turn; family `changing-departure` |
| `churn` | 0 (Churn: Games 10, Videos 5) | steps after which the catalogue changes; family `changing-departure` |
| `render_mode` | `None` | `"ansi"`: history and session as text |
| `autoreset_mode` | `"NextStep"` | vector environments only; Gymnasium's three modes |

```python
import gymnasium as gym
import recsim_envs

env = gym.make("longrec/Videos-v0", split="test", protocol="NX_0")
observation, info = env.reset(seed=7)
observation, reward, terminated, truncated, info = env.step(env.action_space.sample(mask=info["action_mask"]))

envs = gym.make_vec("longrec/Games-v0", num_envs=256, autoreset_mode="SameStep")
observations, infos = envs.reset(seed=7)
```

## What it shares with its reference and what it changes

By distance, shared with BiLLP: the rule, W = 4, r_min = 2, the safe first step, the leaving step without reward, the
horizons. Changed: one world for training and testing with disjoint users (the reference uses two simulators); repeats
and low rewards are told apart from distance as causes.

By category, shared with EasyRL4Rec's KuaiEnv: the rule, W = 9, a limit of 1, horizon 30, the sizes of KuaiRec,
rewards as watch ratios clipped to 0..5 and paid on the leaving step too. CIRS has `window=1, category_limit=0`, DORL
`window=4, category_limit=0`. Changed: the window is a true one. The reference's `seq[t - N:t]` is a negative slice of
min(t, N - t) items for t < N; `legacy_window=True` copies it. The horizon truncates and does not terminate.

Everywhere randomness is counter-based, so that a session is the same in every face, process and replay. Distances are
float32 sums in a fixed order.

Departures by a window can be gamed by a fixed cycle that everybody likes: agent `fixed-cycle` does that, and it is
one of the policies that the horizon gap is measured against. Protocol NX_0 rules it out. The planner shows the best
block of W + 1 items that the rule allows round and round: optimal by distance if the horizon is a multiple of W + 1
and its search ran to the end. Without repeats it takes the dearest item that keeps the user, which is not proven
optimal. It does not foresee drift and churn, and plans anew when they have happened. On a sequential world it plans
anew at every step, by what items are worth at that moment; what showing one does to the others is no part of the plan,
so that no planner here is known to be the best.

## Version history

* v0: first release.
"""
