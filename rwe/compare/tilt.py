# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The one convex problem under MAIC and entropy balancing: tilt weights by exp(z'a) until the means of z are 0.

Of all weights that meet the moments these are the nearest to the starting weights in Kullback-Leibler divergence; a
minimises ``log sum w exp(z'a)`` (Signorovitch et al. 2010, Pharmacoeconomics 28:935; Hainmueller 2012, Political
Analysis 20:25). Value, slope and curvature come from sums over the rows, which add up over parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rwe.compare.margins import Floats
from rwe.execute import cuts, merge, run

STEPS = 200
PART = 100_000  # rows of a part
WIDE = 25.0  # log ratio of weights from which the solution may lie at infinity, on the border of what can be reached


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Sums of ``w exp(z'a - top)``, and of its products with z and zz'; those of parts add up."""

    top: float
    total: float
    first: Floats
    second: Floats

    def __add__(self, other: Sums) -> Sums:
        """Merge two parts."""
        top = max(self.top, other.top)
        a, b = np.exp(self.top - top), np.exp(other.top - top)
        added = (a * mine + b * theirs for mine, theirs in ((self.first, other.first), (self.second, other.second)))
        return Sums(top, float(a * self.total + b * other.total), *added)

    @property
    def value(self) -> float:
        """What is minimised."""
        return float(self.top + np.log(self.total))

    @property
    def slope(self) -> Floats:
        """Its gradient: the means under the weights."""
        return np.asarray(self.first / self.total)

    @property
    def curve(self) -> Floats:
        """Its second derivative: the covariance under the weights."""
        return np.asarray(self.second / self.total - np.outer(self.slope, self.slope))


@dataclass(frozen=True, slots=True, eq=False)
class Tilted:
    """Where the climb ended.

    Parameters
    ----------
    alpha
        Coefficients of z.
    gap
        Largest mean left.
    steps
        Newton steps taken.
    wide
        Whether weights differ so much that the solution may lie at infinity.
    """

    alpha: Floats
    gap: float
    steps: int
    wide: bool


def sums(z: Floats, start: Floats, alpha: Floats) -> Sums:
    """Read the rows once; parts are added up in their order."""

    def part(bounds: tuple[int, int]) -> Sums:
        rows, weight = z[slice(*bounds)], start[slice(*bounds)]
        eta = rows @ alpha
        top = float(eta.max())
        tilted = weight * np.exp(eta - top)
        lifted = rows * tilted[:, None]
        return Sums(top, float(tilted.sum()), lifted.sum(axis=0), lifted.T @ rows)

    return merge(Sums.__add__, run(part, cuts(start.size, PART)))


def tilt(z: Floats, start: Floats, tol: float) -> Tilted:
    """Minimise by Newton's steps with a line search, until no mean of z is above `tol`.

    Columns of z are on the scale of their standard deviation; `start` holds positive weights. The gap of what is
    returned may be above `tol` where rounding, or a target that cannot be met, allows no less.
    """
    alpha = np.zeros(z.shape[1])
    now, taken = sums(z, start, alpha), 0
    for _ in range(STEPS):
        if np.abs(now.slope).max(initial=0.0) <= tol:
            break
        step = _step(now)
        size, ahead = 1.0, sums(z, start, alpha + step)
        while not _better(now, ahead, size * float(now.slope @ step)) and size > 1e-10:
            size /= 2
            ahead = sums(z, start, alpha + size * step)
        if size <= 1e-10:
            break
        alpha, now, taken = alpha + size * step, ahead, taken + 1
    return Tilted(alpha, float(np.abs(now.slope).max(initial=0.0)), taken, bool(np.ptp(z @ alpha) > WIDE))


def _step(now: Sums) -> Floats:
    """Return Newton's step; where next to no curvature is left, that of the least squares."""
    return np.asarray(-np.linalg.lstsq(now.curve, now.slope, rcond=1e-14)[0])


def _better(now: Sums, ahead: Sums, drop: float) -> bool:
    """Return whether the value falls as the slope says, or, where rounding hides that, the slope itself."""
    if not np.isfinite(ahead.value):
        return False
    if ahead.value <= now.value + 1e-4 * drop and drop < -1e-13 * max(1.0, abs(now.value)):
        return True
    return bool(np.abs(ahead.slope).max() < np.abs(now.slope).max() and ahead.value <= now.value + 1e-12)
