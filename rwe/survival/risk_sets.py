# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Sums over the risk sets of a Cox model: from rows to occasions, and back to what each row lived through."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from rwe.kernels._jit import F8, I8
from rwe.survival.rows import Rows


@dataclass(frozen=True, slots=True, eq=False)
class RiskSets:
    """The risk sets of a model, one a failure.

    Parameters
    ----------
    occasion
        Occasion of each risk set.
    weight
        Weight of each: the mean weight of the failures of its occasion.
    out
        Share of the failing that is taken out of it: by degrees after Efron, none after Breslow.
    sums
        Sums of the columns asked for over each, shape (failures, columns).
    """

    occasion: I8
    weight: F8
    out: F8
    sums: F8


def risk_sets(data: Rows, columns: F8) -> RiskSets:
    """Return the risk sets with the sums of columns (rows, columns), relative risks included in them."""
    at_risk, failing = _by_occasion(data, columns)
    occasion = np.repeat(np.arange(data.n_event.size), data.n_event)
    before = np.concatenate([[0], np.cumsum(data.n_event)[:-1]])
    out = data.efron * (np.arange(occasion.size) - before[occasion]) / data.n_event[occasion]
    weight = np.asarray((data.w_event / data.n_event)[occasion], np.float64)
    return RiskSets(occasion, weight, out, at_risk[occasion] - out[:, None] * failing[occasion])


def lived(data: Rows, sets: RiskSets, jump: F8) -> F8:
    """Return the sums of the jumps (failures, columns) of the risk sets that each row was part of."""
    size = data.n_event.size
    whole = np.array([np.bincount(sets.occasion, c, size) for c in jump.T]).T
    taken = np.array([np.bincount(sets.occasion, c * sets.out, size) for c in jump.T]).T
    path, stop = np.vstack([np.zeros(jump.shape[1]), np.cumsum(whole, axis=0)]), data.stop
    own = np.where(data.event[:, None], taken[stop - 1], 0.0)
    return np.asarray(path[stop] - path[data.start] - own, np.float64)


def _by_occasion(data: Rows, columns: F8) -> tuple[F8, F8]:
    """Return sums of columns by occasion over those at risk, and over those who fail."""
    size, start, stop = data.n_event.size, data.start, data.stop
    there = stop > start
    late = there & ~data.opens[np.minimum(start, size - 1)]
    ends, begins, fails = stop[there] - 1, start[late] - 1, stop[data.event] - 1
    at_risk = [np.bincount(ends, c[there], size) - np.bincount(begins, c[late], size) for c in columns.T]
    failing = [np.bincount(fails, c[data.event], size) for c in columns.T]
    sums, edges = np.array(at_risk).T, [*np.flatnonzero(data.opens), size]
    for first, last in itertools.pairwise(edges):
        sums[first:last] = np.cumsum(sums[first:last][::-1], axis=0)[::-1]
    return sums, np.array(failing, np.float64).T
