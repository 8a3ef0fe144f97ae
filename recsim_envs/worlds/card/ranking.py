"""How well predictions rank what was observed: AUC over all rows, NDCG and pairs within each user's rows.

Everything returns sums over users, so that `resample` can draw users. Rows that are predicted equal count as if they
stood in random order.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

CUTOFF: Final = 10
NEXT: Final = 200
"""With how many of a user's following rows a row is paired: what a user with thousands of rows may cost."""

Floats = NDArray[np.float64]
Users = NDArray[np.int64]


def placements(liked: NDArray[np.bool_], predicted: Floats) -> Floats:
    """Of each row (n,), the share of rows of the other kind that stand on its right side; ties count half.

    For a liked row the share of the others predicted below it, for another the share of the liked above it. The mean
    over either kind is the area under the ROC curve; NaN where one kind is missing.
    """
    _, level = np.unique(predicted, return_inverse=True)
    out = np.full(len(predicted), np.nan)
    for kind, sign in ((liked, 1), (~liked, -1)):
        others = np.bincount(level[~kind], minlength=level.max(initial=-1) + 1).astype(np.float64)
        below = np.cumsum(others) - others / 2
        share = below / max(others.sum(), 1.0)
        out[kind] = share[level[kind]] if sign > 0 else 1.0 - share[level[kind]]
    return out if 0 < liked.sum() < len(liked) else np.full(len(liked), np.nan)


def ndcg(users: Users, gains: Floats, predicted: Floats, num_users: int) -> tuple[Floats, Floats]:
    """NDCG@10 of each user's rows, and whether it is counted: (num_users,) each, 0 where it is not.

    `gains` (n,) are not negative; a user counts whose rows differ in gain. Discounts are 1 / log2(1 + rank) (Jarvelin
    & Kekalainen, "Cumulated gain-based evaluation of IR techniques", TOIS 20(4), 2002); tied rows share the discounts
    of their places (McSherry & Najork, "Computing information retrieval performance measures efficiently in the
    presence of tied scores", ECIR 2008).
    """
    found, ideal = (_dcg(users, gains, scores, num_users) for scores in (predicted, gains))
    lowest, highest = np.full(num_users, np.inf), np.full(num_users, -np.inf)
    np.minimum.at(lowest, users, gains)
    np.maximum.at(highest, users, gains)
    counted = (highest > lowest).astype(np.float64)
    return np.divide(found, ideal, out=np.zeros(num_users), where=counted > 0), counted


def _dcg(users: Users, gains: Floats, scores: Floats, num_users: int) -> Floats:
    order = np.lexsort((-scores, users))
    user, score, gain = users[order], scores[order], gains[order]
    starts = _first_of(user)
    place = np.arange(len(user)) - starts
    discount = np.where(place < CUTOFF, 1.0 / np.log2(place + 2.0), 0.0)
    tie = np.cumsum(np.r_[True, (np.diff(user) != 0) | (np.diff(score) != 0)][: len(user)]) - 1
    size, discounts, total = (np.bincount(tie, w) for w in (None, discount, gain))
    owner = user[np.flatnonzero(np.r_[True, np.diff(tie) != 0][: len(tie)])]
    return np.bincount(owner, discounts * total / size, num_users).astype(np.float64)


def _first_of(users: Users) -> NDArray[np.int64]:
    """Where the run of each row's user begins (n,), for rows sorted by user."""
    begins = np.flatnonzero(np.r_[True, np.diff(users) != 0][: len(users)])
    return np.repeat(begins, np.diff(np.r_[begins, len(users)]))


def pair_accuracy(
    users: Users, observed: Floats, predictions: dict[str, Any], num_users: int
) -> tuple[dict[str, Floats], Floats]:
    """Share of a user's pairs of differently valued rows that each predictor orders rightly, and whether it is counted.

    Rows (n,) are sorted by user. Each is paired with the user's next `NEXT` rows; a tie of the predictor counts half.
    Returns (num_users,) a predictor and (num_users,), 0 for users without such a pair.
    """
    right = {name: np.zeros(num_users) for name in predictions}
    pairs = np.zeros(num_users)
    rows = np.arange(len(users))
    for gap in range(1, NEXT + 1):
        rows = rows[rows + gap < len(users)]
        rows = rows[users[rows + gap] == users[rows]]
        if not len(rows):
            break
        truth = np.sign(observed[rows + gap] - observed[rows])
        differs = np.abs(truth)
        pairs += np.bincount(users[rows], differs, num_users)
        for name, values in predictions.items():
            agreed = np.sign(values[rows + gap] - values[rows]) * truth
            right[name] += np.bincount(users[rows], (agreed + differs) / 2, num_users)
    counted = pairs > 0
    shares = {name: np.divide(r, pairs, out=np.zeros(num_users), where=counted) for name, r in right.items()}
    return shares, counted.astype(np.float64)
