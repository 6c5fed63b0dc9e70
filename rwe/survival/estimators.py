# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The regressions and curves as scikit-learn's estimators: the same functions, so the same numbers to the last bit.

``y`` is a structured array or a frame with the fields event (or cause), time and perhaps entry, or an array of
these columns in this order. ``X`` is a frame, whose columns of text count as levels, or an array of numbers.
The result of the function itself, with its errors, tests and residuals, is kept as ``result_``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.survival.baseline import strata_of
from rwe.survival.clock import ClockName
from rwe.survival.cox import cox
from rwe.survival.curves import restricted_mean
from rwe.survival.data import names
from rwe.survival.fine_gray import fine_gray
from rwe.survival.intervals import ConfType
from rwe.survival.kaplan_meier import Times, kaplan_meier
from rwe.survival.learner import SurvivalEstimator
from rwe.survival.likelihoods import Ties
from rwe.survival.targets import OUTCOMES, TIME

Names = str | Sequence[str] | None


class CoxRegression(SurvivalEstimator):
    """Cox regression as `rwe.survival.cox`, whose parameters these are.

    Parameters
    ----------
    covariates, formula
        Columns of X, or terms made from them; by default every column that has no other part, as it is.
    strata
        Columns of X whose levels have baseline hazards of their own.

    Examples
    --------
    >>> X = pl.DataFrame({"age": [50.0, 61.0, 47.0, 70.0, 66.0, 58.0]})
    >>> y = pl.DataFrame({"event": [1, 1, 0, 1, 0, 1], "time": [90, 40, 120, 30, 60, 50]})
    >>> CoxRegression(ties="breslow").fit(X, y).score(X, y).__round__(3)
    0.846
    """

    def __init__(
        self,
        *,
        covariates: Sequence[str] | None = None,
        formula: str | None = None,
        strata: Names = None,
        ties: Ties = "efron",
        penalty: Literal["firth"] | None = None,
        robust: bool | None = None,
        reference: Mapping[str, Any] | None = None,
        conf_level: float = 0.95,
        clock: ClockName = "days",
    ) -> None:
        self.covariates = covariates
        self.formula = formula
        self.strata = strata
        self.ties = ties
        self.penalty = penalty
        self.robust = robust
        self.reference = reference
        self.conf_level = conf_level
        self.clock = clock

    def _fit(self, table: pl.DataFrame, columns: list[str]) -> Any:
        found = cox(
            table, **self._roles(table), **self._model(columns), strata=self.strata, ties=self.ties,
            penalty=self.penalty, robust=self.robust, reference=self.reference, conf_level=self.conf_level,
            clock=self.clock,
        )  # fmt: skip
        self.coef_ = found.coefficients["estimate"].to_numpy()
        return found

    def _score(self, people: pl.DataFrame) -> F8:
        return np.asarray((self.result_.design.matrix(people) - self.result_._mean) @ self.coef_, np.float64)

    def _survival(self, people: pl.DataFrame, times: Any) -> pl.Series:
        found: pl.Series = self.result_.predict_survival(people, times)["survival"]
        return found


class FineGrayRegression(SurvivalEstimator):
    """Fine-Gray regression of one cause as `rwe.survival.fine_gray`, whose parameters these are.

    Its survival function is one less the cumulative incidence of the cause. Its score leaves those who failed
    of another cause in every later comparison, since the cause can no longer reach them (Wolbers et al. 2009
    Epidemiology 20:555).
    """

    _outcome = "cause"

    def __init__(
        self,
        of: Any = 1,
        *,
        covariates: Sequence[str] | None = None,
        formula: str | None = None,
        censor_strata: Names = None,
        ties: Literal["breslow", "efron"] = "breslow",
        censoring_ties: Literal["failures_at_risk", "failures_first"] = "failures_at_risk",
        variance: Literal["sandwich", "known_weights", "model"] = "sandwich",
        reference: Mapping[str, Any] | None = None,
        conf_level: float = 0.95,
        clock: ClockName = "days",
    ) -> None:
        self.of = of
        self.covariates = covariates
        self.formula = formula
        self.censor_strata = censor_strata
        self.ties = ties
        self.censoring_ties = censoring_ties
        self.variance = variance
        self.reference = reference
        self.conf_level = conf_level
        self.clock = clock

    def _fit(self, table: pl.DataFrame, columns: list[str]) -> Any:
        found = fine_gray(
            table, **self._roles(table), **self._model(columns, names(self.censor_strata)), of=self.of,
            censor_strata=self.censor_strata,
            ties=self.ties, censoring_ties=self.censoring_ties, variance=self.variance, reference=self.reference,
            conf_level=self.conf_level, clock=self.clock,
        )  # fmt: skip
        self.coef_ = found.coefficients["estimate"].to_numpy()
        return found

    def _score(self, people: pl.DataFrame) -> F8:
        return np.asarray((self.result_.design.matrix(people) - self.result_._mean) @ self.coef_, np.float64)

    def _survival(self, people: pl.DataFrame, times: Any) -> pl.Series:
        return 1.0 - self._incidence(people, times)

    def predict_cumulative_incidence(self, X: Any, times: Times) -> F8:
        """Return the probability to have failed of the cause by these times, shape (rows, times); NaN not known."""
        people, asked = self._people(X), np.atleast_1d(np.asarray(times))
        return self._incidence(people, asked).to_numpy().reshape(people.height, asked.size)

    def _incidence(self, people: pl.DataFrame, times: Any) -> pl.Series:
        incidence: pl.Series = self.result_.predict_incidence(people, times)["incidence"]
        return incidence

    def _comparable(self, table: pl.DataFrame) -> pl.DataFrame:
        cause = pl.col(OUTCOMES["cause"])
        mine, other = cause == self.of, (cause != self.of) & (cause != censored(table))
        return table.with_columns(
            pl.when(other).then(pl.col(TIME).max()).otherwise(TIME).alias(TIME), mine.alias(OUTCOMES["event"])
        )


def censored(table: pl.DataFrame) -> Any:
    """Return what a column of causes says of those who did not fail."""
    return 0 if table[OUTCOMES["cause"]].dtype.is_numeric() else "censored"


class KaplanMeierEstimator(SurvivalEstimator):
    """Kaplan-Meier curves as `rwe.survival.kaplan_meier`: what a regression must beat.

    The risk score is the time lost in the group, on average, up to the end of the shortest follow-up of a group.

    Parameters
    ----------
    by
        Columns of X whose levels have curves of their own; one curve for all without it.
    """

    def __init__(
        self,
        *,
        by: Names = None,
        conf_level: float = 0.95,
        conf_type: ConfType = "log-log",
        clock: ClockName = "days",
    ) -> None:
        self.by = by
        self.conf_level = conf_level
        self.conf_type = conf_type
        self.clock = clock

    def _fit(self, table: pl.DataFrame, columns: list[str]) -> Any:
        if unknown := sorted(set(names(self.by)) - set(columns)):
            raise DefinitionError(f"by names {unknown}, which are no columns of X")
        how: dict[str, Any] = {"conf_level": self.conf_level, "conf_type": self.conf_type, "clock": self.clock}
        return kaplan_meier(table, **self._roles(table), **how, by=self.by)

    def _score(self, people: pl.DataFrame) -> F8:
        curves = self.result_._curves
        tau = float(curves.clock.times(curves.last).min())
        return (tau - restricted_mean(curves, tau)[0])[strata_of(people, self.result_._groups)]

    def _survival(self, people: pl.DataFrame, times: Any) -> pl.Series:
        curve = self.result_.at(times)["survival"].to_numpy().reshape(-1, len(times))
        return pl.Series(curve[strata_of(people, self.result_._groups)].ravel())
