"""Compiled sums over items and features. Each row is summed in an order of its own: the batch does not matter.

An item's features x are `static` (p, n), the same for everybody, followed by `moving` (b, q, n), those of the moment.
Items are the inner loop, so that several are summed by one instruction, each in the order of its features.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def means(static, moving, theta, out):
    """Fill `out` (b, n) with theta . x, from `theta` (b, p + q)."""
    p = len(static)
    for b in range(len(out)):
        out[b] = 0.0
        for j in range(p):
            _add(theta[b, j], static[j], out[b])
        for j in range(moving.shape[1]):
            _add(theta[b, p + j], moving[b, j], out[b])


@njit(cache=True)
def spreads(static, moving, covariance, out):
    """Fill `out` (b, n) with sqrt(x' C x), the standard deviation of theta . x, from `covariance` (p + q, p + q).

    What static features add is the same in every row, and summed once.
    """
    p, q, n = len(static), moving.shape[1], static.shape[1]
    fixed, cross, part = np.empty(n), np.zeros((q, n)), np.empty(n)
    _form(covariance, static, 0, part, fixed)
    for j in range(q):
        for k in range(p):
            _add(2.0 * covariance[p + j, k], static[k], cross[j])
    for b in range(len(out)):
        _form(covariance, moving[b], p, part, out[b])
        for i in range(n):
            out[b, i] += fixed[i]
        for j in range(q):
            for i in range(n):
                out[b, i] += cross[j, i] * moving[b, j, i]
        for i in range(n):
            out[b, i] = np.sqrt(max(out[b, i], 0.0))


@njit(cache=True)
def _add(weight, x, total):
    """Add weight * x (n,) to `total` (n,)."""
    for i in range(len(total)):
        total[i] += weight * x[i]


@njit(cache=True)
def _form(matrix, x, start, part, total):
    """Fill `total` (n,) with x' M x for `x` (d, n) and the d rows and columns of a symmetric matrix from `start` on.

    `part` (n,) is written over.
    """
    total[:] = 0.0
    for j in range(len(x)):
        part[:] = 0.0
        _add(0.5 * matrix[start + j, start + j], x[j], part)
        for k in range(j):
            _add(matrix[start + j, start + k], x[k], part)
        for i in range(len(total)):
            total[i] += 2.0 * part[i] * x[j, i]


@njit(cache=True)
def gather(static, moving, slates, out):
    """Fill `out` (b, k, p + q) with the features of the items of `slates` (b, k)."""
    p = len(static)
    for b in range(slates.shape[0]):
        for slot in range(slates.shape[1]):
            for j in range(p):
                out[b, slot, j] = static[j, slates[b, slot]]
            for j in range(moving.shape[1]):
                out[b, slot, p + j] = moving[b, j, slates[b, slot]]


@njit(cache=True)
def add(rows, features, targets, known, grams, moments, squares):
    """Add what was shown in `rows` (b,): x x' to `grams` (r, d, d), x y to `moments` (r, d), y y to `squares` (r,).

    `features` (b, k, d), `targets` (b, k), and of these only those that are `known` (b, k).
    """
    d = features.shape[2]
    for b in range(len(rows)):
        row = rows[b]
        for slot in range(features.shape[1]):
            if known[b, slot]:
                x, y = features[b, slot], targets[b, slot]
                squares[row] += y * y
                for j in range(d):
                    moments[row, j] += x[j] * y
                    for k in range(d):
                        grams[row, j, k] += x[j] * x[k]


@njit(cache=True)
def residuals(thetas, grams, moments, out):
    """Fill `out` (b, d) with moment - gram . theta, what `thetas` (b, d) leave to be explained of their rows."""
    for b in range(len(thetas)):
        for j in range(thetas.shape[1]):
            total = moments[b, j]
            for k in range(thetas.shape[1]):
                total -= grams[b, j, k] * thetas[b, k]
            out[b, j] = total


@njit(cache=True)
def errors(thetas, grams, moments, squares, out):
    """Fill `out` (b, c) with the squared errors of each of `thetas` (c, d) over all that was added to a row."""
    for b in range(len(grams)):
        for c in range(len(thetas)):
            total = squares[b]
            for j in range(thetas.shape[1]):
                total -= 2.0 * thetas[c, j] * moments[b, j]
                for k in range(thetas.shape[1]):
                    total += thetas[c, j] * grams[b, j, k] * thetas[c, k]
            out[b, c] = total


@njit(cache=True)
def alike(group, indptr, ids, recent, out):
    """Fill `out` (b, 3, n): an item's mean and greatest likeness to `recent` (b, r), and whether it is one of them.

    Likeness is the cosine of two sets of categories. Items of the same set are of one `group` (n,), whose categories
    are `ids[indptr[g]:indptr[g + 1]]`. `recent` is -1 where there is no item.
    """
    groups = len(indptr) - 1
    total, most = np.empty(groups), np.empty(groups)
    for b in range(len(recent)):
        total[:], most[:], count = 0.0, 0.0, 0
        for item in recent[b]:
            if item >= 0:
                count += 1
                own = ids[indptr[group[item]] : indptr[group[item] + 1]]
                for g in range(groups):
                    shared = 0
                    for c in ids[indptr[g] : indptr[g + 1]]:
                        for d in own:
                            shared += c == d
                    if shared:
                        likeness = shared / np.sqrt(len(own) * (indptr[g + 1] - indptr[g]))
                        total[g] += likeness
                        most[g] = max(most[g], likeness)
        for i in range(out.shape[2]):
            out[b, 0, i], out[b, 1, i], out[b, 2, i] = total[group[i]] / max(count, 1), most[group[i]], 0.0
        for item in recent[b]:
            if item >= 0:
                out[b, 2, item] = 1.0
