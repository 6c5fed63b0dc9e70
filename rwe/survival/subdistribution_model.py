# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A fitted Fine-Gray model: subdistribution hazard ratios, baseline hazard, predicted incidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8, I8
from rwe.result import Result, tidy
from rwe.survival.data import read
from rwe.survival.intervals import ConfType, survival_limits
from rwe.survival.kaplan_meier import Times
from rwe.survival.linear import solve
from rwe.survival.ratios import Ratios
from rwe.survival.show import framed
from rwe.survival.subdistribution import Cohort, Top
from rwe.survival.subdistribution_grid import Grid
from rwe.survival.subdistribution_influence import moments
from rwe.survival.text import fine_gray_text

if TYPE_CHECKING:
    from rwe.figures.tongue import Tongue

NOT_HELD = (
    "the error of a predicted incidence needs the rows of the model: fit it with fine_gray() from one frame in memory, "
    "or with variance='model' for incidences without errors"
)


@dataclass(frozen=True, slots=True, eq=False)
class FineGray(Ratios):
    """A fitted Fine-Gray model.

    Parameters
    ----------
    coefficients
        One row a term: term, estimate (log subdistribution hazard ratio), std_error (from the information alone),
        robust_std_error (null where the variance is that of the model), hazard_ratio, conf_low, conf_high
        (hazard ratio scale), statistic (z), p_value. Limits and tests rest on the robust error where there is one.
    covariance
        Covariance of the estimates, robust unless ``variance="model"``; shape (terms, terms).
    loglik, loglik_null
        Log pseudo likelihood of the model and of no effect.
    tests
        Of no effect at all: wald; statistic, df, p_value.
    n, n_event, n_competing
        Rows, failures of the cause, failures of other causes.
    of, ties, censoring_ties, variance, conf_level
        Settings.
    notes
        What a reader must know, for example rows of weight 0 left out.
    design
        Terms and levels, to make the same covariates from other data.
    """

    tests: pl.DataFrame
    n_competing: int
    of: Any
    censoring_ties: str
    variance: str
    _mean: F8 = field(repr=False)
    _scale: F8 = field(repr=False)
    _grid: Grid = field(repr=False)
    _best: Top = field(repr=False)
    _held: Cohort | None = field(repr=False)  # None where rows are not held

    def baseline(self) -> pl.DataFrame:
        """Return the cumulative subdistribution hazard where all covariates are 0 (levels: the reference)."""
        at_zero = np.exp(-(self._mean / self._scale) @ self._best.beta)
        time = self._grid.clock.times(self._grid.days)
        return pl.DataFrame({"time": time, "cumulative_hazard": at_zero * np.cumsum(self._best.ties[0])})

    def predict_incidence(self, new: Any, times: Times, *, conf_type: ConfType = "log-log") -> pl.DataFrame:
        """Return the cumulative incidence that the model predicts for the persons of `new` at these times.

        Parameters
        ----------
        new
            Frame with the columns of the covariates.
        times
            Days, or times of a continuous clock.
        conf_type
            Scale of the limits of 1 less the incidence.

        Returns
        -------
        polars.DataFrame
            row (of `new`, from 0), time, incidence, std_error, conf_low, conf_high. Null after the last time
            followed. Errors hold what coefficients and baseline share; they are null where the variance is that of
            the model.

        Raises
        ------
        DefinitionError
            If errors need rows that are not held.
        """
        clock, last = self._grid.clock, self._grid.clock.n - 1
        asked = clock.asked(times, "times")
        frame = read(new, list(self.design.columns))
        z = (self.design.matrix(frame) - self._mean) / self._scale
        hazard, variance = self._baseline_at(z, np.minimum(clock.index(asked), last))
        known = clock.reached(np.full(asked.size, last), asked)
        value = np.where(known, np.exp(-hazard), np.nan).ravel()
        spread = np.where(known, variance, np.nan).ravel()
        low, high = survival_limits(value, spread, self.conf_level, conf_type)
        where = {"row": np.repeat(np.arange(frame.height), asked.size), "time": np.tile(asked, frame.height)}
        limits = {"std_error": value * np.sqrt(spread), "conf_low": 1 - high, "conf_high": 1 - low}
        return pl.DataFrame(where | {"incidence": 1 - value} | limits, nan_to_null=True)

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return subdistribution hazard ratios (stratum: the term) in the long tidy form."""
        error = "std_error" if self.variance == "model" else "robust_std_error"
        ratios = self.coefficients.select(
            pl.lit("subdistribution_hazard_ratio").alias("estimand"),
            pl.col("term").alias("stratum"),
            pl.col("hazard_ratio").alias("estimate"),
            pl.col(error).alias("std_error"),
            "conf_low", "conf_high", "statistic", "p_value",
        ).with_columns(n=pl.lit(self.n), n_event=pl.lit(self.n_event))  # fmt: skip
        settings: dict[str, Any] = {"of": str(self.of), "ties": self.ties, "censoring_ties": self.censoring_ties}
        settings |= {"variance": self.variance, "conf_level": self.conf_level, "notes": list(self.notes)}
        settings |= {"loglik": self.loglik, "loglik_null": self.loglik_null}
        return Result(tidy(ratios, analysis="fine_gray", population=population, outcome=outcome), settings)

    def _baseline_at(self, z: F8, days: I8) -> tuple[F8, F8]:
        """Return the cumulative hazard of each person at each time and its variance, shape (persons, times)."""
        grid, best = self._grid, self._best
        h, _, u, v, _ = best.ties
        upto = np.searchsorted(grid.days, days, side="right")
        base = np.concatenate([[0.0], np.cumsum(h)])[upto]
        moved = u[:, None] * best.at_risk[:, :-1] - v[:, None] * best.failing[:, :-1]
        drift = np.vstack([np.zeros(z.shape[1]), np.cumsum(moved, axis=0)])[upto]
        risk = np.exp(z @ best.beta)[:, None]
        if self.variance == "model":
            return risk * base, np.full((z.shape[0], days.size), np.nan)
        if self._held is None:
            raise DefinitionError(NOT_HELD)
        found = moments(self._held, best, days, follow_up=follow_up(self.variance, self.censoring_ties))
        model = solve(best.information, np.eye(best.beta.size))
        slope = (z[:, None, :] * base[:, None] - drift) @ model
        spread = np.einsum("itp,pq,itq->it", slope, found.score, slope)
        spread += 2 * np.einsum("itp,pt->it", slope, found.both) + np.diag(found.baseline)
        return risk * base, risk**2 * np.maximum(spread, 0.0)

    def _heading(self, say: Tongue) -> tuple[str, str]:
        note = say("fg_note", cause=self.of, n=say.count(self.n), events=say.count(self.n_event))
        return say("fg_title"), note

    def __repr__(self) -> str:
        return fine_gray_text(self)

    def _repr_html_(self) -> str:
        title = f"Fine-Gray regression, cause {self.of}, {self.n} rows, {self.n_event} events, ties {self.ties}"
        return framed(title, self.coefficients, self.notes)


def follow_up(variance: str, censoring_ties: str) -> str:
    """Return how the sums of a variance look on the estimated weights: known, exact or literal."""
    if variance == "known_weights":
        return "known"
    return "exact" if censoring_ties == "failures_first" else "literal"
