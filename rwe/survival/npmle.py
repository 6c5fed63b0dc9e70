# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Maximum likelihood of a distribution known by intervals: where its mass lies, and how much lies there.

Mass can only lie on the maximal intersections of the intervals (Turnbull 1976, J R Stat Soc B 38:290). It is
found by turns of the EM algorithm and of the iterative convex minorant (Wellner & Zhan 1997, J Am Stat Assoc
92:945), and the end is certified by the conditions of Kuhn and Tucker (Gentleman & Geyer 1994, Biometrika 81:618).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8, I8
from rwe.kernels.isotonic import isotonic
from rwe.survival.columns import APART

NOTHING = 1e-13  # mass that the climb has left on its way to 0
GAP = 1e-9  # share of n by which the log-likelihood may still fall short of its maximum
TURNS = 20_000
HALVINGS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Mass:
    """A distribution on disjoint intervals.

    Parameters
    ----------
    left, right
        Ends of the intervals: (left, right], or the point where they are equal; -inf and inf are open ends.
    mass
        Probability of each.
    loglik, gap
        Log-likelihood, and by how much a unit of weight it can at most be raised.
    """

    left: F8
    right: F8
    mass: F8
    loglik: float
    gap: float


def most_likely(left: F8, right: F8, weight: F8) -> Mass:
    """Return the most likely distribution of times known to lie in (left, right], or at left = right.

    Raises
    ------
    NoValidAnswer
        If the maximum is not reached.
    """
    low, high, first, last = intersections(left, right)
    cell = first * low.size + last
    kinds, code = np.unique(cell, return_inverse=True)
    rows = _Rows(kinds // low.size, kinds % low.size, np.bincount(code, weight).astype(np.float64), low.size)
    mass, gap = _climb(rows)
    return Mass(low, high, mass, rows.loglik(mass), gap)


def intersections(left: F8, right: F8) -> tuple[F8, F8, I8, I8]:
    """Return the maximal intersections as (left, right], and the first and the last one in each row.

    At one time a point begins before intervals end there, and these end before others begin.
    """
    n, exact = left.size, left == right
    value = np.concatenate([left, right])
    rank = np.concatenate([np.where(exact, 0, 2), np.ones(n, np.int64)])
    ends, place = np.unique(np.stack([value, rank], axis=1), axis=0, return_inverse=True)
    begins = ends[:, 1] != 1
    inner = np.flatnonzero(begins[:-1] & ~begins[1:])
    place = place.reshape(-1)
    first = np.searchsorted(inner, place[:n], side="left")
    last = np.searchsorted(inner + 1, place[n:], side="right") - 1
    return ends[inner, 0], ends[inner + 1, 0], first, last


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Distinct rows: the first and last interval each may lie in, and their weight."""

    first: I8
    last: I8
    weight: F8
    m: int

    def chances(self, mass: F8) -> F8:
        """Return the probability of each row."""
        total = np.concatenate([[0.0], np.cumsum(mass)])
        return np.asarray(total[self.last + 1] - total[self.first], np.float64)

    def loglik(self, mass: F8) -> float:
        chances = self.chances(mass)
        if not (chances > 0).all():
            return -np.inf
        return float(self.weight @ np.log(chances))

    def slopes(self, mass: F8) -> F8:
        """Return the derivative of the log-likelihood by the mass of each interval, a unit of weight."""
        rate = self.weight / self.chances(mass)
        step = np.bincount(self.first, rate, self.m + 1) - np.bincount(self.last + 1, rate, self.m + 1)
        return np.asarray(np.cumsum(step)[:-1] / self.weight.sum(), np.float64)


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def _climb(rows: _Rows) -> tuple[F8, float]:
    mass = np.full(rows.m, 1.0 / rows.m)
    for _ in range(TURNS):
        slopes = rows.slopes(mass)
        gap = float(slopes.max()) - 1.0
        if not np.isfinite(gap):
            raise NoValidAnswer(APART)
        if gap <= GAP:
            mass = np.where(mass > NOTHING, mass, 0.0)
            return mass / mass.sum(), max(gap, 0.0)
        mass = mass * slopes
        mass = _minorant(rows, mass / mass.sum())
    raise NoValidAnswer(f"the likelihood of the intervals is not at its maximum after {TURNS} turns")


def _minorant(rows: _Rows, mass: F8) -> F8:
    """Return the mass after one step of the convex minorant, halved until the likelihood rises."""
    if rows.m == 1:
        return mass
    chances = rows.chances(mass)
    rate, bend = rows.weight / chances, rows.weight / chances**2
    ends, begins = rows.last < rows.m - 1, rows.first > 0
    slope = np.bincount(rows.last[ends], rate[ends], rows.m - 1)
    slope -= np.bincount(rows.first[begins] - 1, rate[begins], rows.m - 1)
    curve = np.bincount(rows.last[ends], bend[ends], rows.m - 1)
    curve += np.bincount(rows.first[begins] - 1, bend[begins], rows.m - 1)
    before = np.cumsum(mass)[:-1]
    aim = np.clip(isotonic(before + slope / curve, curve.astype(np.float64)), 0.0, 1.0)
    now = rows.loglik(mass)
    for _ in range(HALVINGS):
        tried = np.diff(np.concatenate([[0.0], aim, [1.0]]))
        if rows.loglik(tried) > now:
            return tried
        aim = (aim + before) / 2
    return mass
