# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A fitted parametric model: what it estimates, and what it says of survival, hazard, means and quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.result import Result, tidy
from rwe.survival.clock import Clock
from rwe.survival.data import read
from rwe.survival.design import Design
from rwe.survival.family import Family
from rwe.survival.intervals import normal_quantile
from rwe.survival.parametric_curve import FittedCurve
from rwe.survival.parametric_prediction import Places, area, hazard_at, life, share_time
from rwe.survival.show import Shown, Story
from rwe.survival.standard import matrix_of
from rwe.survival.survival_curves import Times

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language
    from rwe.survival.axis import Unit


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Parametric(Shown):
    """A fitted family of distributions.

    Parameters
    ----------
    family
        The family; ``family.name`` says which.
    coefficients
        One row a coefficient: parameter, term (``intercept`` first), estimate, std_error, conf_low, conf_high, all
        on the link of the parameter (log or as it is), statistic (z) and p_value of covariates.
    covariance
        Covariance of the coefficients, robust where `robust`; 0 for a parameter that is held at its limit.
    parameters
        One row a parameter, as it is, where all covariates are 0: estimate, std_error, conf_low, conf_high.
    loglik, loglik_null
        Log likelihood of the model and of the family without covariates.
    n_par
        Coefficients estimated; where a penalty holds them back, as many as are left free.
    n, n_event, robust, conf_level, notes
        Rows and events used, settings, and what a reader must know.
    designs
        Terms that move each parameter; None where none do.
    """

    family: Family
    coefficients: pl.DataFrame
    covariance: F8
    parameters: pl.DataFrame
    loglik: float
    loglik_null: float
    n_par: float
    n: int
    n_event: int
    robust: bool
    conf_level: float
    notes: tuple[str, ...]
    designs: tuple[Design | None, ...]
    _beta: F8
    _last: float
    _clock: Clock

    @property
    def aic(self) -> float:
        """Akaike's criterion; a parameter held at its limit was chosen by the data too, and counts."""
        return 2 * self.n_par - 2 * self.loglik

    @property
    def bic(self) -> float:
        """Schwarz's criterion with the number of rows, as R."""
        return float(np.log(self.n) * self.n_par - 2 * self.loglik)

    def survival(self, times: Times, new: Any = None) -> pl.DataFrame:
        """Return survival at these times (any numbers from 0) for each row of `new`.

        Returns
        -------
        polars.DataFrame
            row (of `new`, from 0), time, survival, std_error, conf_low, conf_high; limits are symmetric for the
            logarithm of the cumulative hazard.
        """
        return hazard_at(self._places(new), _asked(times), "survival", self._z)

    def cumulative_hazard(self, times: Times, new: Any = None) -> pl.DataFrame:
        """Return the cumulative hazard, as `survival`."""
        return hazard_at(self._places(new), _asked(times), "cumulative_hazard", self._z)

    def hazard(self, times: Times, new: Any = None) -> pl.DataFrame:
        """Return the hazard (per unit of time), as `survival`; limits are symmetric for its logarithm."""
        return hazard_at(self._places(new), _asked(times), "hazard", self._z)

    def rmst(self, tau: Times, new: Any = None) -> pl.DataFrame:
        """Return the mean time lived up to `tau`: row, tau, rmst, std_error, conf_low, conf_high."""
        return area(self._places(new), _asked(tau), self._z)

    def mean(self, new: Any = None) -> pl.DataFrame:
        """Return the mean time: row, mean, std_error, conf_low, conf_high; infinite, without limits, where it is."""
        return life(self._places(new), self._z)

    def quantile(self, probability: float | Sequence[float] = 0.5, new: Any = None) -> pl.DataFrame:
        """Return the time by which this share has failed (0.5: the median); null where it never does.

        Raises
        ------
        DefinitionError
            If a probability does not lie between 0 and 1.
        """
        shares = np.atleast_1d(np.asarray(probability, np.float64))
        if not ((shares > 0) & (shares < 1)).all():
            raise DefinitionError("a quantile is asked for by probabilities between 0 and 1")
        return share_time(self._places(new), shares, self._z)

    def draws(self, n: int, seed: int) -> F8:
        """Return `n` draws of the coefficients (on their links) from their normal approximation, shape (n, terms)."""
        value, vector = np.linalg.eigh(self.covariance)
        free = np.random.default_rng(seed).standard_normal((n, self._beta.size))
        return np.asarray(self._beta + (free * np.sqrt(np.maximum(value, 0.0))) @ vector.T, np.float64)

    def curve(self, new: Any = None) -> FittedCurve:
        """Return the survival curve of the rows of `new` on the average, for models that draw from it."""
        return FittedCurve(self._places(new), self.draws)

    def survival_at(self, days: Any, new: Any = None) -> F8:
        """Return survival at these times, the average over the rows of `new`."""
        return self.curve(new).survival_at(_asked(days))

    def survival_draws(self, days: Any, n: int, seed: int, new: Any = None) -> F8:
        """Return `survival_at` for `n` draws of the coefficients, shape (n, times)."""
        return self.curve(new).survival_draws(days, n, seed)

    def plot(
        self,
        new: Any = None,
        *,
        horizon: float | None = None,
        unit: Unit | None = None,
        labels: Sequence[str] | None = None,
        title: str | None = None,
        subtitle: str | None = None,
        time: str | None = None,
        language: Language = "en",
    ) -> Chart:
        """Draw survival of each row of `new`, with limits where there is one.

        Parameters
        ----------
        new
            Rows of covariates, as of `survival`.
        labels
            A name for each of them.
        horizon, unit, title, subtitle, time, language
            As of `KaplanMeier.plot`; beyond the follow-up the curve is the family's alone.
        """
        from rwe.survival.plot_parametric import survival_chart  # the chart library is slow to import

        return survival_chart(
            self, new, horizon=horizon, unit=unit, labels=labels, title=title, subtitle=subtitle, time=time,
            language=language,
        )  # fmt: skip

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return coefficients (stratum: the term, estimand: the parameter) and criteria in the long tidy form."""
        rows = self.coefficients.rename({"parameter": "estimand", "term": "stratum"})
        fit = pl.DataFrame({"estimand": ["loglik", "aic", "bic"], "estimate": [self.loglik, self.aic, self.bic]})
        both = pl.concat([rows, fit], how="diagonal").with_columns(n=pl.lit(self.n), n_event=pl.lit(self.n_event))
        settings = {"family": self.family.name, "robust": self.robust, "conf_level": self.conf_level}
        labels = {"population": population, "outcome": outcome}
        return Result(tidy(both, analysis="parametric", **labels), settings | {"notes": list(self.notes)})

    @property
    def _z(self) -> float:
        return normal_quantile(self.conf_level)

    def _places(self, new: Any) -> Places:
        """Return the covariates of the rows to predict for."""
        plans = [plan for plan in self.designs if plan is not None]
        if new is None and plans:
            raise DefinitionError("the model has covariates: give the rows to predict for as `new`")
        rows = 1
        table = pl.DataFrame()
        if plans and new is not None:
            table = read(new, [column for plan in plans for column in plan.columns])
            rows = table.height
        one = np.ones((rows, 1))
        x = tuple(one if plan is None else np.hstack([one, matrix_of(plan, table)]) for plan in self.designs)
        return Places(self.family, x, self._beta, self.covariance, self._last)

    def _story(self) -> Story:
        said = f"{self.family.name}, {self.n} rows, {self.n_event} events"
        title = f"Parametric model: {said}, log likelihood {self.loglik:.2f}, AIC {self.aic:.2f}"
        moved = self.coefficients.filter(pl.col("term") != "intercept").drop("statistic")
        base = self.parameters.with_columns(term=pl.lit("(as it is)"))
        return title, pl.concat([base, moved], how="diagonal").select("parameter", "term", *self._shown), self.notes

    @property
    def _shown(self) -> list[str]:
        shown = ["estimate", "std_error", "conf_low", "conf_high"]
        return [*shown, "p_value"] if any(self.designs) else shown


def _asked(times: Any) -> F8:
    """Return times given as one number or several.

    Raises
    ------
    DefinitionError
        If one is negative or not finite.
    """
    found = np.atleast_1d(np.asarray(times, np.float64))
    if not (np.isfinite(found) & (found >= 0)).all():
        raise DefinitionError("times are given in finite numbers from 0")
    return found
