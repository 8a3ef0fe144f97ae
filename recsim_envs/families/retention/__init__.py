r"""Retention: users who come back sooner, later, or never.

The life of one user on a platform of short videos, over a month of visits. What is shown decides how long a visit
lasts, how satisfied the user leaves, and so after how many days they return, if at all; the days away change who
returns. Ids: `Retention-v0` (a visit earns 1, and a day with a visit another), `RetentionSessions-v0` (visits only),
`RetentionDays-v0` (days only).

## Description

An agent shows slates of items. The user goes through each from the top, clicks some items and watches some of those
at length. Clickbait is clicked while it is trusted, is seldom watched, and costs trust. After any slate the user may
leave. They may be back on the same day (two visits a day at most), after 1 to 16 days, or never.

Items have a topic (of 20), a hidden quality q and a hidden bait b in [0, 1], b uniform and q = 1 - b up to noise of
standard deviation 0.2; a public headline style (in depth, plain, teaser) is the tercile of b. Users have, all hidden,
an interest A_k in each topic (4 favourites of 0.6 to 1, others 0 to 0.2), a satiation S_k, trust T, habit H and a
mood M. With match m = A_k - S_k, less 0.4 if the item was among the last 25 shown, and the logistic function s:

- **Click** on the item in slot j: 0.85^j s(a + 6 m + 3 T b). The form (logistic score, attention falling with the
  position) is SARDINE's; that bait works as far as it is trusted is ours.
- **Long view** of what was clicked: s(a' + 6 m + 3 q). Ours: what is watched must both interest and be good.
- **A click** adds 0.06 to S_k, which falls to 1/e in two days away (Leqi et al., "Rebounding bandits", NeurIPS 2021).
- **A long view** moves A_k by 4 % of the way to 1 (exposure: Zajonc 1968; RecLab's topics) and T by 3 % of the way to
  1; **a disappointment** (a click without a long view) takes 6 % of T (RecSim's net positive exposure, with bad
  weighing more than good: Baumeister et al. 2001).
- **Enjoyment** y of a slate is the share of long views less the share of disappointments; M moves 40 % of the way to y
  with every slate, so that a visit's end counts most (Kahneman et al. 1993; KuaiSim takes the last slate alone).
- **Leaving** after slate n = 0, 1, ... of a visit: s(a'' - 4 y + 0.15 n), and always after the tenth. Ours, after
  KuaiSim's temper, which falls with every request and faster with displeasure.
- **Habit** grows by 10 % of the way to 1 with a visit of 12 long views, less with fewer (Lally et al. 2010).
- **Return**: on day d = 0, 1, ..., 16, if not before, with s(l_d + u + 6 (M - 0.2) + 4 (T - 0.55) + 3 (H - 0.3)):
  proportional odds in discrete time (Cox 1972), u a fixed difference between users of standard deviation 0.3. Who is
  not back on day 16 has churned: the log behind the calibration knows no longer gap.
- **Absence** of g days: S_k and H fall by exp(-g/2) and exp(-g/5), T and A_k return towards their start as
  exp(-g/60) and exp(-g/30), and each interest takes a random step of standard deviation 0.02 sqrt(g) (reco-gym).

**Calibration.** a, a', a'' and l_d are set so that under a mildly random recommender (each slot a random item, or with
even odds one of the user's favourite topics) the rates of clicks (45.97 %) and long views (33.18 %) and the gaps of 1
to 16 days between visits are those of KuaiRand-Pure, a visit has five slates (KuaiSim's script) and a quarter of
leaves is followed by a return on the same day (ours: the log counts user-days). `python -m
recsim_envs.families.retention.calibrate` does it again. The total variation between the histograms is under 0.01, and
a test keeps it under 0.025. All weights without a source are ours; they are chosen so that favourites matter, and
so that neither clicks nor long views of the next slate lead to the longest life.

**The tension.** Bait in favourite topics earns the most clicks now and loses the user within weeks. Long views are
the better proxy but wear favourites out. Who plans keeps trust, rotates favourites while they recover, and grows
interests that are not worn out. It takes no plan to come near, though: once tastes and qualities are known, the best
items of a user's favourite topics in turn do nearly as well ("rule-rotation" among the reference policies). What an
agent has to bring about is mostly to find these out, and to withstand clicks.

## Action space

`MultiDiscrete([num_items] * slate_size)`: a slate, from its top to its bottom. An item may stand in it twice: the
user then meets it twice, the second time as one already seen.

## Observation space

A `Dict` of int32 boxes. Trust, habit, mood, interests and satiation are hidden.

| key | shape | meaning |
|---|---|---|
| `day` | (1,) | day of the calendar, from 0 |
| `days_away` | (1,) | days between the last visit and this one; 0 on the same day and in the first visit |
| `visit` | (1,) | number of the visit, from 1 |
| `visit_step` | (1,) | slates shown in this visit |
| `slate_items` | (slate_size,) | the last slate; -1 before the first |
| `slate_clicks`, `slate_views` | (slate_size,) | which of its items were clicked, and watched at length (0 or 1) |
| `history_items` | (50,) | the last 50 items shown, the newest last, padded in front with -1 |
| `history_clicks`, `history_views` | (50,) | the answers to them |

The catalogue shows topic and style of each item, its clicks in a log of 1,000 impressions to fresh users
(`popularity`), and the share of these that were watched at length (`mean_reward`).

## Rewards

`reward="sessions"`: the first slate of each visit earns 1. `"days"`: the first slate of each day with a visit earns 1;
over a life this is the calendar less the days away. `"both"`: the sum. All other steps earn 0: engagement within a
visit is worth what it does for the return. As no action changes the next reward, the reference policy "myopic" shows
the slate of the most expected clicks, the engagement of the step; "myopic-views" takes long views for it, and
"myopic-return" the chance of coming back, if the visit ended with this slate.

## Starting state

Day 0, first visit, nothing shown. Tastes and the user's own inclination to return are drawn; trust starts at 0.55
and habit at 0.3, about where the logging recommender keeps them. Every life is that of a user of its own.

## Episode end

Terminated: `churned` (no return within 16 days). Truncated: `calendar-end` (the next visit would fall after the last
day), `horizon` (the cap on slates, by default never reached before the calendar's end), `sessions-end` (with
`reference` only).

## Arguments

| option | default | meaning |
|---|---|---|
| `reward` | by id | "sessions", "days" or "both" |
| `days` | 30 | length of the calendar, 2 to 3650; KuaiRand's log spans about as many |
| `num_items` | 1000 | size of the catalogue, 20 to 100,000 |
| `slate_size` | 5 | items in a slate, 1 to 20; the calibration is for 5 |
| `horizon` | 20 slates a day | cap on the slates of a life |
| `reference` | False | KuaiSim's rule of leaving and returning, see below |
| `split` | "train" | whose users: "train", "test" or "all" |

## What it shares with its reference and what it changes

The idea of cross-session retention, the five requests a visit and the log are KuaiSim's (Zhao et al., NeurIPS 2023).
There, users leave after a fixed number of requests, the return depends on the last slate alone through a freshly
initialised layer, and the gap changes nothing in the next session. Here leaving depends on every slate, returning on
the whole life, and absence changes the user.

`reference=True` is KuaiSim's rule: five requests a session, six sessions; return day 1 + d, d = 0..9, with weights
exp(log P + d log(1 - P)), P = clamp(u + 0.1 r + 0.4, 0.001, 0.999), r the mean over the last slate of the sum of its
answers; each leave earns -(return day) / 10, and `reward` and `days` have no effect. The user never changes. In place
of the randomly initialised layer there is a fixed effect u, uniform between -1/sqrt(192) and 1/sqrt(192), as the
layer draws its bias; and there are two kinds of answers, clicks and long views, in place of seven. KuaiSim's mean
return day of 2.14 (untrained) depends on its layer and its answers and cannot be met exactly; the rule itself is
tested against plain Python. Planning beyond the slate is worth nothing under it: it is not for ranking.

## Version history

- v0: first version.
"""
