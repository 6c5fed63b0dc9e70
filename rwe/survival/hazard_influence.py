# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How far each row moves the baseline hazard of a Cox model: what the error of a robust prediction rests on.

To first order in its weight, a row adds to the hazard where it fails and takes from it wherever it is at risk (the
infinitesimal jackknife; Reid & Crepeau 1985 Biometrika 72:1). Ties after Efron: those who fail leave the risk set of
their day by parts.
"""

from __future__ import annotations

from dataclasses import dataclass

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


def moved(fit: Fitted, stratum: int, days: I8) -> Moved:
    """Return the sums for the cumulative baseline hazard of a stratum on these days (ticks of the clock)."""
    when = fit.best.occasions
    mine = np.flatnonzero(when.stratum == stratum)
    first = int(mine[0]) if mine.size else 0
    upto = first + np.searchsorted(when.day[mine], days, side="right")
    beta = _by_cluster(fit, score_residuals(fit.data, fit.best) * fit.data.scale @ fit.variance)
    of_hazard = _Rows(fit)
    own, both = np.empty(days.size), np.empty((days.size, beta.shape[1]))
    for t, last in enumerate(upto):
        moves = _by_cluster(fit, of_hazard.moves(first, int(last)))
        own[t], both[t] = moves @ moves, moves @ beta
    return Moved(own, both)


class _Rows:
    """What rows move, at given coefficients."""

    def __init__(self, fit: Fitted) -> None:
        data, (h, _, u, v, _) = fit.data, fit.best.ties
        self.start, self.stop, self.weight = data.start, data.stop, data.weight
        self.fails = data.event & (self.stop > self.start)
        self.r = self.weight * relative_risk(data, fit.best)
        self.each, self.back, self.lost = h / data.w_event, v, np.concatenate([[0.0], np.cumsum(u)])

    def moves(self, first: int, last: int) -> F8:
        """Return by row how far it moves the hazard summed over the occasions from `first` to `last`."""
        begin, end = np.clip(self.start, first, last), np.clip(self.stop, first, last)
        out = -self.r * (self.lost[end] - self.lost[begin])
        at = np.flatnonzero(self.fails & (self.stop > first) & (self.stop <= last))
        occasion = self.stop[at] - 1
        out[at] += self.weight[at] * self.each[occasion] + self.r[at] * self.back[occasion]
        return np.asarray(out, np.float64)


def _by_cluster(fit: Fitted, rows: F8) -> F8:
    code = fit.response.cluster
    if code is None:
        return rows
    n = int(code.max()) + 1
    if rows.ndim == 1:
        return np.bincount(code, rows, n).astype(np.float64)
    return np.column_stack([np.bincount(code, column, n) for column in rows.T])
