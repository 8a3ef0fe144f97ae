"""Boredom: users who tire of the topics that they click too often.

A user likes three to five of ten topics and clicks what is close to that taste. Five clicks on one topic within five
steps are too many: the user is bored and clicks next to nothing for five steps. What earns most now is the same topic
again and again; what earns most over the session is a mixture in which no topic is ever clicked too often. With
single items it is enough to change the topic at every step.

After SARDINE (Deffayet, Thonet, Hwang, Lehoux, Renders and de Rijke, "SARDINE: A Simulator for Automated
Recommendation in Dynamic and Interactive Environments", 2024).

## Description

An item is a vector of unit length with two or three topics (each number with equal chance); its weights are uniform
before scaling, its *main topic* is the largest. A user is a vector u of unit length with three to five topics and
uniform weights. Both are drawn from seeds: items from `item_seed`, users from the session's seed.

An item e in slot k (counted from 0) is clicked with probability

    click_propensity * position_decay ** k / (1 + exp(-slope * (u . e - offset)))

independently of the other slots. With slope 100 that is nearly yes or no; with slope 10 (the `Uncertain` ids) it is
not.

*Boredom.* The user remembers the last `memory` clicks. After a step, the main topics of those of them that belong to
the last `boredom_window` steps are counted; a topic with at least `boredom_threshold` bores for the next
`boredom_timeout` steps. A topic that is boring already is not renewed, but may start again as soon as its time is
over. With `boredom="user"`, the user sees the score 0 in every item while any topic bores; with `boredom="topic"`,
that topic's weight in u counts as 0 and all others count as before.

*Influence.* Clicks move the user: u becomes the unit vector along omega * u + (1 - omega) * m, where m is the mean
vector of the items clicked in this step.

Three layouts times four variants make twelve ids:

| | SingleItem | SlateTopK | SlateRerank |
| --- | --- | --- | --- |
| items, shown a step | 1000, 1 | 1000, 10 | 10, 10 |
| steps | 100 | 100 | 10 |
| offset, slope | 0.65, 100 | 0.65, 100 | 0.3, 5 |
| clicks that bore | 5 | 5 | 4 |
| attention lost from slot to slot | | 0.85 | 0.7 |

| variant | what it has |
| --- | --- |
| `Static` | no boredom, no influence: the best items now are the best items always (a control, never ranked) |
| `Bored` | boredom |
| `BoredInfluence` | boredom, and influence with omega 0.95 |
| `Uncertain` | the same with a flatter slope: 10 instead of 100, in SlateRerank 2.5 instead of 5 |

## Action space

`Discrete(num_items)` where one item is shown, otherwise `MultiDiscrete([num_items] * slate_size)`: the items from the
first slot to the last. A slate may name an item twice. A user clicks an item at most once in a slate: only its first
slot counts, the slots of its copies are wasted (which can be worth it: a shorter slate bores less). With
`copies="count"`, as in the reference, each copy can be clicked, and the best item ten times is the best slate.

## Observation space

| key | type | what it is |
| --- | --- | --- |
| `slate` | int32 (slate_size,) | the items shown last |
| `clicks` | int32 (slate_size,) | 1 where one was clicked |
| `hist` | float32 (num_topics,) | recent clicks on each topic, divided by `boredom_threshold`, at most 1 |
| `length` | int32 (1,) | steps so far |

The user's vector and whether they are bored are hidden. The topics of an item are its categories in the catalogue,
main topic first; its exact weights are not public. `popularity` and `mean_reward` come from a generated log: 2,000
users who are never bored, each shown 100 random items one at a time.

## Rewards

The number of clicks of the step: 0 or 1 for one item, 0 to `slate_size` for a slate.

## Starting state

A new user, who has just been shown one slate of random items: the first observation. Its clicks earn nothing, but
they count for boredom and influence.

## Episode end

After `horizon` steps, by truncation. Nobody leaves: who is bored waits.

## Arguments

None takes the constant of the layout and the variant.

| argument | default | what it is |
| --- | --- | --- |
| `layout` | "single" | "single", "topk" or "rerank" |
| `variant` | "bored" | "static", "bored", "influence" or "uncertain" |
| `reference` | False | the reference's dynamics: see below |
| `num_items`, `num_topics` | None | size of the catalogue; topics 3 to 64 |
| `slate_size` | None | items shown a step; 1 makes actions `Discrete` |
| `horizon` | None | steps of a session |
| `offset`, `slope` | None | of the click probability; -1 to 1 and 0 to 300 |
| `click_propensity` | None | chance that the first slot is looked at |
| `position_decay` | None | what is left of that chance from one slot to the next |
| `boredom` | None | "user" or "topic": what boredom with a topic takes away |
| `boredom_threshold` | None | clicks on a topic that bore |
| `boredom_window` | None | steps in which they are counted |
| `boredom_timeout` | None | steps that a topic bores |
| `memory` | None | clicks that are remembered; a threshold above it switches boredom off |
| `influence` | None | "none", "fixed" (the mean vector) or "reference" (one number) |
| `omega` | None | how much of a user's vector stays when they click |
| `copies` | None | "ignored" or "count": what an item named twice in a slate is |
| `item_seed` | 0 | the seed of the catalogue |
| `split` | "train" | "train", "test" or "all": which stream of users visits |

## What it shares with its reference and what it changes

Shared: the recipe of items and users, the click model, boredom with its bookkeeping, all constants of the eight
environments that the reference registers, the slate of random items at the start, what is observed, and the session's
length. The reference ships its item vectors; ours are drawn anew by the recipe that its generator follows.

Changed unless `reference=True`:

- *Influence.* The reference averages clicked vectors over items and topics to a single number, so that every user
  drifts towards equal interest in all topics, whatever they click. Ours is the mean vector, so that users drift
  towards what they click. (`influence="reference"` brings the number back.)
- *Copies.* In the reference each copy of an item in a slate can be clicked. That is an exploit wherever relevance is
  graded: in SlateRerank, the best item ten times beats every ranking. Ours wastes the slots of copies.
- *SingleItemUncertain.* The reference's has neither boredom nor influence, and with them no long term. Ours has both,
  as its SlateTopKUncertain has.

Always changed: the horizon truncates instead of terminating, randomness is counter-based, so a session does not
depend on other sessions, and the rerank layout has its own ten items, of which the reference's recipe says nothing
but their number.

Mean returns of the reference itself and of the reference mode, the latter over item seeds 0 to 7 with 1,000 sessions
each. The reference's means come from about 40 sessions: their standard error is the standard deviation between
sessions divided by 6. Because both sides use items of their own, a comparison must also allow for the standard
deviation between item seeds; the last column gives both. "Greedy" shows the different items of highest relevance.

| environment | random: reference, ours | greedy: reference, ours | deviation between item seeds, sessions |
| --- | --- | --- | --- |
| SingleItem-Static | 8.6, 8.65 | 100, 100.0 | random 0.13, 3.2; greedy 0, 0 |
| SingleItem-BoredInf | 9.1, 9.00 | 50.1, 50.7 | random 0.14, 3.4; greedy 0.04, 1.3 |
| SingleItem-Uncertain | 11.4, 11.5 | 95.6, 94.8 | random 0.07, 3.3; greedy 0.07, 3.4 |
| SlateTopK-Bored | 41.6, 43.4 | 147.8, 143.3 | random 0.22, 8.0; greedy 1.2, 35 |
| SlateTopK-BoredInf | 40.6, 41.5 | 150.5, 147.0 | random 0.21, 8.6; greedy 1.5, 35 |
| SlateTopK-Uncertain | 69.1, 69.8 | 139.6, 137.1 | random 0.65, 8.3; greedy 1.1, 24 |
| SlateRerank-Static | 14.3, 14.1 | 21.1, 20.6 | random 0.27, 4.5; greedy 0.40, 5.0 |
| SlateRerank-Bored | 12.1, 11.6 | 14.1, 13.0 | random 0.59, 3.1; greedy 0.52, 2.9 |

Under the greedy policy, users are bored in 50 % of the steps of SingleItem-BoredInf (ours 49.2 %) and in 72 % of
SlateTopK-Bored (ours 73.3 %).

## Version history

v0: first version.
"""
