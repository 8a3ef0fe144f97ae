"""Duopoly: two platforms that share users, and whether these come back.

Two platforms choose what their feeds are about, how good they are and how much they bait. Users split their time by
what tempts them, by past satisfaction and by habit, and come back if the time was worth it, on whichever platform.

## Description

A world has 60 users. Each has a favourite of 4 topics, drawn; the taste is the unit vector along
`e_favourite + 0.3 * N(0, I)`. Each has a satisfaction with each platform (uniform on [0.4, 0.6) at the start), a
habit of each (1/3) and a chance to come, `returning` (0.7). In a round, each user comes with probability `returning`;
who stays away drifts back, `returning += 0.01 (0.7 - returning)`. Who comes

1. splits the time over platform 0, platform 1 and everything else by a softmax over the logits
   `2 satisfaction_p + 1.5 habit_p + match_p + 0.5 q_p + b_p` and 2.5, with the platform's quality q and clickbait b.
   `match` is the taste averaged over the feed: each topic a quarter, or 0.7 for the topic in focus and 0.1 for others;
2. feels `felt_p = sigmoid(3 (match_p + q_p - harm * b_p - 1/2))`, and with time share `s_p`:
   `satisfaction_p += 0.3 s_p (felt_p - satisfaction_p)`, `habit_p += 0.1 (s_p - habit_p)`;
3. comes back by what the time was worth: `returning += 0.1 (s_0 felt_0 + s_1 felt_1 + 0.5 s_else - returning)`.

The long-term tension: clickbait takes time from the rival and from the rest of life in this round; later it costs the
platform the satisfaction of its users, and it costs both platforms the users' return. A platform that plans for a
lasting audience can be raided by one that does not. So the good plan is simple, full quality, a topic each and little
clickbait ("rule-honest" among the reference policies is near it), and what is hard is that both keep to it.

## Action space

`Discrete(45)`: `(feed * 3 + quality) * 3 + clickbait`, feed 0 for all topics alike and k + 1 for a focus on topic k,
quality and clickbait 0, 1, 2 for 0, 1/2, 1.

## Observation space

`Box(0, 1, (18,), float32)`: share of rounds left; share of users who came in the last round; of the platform's own last
action the feed (5, one-hot), quality and clickbait, and its share of all users' time; the same of the rival. Before the
first round all is 0 but the first. Tastes, satisfaction, habits and returns are hidden.

## Rewards

`10 * (share of all users' time) - 0.5 q^2` in each round; users who stay away spend nothing.

## Starting state

Tastes, first satisfactions and all visits are functions of the episode seed.

## Episode end

Both platforms are truncated after `horizon` rounds; none is ever terminated.

## Arguments

| name | default | meaning |
|---|---|---|
| `num_users` | 60 | users |
| `harm` | 0.6 | what a user regrets time on full clickbait by |
| `horizon` | 100 | rounds; `max_cycles` is another name of it |
| `split` | `"train"` | worlds of the `"train"`, `"test"` or `"all"` stream |
| `render_mode` | None | `"ansi"` for text |

## What it shares with its reference and what it changes

It has no reference. The price of quality and the shape of clickbait, tempting now and regretted later, are those of
`creator_market_v0`, after recsim-arena; the dynamics of time, habit and return are this environment's own.

## Version history

v0: first version.
"""
