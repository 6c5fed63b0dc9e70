# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A Cox model whose coefficients are held back by a penalty, and the ridge penalty of R ``coxph``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.kernels.matrix import predictor
from rwe.result import Result, tidy
from rwe.survival.agreement import agreement, ranks
from rwe.survival.ascent import Hill, Spot, climb, refuse_aliased
from rwe.survival.baseline import Hazard, hazard_of, last_followed, strata_of
from rwe.survival.clock import ClockName
from rwe.survival.data import Response, read
from rwe.survival.design import Design
from rwe.survival.digits import refuse_vague
from rwe.survival.door import door
from rwe.survival.estimates import coefficients_of
from rwe.survival.intervals import normal_quantile
from rwe.survival.levels import Levels
from rwe.survival.linear import solve
from rwe.survival.maximum import plain_hill
from rwe.survival.partial import Point, evaluate
from rwe.survival.regression import Regression, regression
from rwe.survival.rows import Rows
from rwe.survival.show import Shown, Story
from rwe.survival.standard import refuse_units, rows


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Penalised(Shown):
    """A Cox model at one penalty.

    Parameters
    ----------
    coefficients
        One row a term: term, estimate (log hazard ratio), hazard_ratio; from `ridge` also std_error,
        sampling_error, conf_low, conf_high, statistic, p_value.
    penalty
        Size of the penalty: theta of `ridge`, or the penalty of `elastic_net`.
    loglik
        Log partial likelihood without the penalty.
    df
        Degrees of freedom used: trace of the hat matrix of `ridge`, terms that are not 0 elsewhere.
    concordance
        Share of comparable pairs that the model puts in the right order.
    n, n_event
        Rows and events used.
    ties
        efron or breslow.
    design
        Terms and levels, to make the same covariates from other data.
    """

    coefficients: pl.DataFrame
    penalty: float
    loglik: float
    df: float
    concordance: float
    n: int
    n_event: int
    ties: str
    design: Design
    _mean: F8
    _strata: Levels
    _hazard: Hazard

    def predict_score(self, new: Any) -> pl.DataFrame:
        """Return row and score: the log hazard ratio of each person against the mean of the fitted rows."""
        score = self._score(read(new, self.design.columns))
        return pl.DataFrame({"row": np.arange(score.size), "score": score})

    def predict_survival(self, new: Any, times: float | Sequence[float]) -> pl.DataFrame:
        """Return the survival that the model predicts: row, time, survival.

        Null after the last day followed in the stratum. There are no limits: an estimate that is held back
        on purpose has no error that says how far it is from the truth.
        """
        asked = self._hazard.clock.asked(times, "times")
        frame = read(new, [*self.design.columns, *self._strata.frame.columns])
        score, stratum, z = self._score(frame), strata_of(frame, self._strata), self._hazard
        hazard = np.zeros((self._strata.n, asked.size))
        for s in range(self._strata.n):
            mine = z.stratum == s
            total = np.concatenate([[0.0], np.cumsum(z.jump[mine])])
            upto = np.searchsorted(z.day[mine], z.clock.index(asked), side="right")
            hazard[s] = np.where(z.clock.reached(z.last[s], asked), total[upto], np.nan)
        survival = np.exp(-np.exp(score)[:, None] * hazard[stratum])
        position = {"row": np.repeat(np.arange(score.size), asked.size), "time": np.tile(asked, score.size)}
        return pl.DataFrame(position | {"survival": survival.ravel()}, nan_to_null=True)

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return hazard ratios (stratum: the term) and concordance in the long tidy form."""
        errors = [c for c in ("std_error", "conf_low", "conf_high", "statistic", "p_value") if c in self.coefficients]
        ratios = self.coefficients.select(
            *errors, estimand=pl.lit("hazard_ratio"), stratum="term", estimate="hazard_ratio"
        )
        fit = pl.DataFrame({"estimand": ["concordance"], "stratum": [""], "estimate": [self.concordance]})
        both = pl.concat([ratios, fit], how="diagonal").with_columns(n=pl.lit(self.n), n_event=pl.lit(self.n_event))
        settings = {"ties": self.ties, "penalty": self.penalty, "df": self.df, "loglik": self.loglik}
        return Result(tidy(both, analysis="cox_penalised", population=population, outcome=outcome), settings)

    def _score(self, frame: pl.DataFrame) -> F8:
        away = self.design.matrix(frame) - self._mean
        return np.asarray(away @ self.coefficients["estimate"].to_numpy(), np.float64)

    def _story(self) -> Story:
        title = f"Penalised Cox regression, penalty {self.penalty:g}, {self.n} rows, {self.n_event} events"
        return title, self.coefficients, ()


def penalised(
    response: Response, data: Rows, at: Point, coefficients: pl.DataFrame, plan: Design, *, penalty: float, df: float
) -> Penalised:
    """Return the model at one point of the (unpenalised) partial likelihood."""
    score = predictor(data.x, at.beta)
    return Penalised(
        coefficients=coefficients,
        penalty=penalty,
        loglik=at.loglik,
        df=df,
        concordance=agreement(response, data.start, data.stop, ranks(score.round(10))).estimate,
        n=response.time.size,
        n_event=int(response.event.sum()),
        ties="efron" if data.efron else "breslow",
        design=plan,
        _mean=data.mean,
        _strata=Levels(response.strata.frame, np.empty(0, np.int64), response.strata.n),
        _hazard=hazard_of(at, data.scale, last_followed(response), response.clock),
    )


@door
def ridge(
    frame: Any,
    *,
    time: str,
    event: str,
    theta: float,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    scale: bool = False,
    entry: str | None = None,
    strata: str | Sequence[str] | None = None,
    weights: str | None = None,
    ties: Literal["efron", "breslow"] = "efron",
    reference: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> Penalised:
    """Fit a Cox model less theta / 2 times the squares of its coefficients, as R ``coxph(~ ridge(...))``.

    Parameters
    ----------
    frame, time, event, covariates, formula, entry, strata, weights, ties, reference, conf_level, clock
        As in `cox`.
    theta
        Size of the penalty; 0 is the plain model.
    scale
        Take the squares in units of the covariates' variance (divisor n - 1), so that the unit of a
        covariate does not matter. R does so by default; here it is said.

    Returns
    -------
    Penalised
        std_error is the root of the diagonal of the inverse H of information plus penalty (a posterior
        spread; limits and tests rest on it), sampling_error that of H information H (Gray 1992 J Am Stat
        Assoc 87:942).

    Raises
    ------
    DefinitionError
        If theta is negative or not finite, or as in `cox`.
    DataError, NoValidAnswer
        As in `cox`; aliased terms have an answer as soon as theta is positive.

    Examples
    --------
    >>> frame = pl.DataFrame({"t": [1, 2, 3, 4, 5, 6], "e": [1, 1, 0, 1, 1, 1], "x": [0, 1, 0, 1, 0, 0]})
    >>> sv.cox(frame, time="t", event="e", covariates=["x"]).coefficients["estimate"].round(3).to_list()
    [1.294]
    >>> ridge(frame, time="t", event="e", covariates=["x"], theta=1.0).coefficients["estimate"].round(3).to_list()
    [0.542]
    """
    if not (np.isfinite(theta) and theta >= 0):
        raise DefinitionError(f"theta is {theta}; write a number from 0")
    if ties not in ("efron", "breslow"):
        raise DefinitionError(f"ties '{ties}' is neither efron nor breslow")
    base = regression(
        frame, covariates=covariates, formula=formula, reference=reference,
        time=time, event=event, entry=entry, strata=strata, weights=weights, clock=clock,
    )  # fmt: skip
    with np.errstate(over="ignore"):
        spread = base.x.var(axis=0, ddof=min(1, base.x.shape[0] - 1))  # one row does not vary
    data = rows(base.response, base.x, efron=ties == "efron")
    refuse_units(data.scale, base.design.names)
    weight = theta * (spread if scale else np.ones(spread.size)) / data.scale**2
    terms = base.design.names
    hill, start = _held(plain_hill(data), weight), np.zeros(len(terms))
    refuse_aliased(hill(start).curve, terms)
    top = climb(hill, start, terms)
    return _ridge(base, data, top, normal_quantile(conf_level), theta)


def _ridge(base: Regression, data: Rows, top: Spot, z: float, theta: float) -> Penalised:
    """Return the model at the top of the penalised likelihood, with both its errors."""
    at, inverse = evaluate(data, top.beta), solve(top.curve, np.eye(top.beta.size))
    refuse_vague(at.error, top.curve)
    unit = np.outer(data.scale, data.scale)
    sampling, spread = inverse @ at.information @ inverse, inverse / unit
    table = coefficients_of(base.design.names, top.beta / data.scale, spread, spread, robust=False, z=z)
    table = table.drop("robust_std_error")
    errors = pl.Series("sampling_error", np.sqrt(np.diag(sampling / unit)))
    df = float(np.trace(at.information @ inverse))
    return penalised(base.response, data, at, table.insert_column(3, errors), base.design, penalty=theta, df=df)


def _held(hill: Hill, weight: F8) -> Hill:
    """Return a likelihood less half the weighted squares of the coefficients."""

    def spot(beta: F8) -> Spot:
        at = hill(beta)
        value = at.value - float(weight @ beta**2) / 2
        return Spot(beta, value, at.slope - weight * beta, at.curve + np.diag(weight))

    return spot
