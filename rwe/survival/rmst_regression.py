# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Regression of the restricted mean survival time on covariates, censoring made up for by weights.

Tian, Zhao & Wei (2014) Biostatistics 15:222. Who is seen to fail, or reaches tau, weighs 1 / G with G the
probability of not being censored before; the error takes into account that G is estimated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, Flags
from rwe.result import Result, tidy
from rwe.survival.clock import ClockName
from rwe.survival.data import names, read, respond
from rwe.survival.design import design
from rwe.survival.door import door
from rwe.survival.intervals import normal_quantile, two_sided
from rwe.survival.linear import aliased, solve
from rwe.survival.rmst_weights import influence, weights_to
from rwe.survival.rows import NONE
from rwe.survival.show import Shown, Story
from rwe.survival.standard import moments, refuse_units
from rwe.survival.terms import columns_of

STEPS = 50
EXACT = 1e-12  # a residual or an error this small against tau is rounding


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RmstRegression(Shown):
    """A fitted regression of the restricted mean.

    Parameters
    ----------
    coefficients
        One row a term, the intercept first: term, estimate, std_error, conf_low, conf_high, statistic (z),
        p_value. With the log link estimates and limits are ratios, errors those of their logarithm. A term
        without error (all rows that it rests on live equally long) has no statistic and no p_value.
    covariance
        Of the linear coefficients, shape (terms, terms).
    tau, link, of, conf_level
        Settings.
    n, n_event
        Rows, and rows that fail before tau.
    """

    coefficients: pl.DataFrame
    covariance: F8
    tau: float
    link: str
    of: str
    conf_level: float
    n: int
    n_event: int

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the coefficients (stratum: the term) in the long tidy form."""
        rows = self.coefficients.rename({"term": "stratum"}).with_columns(
            n=pl.lit(self.n), n_event=pl.lit(self.n_event)
        )
        kind = "difference" if self.link == "identity" else "ratio"
        labels = {"population": population, "outcome": outcome, "estimand": f"{self.of}_{kind}"}
        settings = {"tau": self.tau, "link": self.link, "conf_level": self.conf_level}
        return Result(tidy(rows, analysis="rmst_regression", **labels), settings)

    def _story(self) -> Story:
        return f"Regression of {self.of} up to {self.tau:g}, {self.link} link", self.coefficients, ()


@door
def rmst_regression(
    frame: Any,
    *,
    time: str,
    event: str,
    tau: float,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    link: Literal["identity", "log"] = "identity",
    of: Literal["rmst", "rmtl"] = "rmst",
    censoring: str | Sequence[str] | None = None,
    reference: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> RmstRegression:
    """Regress the mean time lived (or lost) up to `tau` on covariates, as R ``survRM2::rmst2`` with covariates.

    Parameters
    ----------
    frame, time, event, clock
        As in `kaplan_meier`.
    covariates, formula, reference
        As in `cox`.
    link
        ``identity``: coefficients are differences in time; ``log``: ratios.
    of
        ``rmst``: time lived; ``rmtl``: time lost.
    censoring
        Columns within whose levels censoring is estimated, for example the treatment (survRM2: the arm).

    Raises
    ------
    DefinitionError
        If arguments do not fit together.
    NoValidAnswer
        If nobody is followed to `tau` in a level of `censoring`, terms are aliased, or nothing varies: nobody
        fails before `tau`, or there are as many terms as rows.
    DataError
        If rows break the contract of a column, or a covariate is too large or too small to be squared.

    Examples
    --------
    >>> arms = pl.DataFrame({"t": [1, 3, 4, 2, 4, 4], "e": [1, 1, 0, 1, 0, 0], "arm": list("AAABBB")})
    >>> found = rmst_regression(arms, time="t", event="e", covariates=["arm"], tau=4)
    >>> dict(found.coefficients.select("term", pl.col("estimate").round(4)).iter_rows())
    {'intercept': 2.6667, 'arm=B': 0.6667}
    """
    if (covariates is None) == (formula is None):
        raise DefinitionError("give covariates (a list of columns) or formula, one of them")
    if link not in ("identity", "log") or of not in ("rmst", "rmtl"):
        raise DefinitionError("link is identity or log; of is rmst or rmtl")
    model = formula if formula is not None else list(names(covariates))
    cells = read(frame, [time, event, *names(censoring), *columns_of(model)])
    response = respond(cells, time=time, event=event, strata=names(censoring), clock=clock)
    until = float(response.clock.asked(tau, "tau")[0])
    plan = design(cells, model, reference)
    x, unit = _in_units(plan.matrix(cells), plan.names)
    left = np.asarray(response.clock.times(response.time), np.float64)
    lived, seen = np.minimum(left, until), response.event | (left >= until)
    weight = weights_to(lived, seen, response.strata)
    fit = _Fit(x, lived if of == "rmst" else until - lived, weight, log=link == "log")
    terms = ["intercept", *plan.names]
    beta = _solve(fit, terms)
    residual = weight * fit.residual(beta)
    if not np.abs(residual).max() > EXACT * until:
        raise NoValidAnswer("the terms meet the time of every row seen to tau or to its end: no error can be told")
    bread = np.linalg.inv((x * fit.slope(beta)[:, None]).T @ x)
    own = influence(x * residual[:, None], lived, seen, response.strata) @ bread
    covariance = own.T @ own
    certain = np.sqrt(np.diag(covariance)) <= EXACT * (1.0 if fit.log else until)
    beta, covariance = beta / unit, covariance / np.outer(unit, unit)
    coefficients = _coefficients(terms, beta, covariance, certain, conf_level, exponential=fit.log)
    before = int((response.event & (left <= until)).sum())
    return RmstRegression(coefficients, covariance, until, link, of, conf_level, left.size, before)


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    x: F8
    y: F8
    weight: F8
    log: bool

    def mean(self, beta: F8) -> F8:
        return np.exp(self.x @ beta) if self.log else self.x @ beta

    def slope(self, beta: F8) -> F8:
        return self.mean(beta) if self.log else np.ones(self.y.size)

    def residual(self, beta: F8) -> F8:
        return self.y - self.mean(beta)

    def step(self, beta: F8) -> F8:
        gram = (self.x * (self.weight * self.slope(beta))[:, None]).T @ self.x
        return solve(gram, self.x.T @ (self.weight * self.residual(beta)))


def _in_units(matrix: F8, terms: Sequence[str]) -> tuple[F8, F8]:
    """Return an intercept and the terms in units of their largest absolute values, and these units."""
    refuse_units(moments(matrix, NONE)[1], terms)
    most = np.abs(matrix).max(axis=0)
    unit = np.concatenate([[1.0], np.where(most > 0, most, 1.0)])
    return np.column_stack([np.ones(matrix.shape[0]), matrix / unit[1:]]), unit


def _solve(fit: _Fit, terms: list[str]) -> F8:
    """Return the coefficients at which the weighted residuals are orthogonal to the covariates."""
    gram = (fit.x * fit.weight[:, None]).T @ fit.x
    if odd := aliased(gram):
        raise NoValidAnswer(f"terms {[terms[j] for j in odd]} say nothing that the terms before them do not")
    if not fit.log:
        return fit.step(np.zeros(len(terms)))
    beta = np.zeros(len(terms))
    mean = float(fit.weight @ fit.y / fit.weight.sum())
    if mean <= 0:
        raise NoValidAnswer("the mean time is 0: a ratio has no logarithm")
    beta[0] = np.log(mean)
    for _ in range(STEPS):
        step = fit.step(beta)
        beta = beta + step * min(1.0, 2.0 / max(float(np.abs(fit.x @ step).max()), 1e-300))
        if np.abs(fit.x @ step).max() < 1e-13:
            break
    if not np.abs(fit.x @ step).max() < 1e-8:
        raise NoValidAnswer("the regression does not converge: a term may have no finite estimate")
    return beta


def _coefficients(
    terms: list[str], beta: F8, covariance: F8, certain: Flags, conf_level: float, *, exponential: bool
) -> pl.DataFrame:
    error = np.sqrt(np.diag(covariance))
    half = normal_quantile(conf_level) * error
    z = np.divide(beta, error, where=~certain, out=np.full(beta.size, np.nan))
    table = pl.DataFrame(
        {
            "term": terms, "estimate": beta, "std_error": error, "conf_low": beta - half, "conf_high": beta + half,
            "statistic": z, "p_value": np.array([two_sided(v) for v in z]),
        },
        nan_to_null=True,
    )  # fmt: skip
    return table.with_columns(pl.col("estimate", "conf_low", "conf_high").exp()) if exponential else table
