"""Metrics of what was shown: repeats, spread over the catalogue and its categories, novelty, and to whom."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leaderboard.metrics.kernels import category_entropies
from leaderboard.metrics.outcomes import Outcomes
from leaderboard.metrics.registry import Ratio, metric


@metric("repeats", "share of repeats", "neither", needs="items", share=True)
def _repeats(o: Outcomes) -> Ratio:
    """Share of the items shown, those of the leaving step included, that the same session had shown before.

    A slate that holds an item twice shows it before, too. Left out where items are drawn anew for each step.
    """
    shown = o.lengths * o.width
    return shown - o.distinct, shown


@metric("coverage", "share of catalogue shown", "neither", pooled=True, needs="items", share=True)
def _coverage(o: Outcomes) -> float:
    """Share of the catalogue shown at least once in all test sessions together.

    It grows with the number of sessions, so it compares only inside one suite. It is no mean, so resampling
    users would be biased downwards: it has no interval. Left out where items are drawn anew for each step.
    Source: catalogue coverage of Ge et al., "Beyond accuracy: evaluating recommender systems by coverage and
    serendipity", RecSys 2010.
    """
    return float(np.count_nonzero(o.exposure) / o.num_items)


@metric("gini", "Gini coefficient of exposure", "neither", pooled=True, needs="items")
def _gini(o: Outcomes) -> float | None:
    """How unequally the items of the catalogue were shown in all test sessions together: 0 where all were shown equally
    often, towards 1 where one item had everything.

    With the n items in ascending order of their showings x_i, it is sum_i (2 i - n - 1) x_i / (n sum_i x_i). Items
    never shown count. Resampling users would be biased upwards, so it has no interval; it falls with the number of
    sessions, so it compares only inside one suite.
    Source: Fleder & Hosanagar, "Blockbuster culture's next rise or fall", Management Science 55(5), 2009, section 3.
    """
    shown = np.sort(o.exposure).astype(np.float64)
    if not shown.any():
        return None
    n = len(shown)
    return float((2 * np.arange(1, n + 1) - n - 1) @ shown / (n * shown.sum()))


@metric("entropy", "category entropy of a session", "neither", needs="categories", unit="bits", decimals=2)
def _entropy(o: Outcomes) -> Ratio:
    """Mean Shannon entropy of the categories shown in a session: -sum_c q_c log2 q_c, with q_c the share of category c.

    An item of several categories counts for each of them in equal parts. The entropy of a session is at most that of
    its length, so agents that keep users longer can reach more.
    Source: Shannon, "A mathematical theory of communication", Bell System Technical Journal 27, 1948; as diversity of
    recommendations e.g. Castells, Hurley & Vargas, "Novelty and diversity in recommender systems", Recommender Systems
    Handbook, 2nd edition, 2015.
    """
    indptr, ids, count = _categories(o)
    return category_entropies(o.item_offsets, o.items, indptr, ids, count).reshape(o.left.shape), np.ones(o.left.shape)


@metric(
    "entropy_all", "category entropy of all sessions", "neither",
    pooled=True, needs="categories", unit="bits", decimals=2,
)  # fmt: skip
def _entropy_all(o: Outcomes) -> float | None:
    """Shannon entropy of the categories shown in all test sessions together.

    Where it is far above that of a session, sessions are narrow but differ. It is no mean, so it has no interval.
    """
    if not len(o.items):
        return None
    indptr, ids, count = _categories(o)
    everything = np.array([0, len(o.items)])
    return float(category_entropies(everything, o.items, indptr, ids, count)[0])


@metric("novelty", "novelty of the items shown", "neither", needs="popularity", unit="bits", decimals=2)
def _novelty(o: Outcomes) -> Ratio:
    """Mean self-information -log2 p_i of the items shown, p_i being the item's share of the training users' log.

    One is added to every item's count, so that an item nobody knows has a finite value: p_i = (k_i + 1) / sum_j (k_j +
    1). Left out where no popularity is public.
    Source: Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 107(10), 2010
    (surprisal).
    """
    assert o.catalogue is not None
    known = o.catalogue.popularity + 1.0
    information = -np.log2(known / known.sum())
    return o.summed(information[o.items], o.item_offsets), o.lengths * o.width


@metric("diversity", "distance between sessions of different users", "neither", pooled=True, needs="items")
def _diversity(o: Outcomes) -> float | None:
    """Mean Jaccard distance between the items shown to two different users by the same trained agent, in the steps that
    both sessions reached: 0 where everybody is shown the same, 1 where no two share an item.

    Cutting both sessions to the shorter one keeps a list that everybody starts alike at 0, however long they stay. Each
    session is compared with 32 others, or with all where there are fewer. A random agent is diverse as well:
    `personalisation` takes that off. A mean over pairs is no mean over users, so it has no interval.
    Source: inter-user diversity (personalisation) of Zhou et al., PNAS 107(10), 2010, for sessions of unequal length.
    """
    shared = o.shared_between
    return None if shared is None else 1.0 - shared


@metric("personalisation", "personalisation gap", "neither", pooled=True, needs="items")
def _personalisation(o: Outcomes) -> float | None:
    """How much more sessions of different users differ than two sessions of one user: `diversity`, less the same
    distance between sessions of the same user under the same training seed.

    0 for an agent that shows all users the same or shows each user anything; near 1 for one that shows a user the same
    again and nobody else. Left out where no user came twice. It rests on few pairs where few did, and has no interval.
    """
    within, between = o.shared_within, o.shared_between
    return None if within is None or between is None else within - between


def _categories(o: Outcomes) -> tuple[NDArray[np.int64], NDArray[np.int32], int]:
    assert o.catalogue is not None
    return o.catalogue.category_indptr, o.catalogue.category_ids, len(o.catalogue.category_names)
