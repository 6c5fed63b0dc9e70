# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Logistic regression, for the probability of treatment given covariates: one read of the rows a Newton step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import NoValidAnswer
from rwe.execute import cuts, run
from rwe.kernels._jit import F8, Flags
from rwe.kernels.columns import standardise
from rwe.kernels.exponential import exponentials
from rwe.kernels.logistic import logistic_pass
from rwe.kernels.matrix import predictor, room, whole_gram
from rwe.survival.ascent import refuse_aliased, runaway
from rwe.survival.columns import numeric, refuse
from rwe.survival.data import names, read
from rwe.survival.design import columns_of, design
from rwe.survival.intervals import two_sided
from rwe.survival.linear import aliased, solve
from rwe.survival.occasions import PART
from rwe.survival.rows import NONE, total
from rwe.survival.standard import matrix_of, moments, refuse_units

STEPS = 30
STILL = 1e-10  # largest last step, in standard deviations of the covariates
INTERCEPT = "(intercept)"


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
        Probability of the outcome of each row of the frame; NaN where its weight is 0.
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
        Any frame that narwhals takes.
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
    table = read(frame, [outcome, *names(weights), *columns_of(covariates)])
    weight = NONE if weights is None else numeric(table[weights]).cast(pl.Float64).to_numpy()
    refuse(int((weight < 0).sum()), table.height, str(weights), "have a negative weight")
    kept = weight > 0 if weight.size else np.ones(table.height, np.bool_)
    if not kept.all():
        table, weight = table.filter(kept), np.ascontiguousarray(weight[kept])
    happened = _outcome(table[outcome])
    if not happened.size:
        raise NoValidAnswer("no rows are left to analyse")
    if happened.all() or not happened.any():
        raise NoValidAnswer(f"column '{outcome}': all {table.height} rows have the same outcome")
    plan = design(table, covariates)
    rows, mean, scale = _standard(matrix_of(plan, table), happened, weight, plan.names)
    beta, information, loglik = _climb(rows, plan.names)
    back = np.vstack([np.append(1.0, -mean / scale), np.hstack([np.zeros((scale.size, 1)), np.diag(1 / scale)])])
    covariance = back @ solve(information, np.eye(beta.size)) @ back.T
    estimate, error = back @ beta, np.sqrt(np.diag(covariance))
    columns = {"term": [INTERCEPT, *plan.names], "estimate": estimate, "std_error": error}
    tests = {"statistic": estimate / error, "p_value": [two_sided(z) for z in estimate / error]}
    fitted = np.full(kept.size, np.nan)
    fitted[kept] = _probability(beta[0] + predictor(rows.x, beta[1:]))
    found = pl.DataFrame(columns | tests)
    return Logistic(found, np.asarray(covariance), loglik, happened.size, int(happened.sum()), fitted)


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Standardised covariates, outcomes and weights (empty: each row counts once)."""

    x: F8
    outcome: Flags
    weight: F8


def _outcome(column: pl.Series) -> Flags:
    if column.dtype == pl.Boolean:
        refuse(column.null_count(), column.len(), column.name, "have no value")
        return np.ascontiguousarray(column.to_numpy())
    number = numeric(column)
    refuse(int((~number.is_in([0, 1])).sum()), number.len(), column.name, "are neither 0 nor 1")
    return np.ascontiguousarray((number == 1).to_numpy())


def _standard(x: F8, outcome: Flags, weight: F8, terms: Sequence[str]) -> tuple[_Rows, F8, F8]:
    """Put the covariates on one scale, in place."""
    mean, scale = moments(x, weight)
    refuse_units(scale, terms)
    run(lambda b: standardise(x, weight, mean, scale, outcome, *b), cuts(x.shape[0], PART))
    return _Rows(x, outcome, weight), mean, scale


def _climb(rows: _Rows, terms: Sequence[str]) -> tuple[F8, F8, float]:
    """Return coefficients (intercept first), information and log likelihood at the maximum."""
    share = np.average(rows.outcome, weights=rows.weight if rows.weight.size else None)
    beta = np.zeros(rows.x.shape[1] + 1)
    beta[0] = np.log(share / (1 - share))
    loglik, score, information = _read(rows, beta)
    refuse_aliased(information, [INTERCEPT, *terms])
    step = beta
    for _ in range(STEPS):
        if aliased(information):
            break
        step = solve(information, score)
        if np.abs(step).max() < STILL * max(1.0, float(np.abs(beta).max())):
            return beta + step, information, loglik
        now = _read(rows, beta + step)
        while not now[0] >= loglik - 1e-9 * abs(loglik) and np.abs(step).max() > STILL:
            step = step / 2
            now = _read(rows, beta + step)
        beta, (loglik, score, information) = beta + step, now
    raise NoValidAnswer(runaway([INTERCEPT, *terms], step))


def _read(rows: _Rows, beta: F8) -> tuple[float, F8, F8]:
    """Return log likelihood, score and information (intercept first); parts are added up in their order."""
    p = rows.x.shape[1]

    def part(bounds: tuple[int, int]) -> tuple[F8, F8, F8]:
        score, border, (turned, gram) = np.zeros(p + 1), np.zeros(p + 1), room(p)
        slope = np.ascontiguousarray(beta[1:])
        value = logistic_pass(rows.x, rows.outcome, rows.weight, slope, beta[0], *bounds, score, border, turned, gram)
        return np.append(value, score), border, whole_gram(gram, p)

    found = run(part, cuts(rows.x.shape[0], PART))
    values, border, gram = (total([answer[k] for answer in found]) for k in range(3))
    information = np.empty((p + 1, p + 1))
    information[1:, 1:], information[0, 0] = gram, border[p]
    information[0, 1:] = information[1:, 0] = border[:p]
    return float(values[0]), np.append(values[-1], values[1:-1]), information


def _probability(eta: F8) -> F8:
    odds = np.empty(eta.size)
    exponentials(-np.abs(eta), eta.size, np.empty(eta.size, np.int64), odds)
    return np.asarray(np.where(eta >= 0, 1.0, odds) / (1.0 + odds), np.float64)
