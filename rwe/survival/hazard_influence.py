# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How far each row moves the baseline hazard of a Cox model: what the error of a robust prediction rests on.

To first order in its weight, a row adds to the hazard where it fails and takes from it wherever it is at risk (the
infinitesimal jackknife; Reid & Crepeau 1985 Biometrika 72:1). Ties after Efron: those who fail leave the risk set of
their day by parts. What a cluster moves up to an occasion is p - r * lost: r the risk of its rows that are followed
then, p of those that came and went, lost the same for all. So p and r change only where a row of it enters or leaves,
and the sums over clusters come from those changes, in n log n whatever the number of times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rwe.kernels._jit import F8, I8
from rwe.survival.fitted import Fitted
from rwe.survival.partial import relative_risk, score_residuals


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """Sums over rows (or clusters) of products of what they move.

    Parameters
    ----------
    own
        Squares of what moves the hazard at given coefficients, by time.
    both
        Its products with what moves the coefficients, shape (times, terms).
    """

    own: F8
    both: F8


class _Course(NamedTuple):
    """What clusters move in one stratum: `lost` by occasion, and p and r from one occasion up to before another.

    In order of cluster and occasion; those that no later change of their cluster ends, end beyond the last occasion.
    """

    lost: F8
    cluster: I8
    begin: I8
    end: I8
    p: F8
    r: F8


def moved(fit: Fitted, stratum: int, days: I8) -> Moved:
    """Return the sums for the cumulative baseline hazard of a stratum on these days (ticks of the clock)."""
    when = fit.best.occasions
    mine = np.flatnonzero(when.stratum == stratum)
    upto = np.searchsorted(when.day[mine], days, side="right")
    code = fit.response.cluster
    cluster = np.arange(fit.data.start.size) if code is None else code
    course = _course(fit, cluster, int(mine[0]) if mine.size else 0, mine.size)
    beta = score_residuals(fit.data, fit.best) * fit.data.scale @ fit.variance
    if code is not None:
        beta = np.column_stack([np.bincount(code, column) for column in beta.T])
    lost = course.lost
    own = (
        _from(course, course.p**2)
        - 2 * lost * _upto(course, course.p * course.r)
        + lost**2 * _upto(course, course.r**2)
    )
    both = [_from(course, course.p * b) - lost * _upto(course, course.r * b) for b in beta[course.cluster].T]
    return Moved(np.maximum(own, 0.0)[upto], np.column_stack(both)[upto])


def _course(fit: Fitted, cluster: I8, first: int, occasions: int) -> _Course:
    """Return how p and r of each cluster change over the occasions of a stratum, counted from its first."""
    data, (h, _, u, v, _) = fit.data, fit.best.ties
    rows = np.flatnonzero((data.stop > data.start) & (data.stop > first) & (data.start < first + occasions))
    enter, leave = data.start[rows] - first, data.stop[rows] - first
    lost = np.concatenate([[0.0], np.cumsum(u[first : first + occasions])])
    r, last = data.weight[rows] * relative_risk(data, fit.best)[rows], data.stop[rows] - 1
    failing = data.weight[rows] * (h / data.w_event)[last] + r * v[last]
    at, who = np.concatenate([enter, leave]), np.tile(cluster[rows], 2)
    dp = np.concatenate([r * lost[enter], np.where(data.event[rows], failing, 0.0) - r * lost[leave]])
    order = np.lexsort((at, who))
    who, at = who[order], at[order]
    begins = np.flatnonzero(np.concatenate([[True], who[1:] != who[:-1]])) if who.size else np.empty(0, np.int64)
    ends = np.append(at[1:], occasions + 1)
    ends[np.append(begins[1:], who.size)[: begins.size] - 1] = occasions + 1
    p, r = (_within(change[order], begins) for change in (dp, np.concatenate([r, -r])))
    return _Course(lost, who, at, ends, p, r)


def _within(change: F8, begins: I8) -> F8:
    """Return running sums that start anew at each of `begins`."""
    running = np.cumsum(change)
    before = np.concatenate([[0.0], running])[begins]
    return np.asarray(running - np.repeat(before, np.diff(np.append(begins, change.size))), np.float64)


def _from(course: _Course, value: F8) -> F8:
    """Return sums by occasion from the first on: what stays after rows left is added and never taken off."""
    size = course.lost.size + 1
    changes = np.bincount(course.begin, value, size) - np.bincount(course.end, value, size)
    return np.asarray(np.cumsum(changes)[:-1], np.float64)


def _upto(course: _Course, value: F8) -> F8:
    """Return sums by occasion from the last back: those still at risk lose no digits to those who left."""
    size = course.lost.size + 1
    changes = np.bincount(course.end, value, size) - np.bincount(course.begin, value, size)
    return np.asarray(np.cumsum(changes[::-1])[::-1][1:], np.float64)
