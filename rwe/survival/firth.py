# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Firth's penalty on the partial likelihood: estimates that stay finite where events separate.

The log likelihood gains half the log determinant of the information (Jeffreys' prior): Firth (1993)
Biometrika 80:27; Heinze & Schemper (2001) Biometrics 57:114.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.survival.ascent import Hill, Spot, climb, refuse_aliased
from rwe.survival.data import Response
from rwe.survival.digits import refuse_vague
from rwe.survival.partial import Point, evaluate, relative_risk
from rwe.survival.risk_sets import lived, risk_sets
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
    best = _point(data, top.beta)
    refuse_vague(best.error, best.information)
    return _point(data, null.beta), best


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
    r, turned = data.weight * relative_risk(data, at), np.einsum("ij,jk->ik", data.x, inverse)
    length = np.einsum("ij,ij->i", turned, data.x)
    sets = risk_sets(data, np.column_stack([r, r[:, None] * data.x, r * length]))
    total, m = sets.sums[:, 0], sets.weight
    mean, mean_length = sets.sums[:, 1:-1] / total[:, None], sets.sums[:, -1] / total
    been = lived(data, sets, (m / total)[:, None] * np.column_stack([np.ones(m.size), mean]))
    of_rows = r * (length * been[:, 0] - 2 * np.einsum("ij,ij->i", turned, been[:, 1:]))
    of_sets = m * (2 * np.einsum("ij,jk,ik->i", mean, inverse, mean) - mean_length)
    return np.asarray((np.einsum("i,ij->j", of_rows, data.x) + np.einsum("i,ij->j", of_sets, mean)) / 2, np.float64)
