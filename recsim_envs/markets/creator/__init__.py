"""Creator market: creators who compete for clicks, and can wear their users out together.

Twenty creators make one item each a round. A platform ranks the items for each of fifty users, and creators live on
clicks. Clickbait wins clicks today; what it costs, everybody pays later: who was disappointed comes back less often.

## Description

A world has 50 users in 5 clusters, one a topic; how large the clusters are is drawn, and so is each user's taste, the
unit vector along `e_cluster + 0.3 * N(0, I)`. A round goes through all users in turn:

1. The user comes with probability `habit` (0.8 at first). Who stays away drifts back: `habit += 0.01 (1/2 - habit)`.
2. The platform scores the active creators' items, adds exploration noise, uniform on [0, 0.5), and shows the best five.
   The score is set by `mechanism`: `engagement` ranks by the click logit below; `quality` by `taste + q - b`, blind to
   fatigue and hard on clickbait; `viability` by the click logit + `1 - min(1, audience / 25)`, which lifts creators
   with a small audience. `audience` is the one at the end of the last round.
3. The user clicks one item or none by multinomial logit: an item of topic k, quality q and clickbait b has the logit
   `taste_k + 0.3 q + 0.5 b - 0.5 b * fatigue`, no click has 1.
4. `fatigue <- 0.95 fatigue`, and a click adds `fatigue_gain * b`. A click moves the habit towards what the item was
   worth: `habit += 0.1 (sigmoid(3 (taste_k + q - 1.5 b - 1/2)) - habit)`.

After all users, `audience <- 0.96 audience + clicks` (25 at the start, which one click a round sustains), and a creator
whose audience is below `viability` leaves.

The long-term tension: for each creator alone, clickbait pays now, whatever the others do, and the harm to visits is
shared by all. Creators who each maximise the round's reward empty the market; all together earn most with honest items
of middling quality. Under `mechanism="quality"` the tension nearly goes: what remains is that creators spend more on
quality than it returns. So the gap between "myopic" and "planner" is that of planning together over each for itself:
the good plan is simple, no more than half quality without clickbait ("rule-honest" among the reference policies),
and what is hard is that each creator would gain by leaving it.

## Action space

`Discrete(45)`: `(topic * 3 + quality) * 3 + clickbait`, topic 0..4, quality and clickbait 0, 1, 2 for 0, 1/2, 1.

## Observation space

`Box(0, 1, (25,), float32)`. Public, the same for all: share of rounds left, of creators left, of users who came in the
last round; mean quality and clickbait of the last offers of the creators who are left; share of these offers in each
topic (5); clicks in each topic, of all users (5). Then a creator's own: topic (5, one-hot), quality, clickbait, share
of users it was shown to, share that clicked, `audience / (audience + 1 + viability)`. Before the first round all is 0
but the shares of rounds and creators left, and the audience. Tastes, habits and fatigue are hidden.

## Rewards

`clicks - 0.5 q^2` of the round for each creator who was active in it, the round in which it leaves included.

## Starting state

Clusters, tastes and all later draws are functions of the episode seed.

## Episode end

A creator below `viability` is terminated and no longer in `agents`; the others go on. Those who remain after `horizon`
rounds are truncated.

## Arguments

| name | default | meaning |
|---|---|---|
| `num_creators` | 20 | creators at the start |
| `num_users` | 50 | users |
| `mechanism` | `"engagement"` | what the platform ranks by: `"engagement"`, `"quality"` or `"viability"` |
| `viability` | 12.0 | audience below which a creator leaves; 0: nobody leaves |
| `fatigue_gain` | 0.05 | fatigue of a click on full clickbait |
| `horizon` | 200 | rounds; `max_cycles` is another name of it |
| `split` | `"train"` | worlds of the `"train"`, `"test"` or `"all"` stream |
| `render_mode` | None | `"ansi"` for text |

## What it shares with its reference and what it changes

From recsim-arena: the click logit, the slate of five, fatigue kept by 0.95, the reward, 20 creators, 50 users in 5
clusters, 200 rounds, and three mechanisms to compare. From RecSim NG's ecosystem: clicks discounted by 0.96 as the
viability of a creator. Changed: content is one of five topics, so that the action is discrete; users may click nothing;
fatigue is scaled to 0..1 (`fatigue_gain=1` restores recsim-arena's, under which clickbait stops paying by itself after
one click); visits are a habit that clicks change, without which clickbait would cost nobody anything; creators leave.

## Version history

v0: first version.
"""
