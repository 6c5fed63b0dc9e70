# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A Cox model whose coefficients are held back by a penalty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.kernels._jit import F8
from rwe.result import Result, tidy
from rwe.survival.baseline import Hazard, hazard_of, strata_of
from rwe.survival.data import read
from rwe.survival.design import Design
from rwe.survival.levels import Levels
from rwe.survival.partial import Point
from rwe.survival.show import Shown, Story
from rwe.survival.shrinkable import Shrinkable


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
        Share of comparable pairs that the model puts in the right order; None where rows are not held in memory.
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
    concordance: float | None
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
        known = [] if self.concordance is None else [self.concordance]
        fit = pl.DataFrame({"estimate": known}, {"estimate": pl.Float64}).with_columns(
            estimand=pl.lit("concordance"), stratum=pl.lit("")
        )
        both = pl.concat([ratios, fit], how="diagonal").with_columns(n=pl.lit(self.n), n_event=pl.lit(self.n_event))
        settings = {"ties": self.ties, "penalty": self.penalty, "df": self.df, "loglik": self.loglik}
        return Result(tidy(both, analysis="cox_penalised", population=population, outcome=outcome), settings)

    def _score(self, frame: pl.DataFrame) -> F8:
        away = self.design.matrix(frame) - self._mean
        return np.asarray(away @ self.coefficients["estimate"].to_numpy(), np.float64)

    def _story(self) -> Story:
        title = f"Penalised Cox regression, penalty {self.penalty:g}, {self.n} rows, {self.n_event} events"
        return title, self.coefficients, ()


def penalised(of: Shrinkable, at: Point, coefficients: pl.DataFrame, *, penalty: float, df: float) -> Penalised:
    """Return the model at one point of the (unpenalised) partial likelihood."""
    return Penalised(
        coefficients=coefficients,
        penalty=penalty,
        loglik=at.loglik,
        df=df,
        concordance=of.concordance(at.beta),
        n=of.n,
        n_event=int(at.occasions.n_event.sum()),
        ties="efron" if at.occasions.efron else "breslow",
        design=of.plan,
        _mean=of.mean,
        _strata=of.strata,
        _hazard=hazard_of(at, of.scale, of.last, of.clock),
    )
