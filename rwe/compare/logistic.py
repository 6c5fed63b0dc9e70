# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Logistic regression, for the probability of treatment given covariates: one read of the rows a Newton step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.logistic_climb import INTERCEPT, Rows, Seen, Top, climb, outcomes, refuse_one_sided
from rwe.compare.logistic_columns import columns_as_they_lie
from rwe.compare.logistic_lead import MANY, led
from rwe.execute import Parts, cuts, run
from rwe.kernels._jit import F8, Flags
from rwe.kernels.columns import standardise
from rwe.kernels.logistic import probabilities
from rwe.survival.data import names, read
from rwe.survival.design import Design, design
from rwe.survival.intervals import two_sided
from rwe.survival.linear import solve
from rwe.survival.occasions import PART
from rwe.survival.rows import NONE
from rwe.survival.standard import matrix_of, moments, refuse_units
from rwe.survival.stream import streamed
from rwe.survival.terms import columns_of


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """A fitted logistic regression.

    Parameters
    ----------
    coefficients
        One row a term, the intercept first: term, estimate (log odds ratio), std_error, statistic (z), p_value.
    covariance
        Covariance of the estimates, in the order of the coefficients.
    loglik
        Log likelihood at the maximum.
    n, n_event
        Rows used, and those with the outcome.
    fitted
        Probability of the outcome of each row of the frame; NaN where its weight is 0. Empty where rows are not held.
    """

    coefficients: pl.DataFrame
    covariance: F8
    loglik: float
    n: int
    n_event: int
    fitted: F8


def logistic(frame: Any, *, outcome: str, covariates: Sequence[str] | str, weights: str | None = None) -> Logistic:
    """Fit a logistic regression with an intercept, as R ``glm(family = binomial)``.

    Parameters
    ----------
    frame
        Any frame that narwhals takes, held in memory; a polars lazy frame or the path of a parquet file, read in
        batches at each step; or `Parts`, read where they are.
    outcome
        Column of 0 and 1, or of truth values.
    covariates
        Columns (text columns count as levels), or a formula as in `rwe.survival.cox`.
    weights
        Column of weights; rows of weight 0 are left out.

    Raises
    ------
    DefinitionError
        If a column is missing.
    DataError
        If rows break the contract of a column.
    NoValidAnswer
        If all rows have the same outcome, or terms are aliased or have no finite estimate; they are named.

    Examples
    --------
    >>> frame = pl.DataFrame({"y": [0, 1, 0, 1, 1, 0], "x": [1.0, 2.0, 2.0, 3.0, 1.0, 1.0]})
    >>> logistic(frame, outcome="y", covariates=["x"]).coefficients["term"].to_list()
    ['(intercept)', 'x']
    """
    if isinstance(frame, Parts) or streamed(frame):
        from rwe.compare.logistic_spread import spread

        return _said(*spread(frame if isinstance(frame, Parts) else Parts([frame]), outcome, covariates, weights))
    table = read(frame, [outcome, *names(weights), *columns_of(covariates)])
    kept, happened, weight = outcomes(table, outcome, weights)
    plan = design(table, covariates)
    used = table if kept.all() else table.filter(kept)
    seen = Seen(
        happened.size, int(happened.sum()), float(np.average(happened, weights=weight if weight.size else None))
    )
    refuse_one_sided(seen, outcome)
    fit = _of_many if happened.size >= MANY else _of_few
    mean, scale, top, probability = fit(plan, used, happened, weight, seen)
    fitted = np.full(kept.size, np.nan)
    fitted[kept] = probability
    return replace(_said(plan, mean, scale, seen, top), fitted=fitted)


def _of_few(plan: Design, table: pl.DataFrame, happened: Flags, weight: F8, seen: Seen) -> tuple[F8, F8, Top, F8]:
    """Return mean and unit of the terms, the maximum, and the probability of each row."""
    x = matrix_of(plan, table)
    mean, scale = moments(x, weight)
    refuse_units(scale, plan.names)
    parts = cuts(x.shape[0], PART)
    run(lambda b: standardise(x, weight, mean, scale, happened, *b), parts)
    top = climb(Rows(x, happened, weight).sums, seen.share, plan.names)
    out, slope = np.empty(x.shape[0]), np.ascontiguousarray(top.beta[1:])
    run(lambda b: probabilities(x, slope, top.beta[0], *b, out[slice(*b)]), parts)
    return mean, scale, top, out


def _of_many(plan: Design, table: pl.DataFrame, happened: Flags, weight: F8, seen: Seen) -> tuple[F8, F8, Top, F8]:
    """Return the same of rows whose columns are read where they lie."""
    rows = columns_as_they_lie(plan.values(table, look=False), happened, weight)
    if not np.isfinite(rows.mean).all():
        plan.values(table)  # names the column
    refuse_units(rows.scale, plan.names)
    top = led(rows, seen, plan.names)
    return rows.mean, rows.scale, top, rows.fitted(top.beta)


def _said(plan: Design, mean: F8, scale: F8, seen: Seen, top: Top) -> Logistic:
    """Return the result in the units of the data."""
    back = np.vstack([np.append(1.0, -mean / scale), np.hstack([np.zeros((scale.size, 1)), np.diag(1 / scale)])])
    covariance = np.asarray(back @ solve(top.information, np.eye(top.beta.size)) @ back.T, np.float64)
    estimate, error = back @ top.beta, np.sqrt(np.diag(covariance))
    columns = {"term": [INTERCEPT, *plan.names], "estimate": estimate, "std_error": error}
    tests = {"statistic": estimate / error, "p_value": [two_sided(z) for z in estimate / error]}
    return Logistic(pl.DataFrame(columns | tests), covariance, top.loglik, seen.n, seen.n_event, NONE)
