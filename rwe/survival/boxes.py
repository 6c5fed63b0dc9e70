# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Tail of the largest of several correlated standard normal variables, the same digits every time.

The event that some variable exceeds m is cut into disjoint parts: variable i does, those before it do
not. Each part is a box, integrated by sequential conditioning (Genz 1992, J Comput Graph Stat 1:141) over
a fixed lattice with the square roots of primes (Richtmyer), so that the error is relative to the tail
itself, however small. A correlation matrix may be singular: a variable that the earlier ones determine
only narrows their limits.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from rwe.kernels._jit import F8

POINTS = 1 << 14
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)
SINGULAR = 1e-10  # variance left over below which a variable is determined by those before it


def largest_tail(correlation: F8, m: float, *, absolute: bool) -> float:
    """Return P(max Z > m), or P(max |Z| > m) where `absolute`."""
    if absolute and m <= 0:
        return 1.0
    orders = [[i, *range(i)] for i in range(len(correlation))]
    parts = sum(_part(correlation[np.ix_(order, order)], m, absolute=absolute) for order in orders)
    return min(1.0, (2.0 if absolute else 1.0) * parts)


def _part(correlation: F8, m: float, *, absolute: bool) -> float:
    """Return the probability that the first variable exceeds m and no other does."""
    root = _root(correlation)
    low = np.full(len(root), -float(m) if absolute else -np.inf)
    high = np.full(len(root), float(m))
    low[0], high[0] = m, np.inf
    last = [int(np.flatnonzero(row)[-1]) for row in root]
    drawn, chance = np.zeros((POINTS, len(root))), np.ones(POINTS)
    for k in range(len(root)):
        rows = [i for i in range(len(root)) if last[i] == k]
        if not rows:
            continue
        a, b = np.full(POINTS, -np.inf), np.full(POINTS, np.inf)
        for i in rows:
            shift, scale = drawn[:, :k] @ root[i, :k], root[i, k]
            ends = np.stack([(low[i] - shift) / scale, (high[i] - shift) / scale])
            a, b = np.maximum(a, ends.min(axis=0)), np.minimum(b, ends.max(axis=0))
        drawn[:, k], width = _draw(a, b, _lattice(k))
        chance *= width
    return float(chance.mean())


def _draw(a: F8, b: F8, u: F8) -> tuple[F8, F8]:
    """Return a normal variable between a and b at the share u of its mass there, and that mass.

    The mass is counted from the nearer tail, so that limits far out keep their digits.
    """
    flip = a + b > 0
    a, b = np.where(flip, -b, a), np.where(flip, -a, b)
    low, high = ndtr(a), ndtr(b)
    width = np.maximum(high - low, 0.0)
    value = np.clip(ndtri(np.clip(low + u * width, 1e-300, 1.0 - 1e-16)), -38.0, 38.0)
    return np.where(flip, -value, value), width


def _lattice(k: int) -> F8:
    """Return the k-th coordinate of the points, folded so that the integrand is periodic."""
    return np.asarray(np.abs(2.0 * np.modf((np.arange(POINTS) + 0.5) * np.sqrt(PRIMES[k]))[0] - 1.0), np.float64)


def _root(correlation: F8) -> F8:
    """Return the Cholesky factor; a column is 0 where a variable is determined by those before it."""
    p = len(correlation)
    root = np.zeros((p, p))
    for j in range(p):
        left = correlation[j:, j] - root[j:, :j] @ root[j, :j]
        if left[0] > SINGULAR:
            root[j:, j] = left / np.sqrt(left[0])
    return np.where(np.abs(root) > np.sqrt(SINGULAR) * 1e-2, root, 0.0)
