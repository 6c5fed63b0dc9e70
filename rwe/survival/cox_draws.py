# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Hazards of persons under a Cox model that the data allow: coefficients and baseline drawn together."""

from __future__ import annotations

from typing import Any

import numpy as np

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.survival.columns import numeric
from rwe.survival.data import names, read
from rwe.survival.model import Cox


def hazards(model: Cox, people: Any, days: Any) -> tuple[F8, F8]:
    """Return the cumulative hazard at mean covariates by day, and each person's relative risk; both with one row.

    NaN after the last day followed.

    Raises
    ------
    DefinitionError
        If the model has strata.
    """
    x = _covariates(model, people)
    z = model._hazard
    risk = np.exp(x @ model.coefficients["estimate"].to_numpy() + _offset(model, people))
    return _upto(model, np.cumsum(z.jump)[None, :], days), risk[None, :]


def hazard_draws(model: Cox, people: Any, days: Any, n: int, seed: int) -> tuple[F8, F8]:
    """Return `n` draws of `hazards`: shapes (n, days) and (n, persons).

    Coefficients are drawn from their normal approximation; given them each jump of the baseline moves with the mean
    covariates of those at risk, and has the gamma spread of its number of failures.
    """
    rng = np.random.default_rng(seed)
    x, z = _covariates(model, people), model._hazard
    best = model.coefficients["estimate"].to_numpy()
    beta = rng.multivariate_normal(best, model.covariance, n, method="cholesky") if best.size else np.zeros((n, 0))
    events = z.jump**2 / z.spread
    mean = z.drift / z.jump[:, None] if best.size else np.zeros((z.jump.size, 0))
    jump = z.jump * rng.gamma(events, 1 / events, (n, events.size)) * np.exp(-(beta - best) @ mean.T)
    return _upto(model, np.cumsum(jump, axis=1), days), np.exp(beta @ x.T + _offset(model, people))


def _covariates(model: Cox, people: Any) -> F8:
    if model._strata.n > 1:
        raise DefinitionError("hazards are drawn of a model without strata")
    frame = read(people, [*model.design.columns])
    return np.asarray(model.design.matrix(frame) - model._mean, np.float64)


def _offset(model: Cox, people: Any) -> Any:
    return numeric(read(people, names(model._offset))[model._offset]).to_numpy() if model._offset else 0.0


def _upto(model: Cox, total: F8, days: Any) -> F8:
    z = model._hazard
    at = np.searchsorted(z.day, z.clock.index(days), side="right")
    known = z.clock.reached(z.last[0], days)
    return np.where(known, np.concatenate([np.zeros((total.shape[0], 1)), total], axis=1)[:, at], np.nan)
