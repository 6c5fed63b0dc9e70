# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Firth's penalty on the partial likelihood: estimates that stay finite where events separate.

The log likelihood gains half the log determinant of the information (Jeffreys' prior): Firth (1993)
Biometrika 80:27; Heinze & Schemper (2001) Biometrics 57:114.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial

import numpy as np

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8, I8
from rwe.survival.ascent import Hill, Spot, climb, refuse_aliased
from rwe.survival.data import Response
from rwe.survival.partial import Point, evaluate, relative_risk
from rwe.survival.rows import Rows

STEPS = 500  # each takes off a share of what is left, as the curvature of the penalty is not used


def refuse_firth(response: Response, *, robust: bool | None, ties: str) -> None:
    """Refuse what Firth's penalty has no answer to."""
    if not response.whole or response.cluster is not None or robust:
        raise DefinitionError("penalty='firth' takes weights that are counts, no clusters and no robust variance")
    if ties == "exact":
        raise DefinitionError("penalty='firth' goes with ties efron or breslow, not exact")


def firth_hill(data: Rows) -> Hill:
    """Return the penalised partial likelihood as a function of the (standardised) coefficients."""
    return partial(_spot, data)


def maximise_firth(data: Rows, names: tuple[str, ...]) -> tuple[Point, Point]:
    """Return the penalised partial likelihood at 0 and at its maximum, in the unit of the covariates."""
    null = evaluate(data, np.zeros(data.x.shape[1]))
    refuse_aliased(null.information, names)
    top = climb(firth_hill(data), null.beta, names, steps=STEPS)
    return _point(data, null.beta), _point(data, top.beta)


def _point(data: Rows, beta: F8) -> Point:
    spot = _spot(data, beta)
    return replace(evaluate(data, beta), loglik=spot.value, score=spot.slope)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def _spot(data: Rows, beta: F8) -> Spot:
    at = evaluate(data, beta)
    sign, log_volume = np.linalg.slogdet(at.information) if np.isfinite(at.information).all() else (0.0, np.nan)
    volume = log_volume / 2 + np.log(data.scale).sum()  # in the units of the covariates
    value = at.loglik + volume if sign > 0 else np.nan
    slope = at.score + _pull(data, at) if np.isfinite(value) else at.score
    return Spot(beta, float(value), slope, at.information)


def _pull(data: Rows, at: Point) -> F8:
    """Return the gradient of half the log determinant of the information.

    It is half the sum over risk sets of the weighted third central moments of x, contracted twice with
    the inverse V of the information: E[(x - m) (x - m)' V (x - m)], written out so that each row and each
    risk set is met once.
    """
    inverse = np.linalg.inv(at.information)
    r, turned = data.weight * relative_risk(data, at), data.x @ inverse
    length = np.einsum("ij,ij->i", turned, data.x)
    columns = np.column_stack([r, r[:, None] * data.x, r * length])
    occasion, m, out, sums = _risk_sets(data, *_sums(data, columns))
    mean, mean_length = sums[:, 1:-1] / sums[:, :1], sums[:, -1] / sums[:, 0]
    share = m / sums[:, 0]
    lived = _lived(data, occasion, share[:, None] * np.column_stack([np.ones(m.size), mean]), out)
    of_rows = (r * (length * lived[:, 0] - 2 * np.einsum("ij,ij->i", turned, lived[:, 1:]))) @ data.x
    crossed = np.einsum("ij,jk,ik->i", mean, inverse, mean)
    return np.asarray((of_rows + (m * (2 * crossed - mean_length)) @ mean) / 2, np.float64)


def _sums(data: Rows, columns: F8) -> tuple[F8, F8]:
    """Return sums of columns by occasion over those at risk, and over those who fail."""
    size, there = data.n_event.size, data.stop > data.start
    late = there & ~data.opens[np.minimum(data.start, size - 1)]
    ends, begins, fails = data.stop[there] - 1, data.start[late] - 1, data.stop[data.event] - 1
    at_risk = [np.bincount(ends, c[there], size) - np.bincount(begins, c[late], size) for c in columns.T]
    failing = [np.bincount(fails, c[data.event], size) for c in columns.T]
    sums, edges = np.array(at_risk).T, [*np.flatnonzero(data.opens), size]
    for first, last in itertools.pairwise(edges):
        sums[first:last] = np.cumsum(sums[first:last][::-1], axis=0)[::-1]
    return sums, np.array(failing, np.float64).T


def _risk_sets(data: Rows, at_risk: F8, failing: F8) -> tuple[I8, F8, F8, F8]:
    """Return occasion, weight, share of the failing taken out, and sums of each risk set (one a failure)."""
    occasion = np.repeat(np.arange(data.n_event.size), data.n_event)
    before = np.concatenate([[0], np.cumsum(data.n_event)[:-1]])
    out = data.efron * (np.arange(occasion.size) - before[occasion]) / data.n_event[occasion]
    m = np.asarray((data.w_event / data.n_event)[occasion], np.float64)
    return occasion, m, out, np.asarray(at_risk[occasion] - out[:, None] * failing[occasion], np.float64)


def _lived(data: Rows, occasion: I8, jump: F8, out: F8) -> F8:
    """Return the sums of the jumps of the risk sets that each row was part of."""
    size = data.n_event.size
    whole = np.array([np.bincount(occasion, c, size) for c in jump.T]).T
    taken = np.array([np.bincount(occasion, c * out, size) for c in jump.T]).T
    path = np.vstack([np.zeros(jump.shape[1]), np.cumsum(whole, axis=0)])
    own = np.where(data.event[:, None], taken[data.stop - 1], 0.0)
    return np.asarray(path[data.stop] - path[data.start] - own, np.float64)
