"""Slate team: slots of one slate that must learn to vary together.

Each agent fills one slot of the slate with a topic; all are paid by the clicks on the whole slate. A slate of the
user's favourite topics is clicked most now; shown again and again it wearies the user, who then leaves.

## Description

A world is one user with a taste for each of 12 topics, normal with mean -0.5 and standard deviation 1.5, drawn. In a
round, slot n (0 is the top) with topic k is clicked with probability
`0.9^n * sigmoid(taste_k - weariness - 0.3 * m)`, where m counts the slots above it with the same topic. Then, with
`x_k` the share of topic k in the slate,

1. `redundancy = sum_k x_k * exposure_k`, and `exposure <- 0.8 exposure + 0.2 x` (0 at the start);
2. `weariness <- 0.95 weariness + tiring * max(0, redundancy - 1/12)` (0 at the start): an even rotation tires nobody;
3. `patience <- min(10, patience + clicks - 0.3 * num_slots)` (10 at the start). Below 0 the user leaves.

The long-term tension: weariness follows only later, so the slate that is best now is the one that repeats, within
itself and from round to round. The user's five favourite topics every time tire less, and still too much; slots that
plan go round more topics than these. As the reward is shared, each slot has to find its part in the variety. Where the
tastes are known, nine favourites in turn come near the planner ("rule-rotation" among the reference policies).

## Action space

`Discrete(12)`: the topic that the slot shows. Slots may show the same topic.

## Observation space

`Box(0, 1, (43,), float32)` with five slots: share of rounds left; exposure of each topic (12); click rate of each topic
in this session, `(clicks + 1) / (times shown + 2)` (12); then the slot's own: last topic (12, one-hot, zeros before the
first round), whether it was clicked, and the slot's number (one-hot). Tastes, weariness and patience are hidden.

## Rewards

The number of clicks on the slate, the same for all slots, the round in which the user leaves included.

## Starting state

Tastes and all clicks are functions of the episode seed.

## Episode end

All slots are terminated together when the user leaves, and truncated after `horizon` rounds.

## Arguments

| name | default | meaning |
|---|---|---|
| `num_slots` | 5 | slots, each an agent |
| `tiring` | 0.8 | how fast redundancy wearies; 0: never |
| `horizon` | 100 | rounds; `max_cycles` is another name of it |
| `split` | `"train"` | users of the `"train"`, `"test"` or `"all"` stream |
| `render_mode` | None | `"ansi"` for text |

## What it shares with its reference and what it changes

It has no reference. Shared with the field's boredom environments (SARDINE, CIRS) is that what was shown lately decides
the user's mood; here as a smooth weariness with repetition of topics, over a session that the user may end.

## Version history

v0: first version.
"""
