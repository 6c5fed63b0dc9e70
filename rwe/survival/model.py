# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A fitted Cox model: hazard ratios with model and robust errors, baseline hazard, predicted survival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.result import Result, tidy
from rwe.survival.baseline import Hazard
from rwe.survival.cox_prediction import baseline, predicted
from rwe.survival.estimates import Tests
from rwe.survival.fitted import Fitted
from rwe.survival.intervals import ConfType, normal_quantile
from rwe.survival.levels import Levels
from rwe.survival.profile import Profile
from rwe.survival.proportional_hazards import ProportionalHazards, Transform, proportional_hazards
from rwe.survival.ratios import Ratios
from rwe.survival.residuals import Kind, residuals
from rwe.survival.show import framed
from rwe.survival.text import cox_text

NOT_HELD = "{what} needs the rows of the model: fit it with cox() from one frame in memory"

if TYPE_CHECKING:
    from rwe.figures.tongue import Tongue


@dataclass(frozen=True, slots=True, eq=False)
class Cox(Ratios):
    """A fitted Cox model.

    Parameters
    ----------
    coefficients
        One row a term: term, estimate (log hazard ratio), std_error (model), robust_std_error (null
        unless the variance is robust), hazard_ratio, conf_low, conf_high (hazard ratio scale),
        statistic (z), p_value. Limits and tests rest on the robust error where there is one.
    covariance
        Covariance of the estimates, robust where `robust`; shape (terms, terms).
    loglik, loglik_null
        Log partial likelihood of the model and of no effect.
    n, n_event
        Rows and events used.
    ties, penalty, robust, conf_level
        Settings.
    notes
        What a reader must know, for example rows of weight 0 left out.
    design
        Terms and levels, to make the same covariates from other data.
    """

    penalty: str | None
    robust: bool
    _mean: F8
    _strata: Levels
    _hazard: Hazard
    _profile: Profile | None
    _fitted: Fitted | None
    _tests: Tests
    _offset: str | None = None

    @property
    def tests(self) -> pl.DataFrame:
        """Tests of no effect at all: likelihood_ratio, wald, score; statistic, df, p_value.

        The likelihood ratio and score tests assume independent rows with weights that are counts: null where
        robust. Of many rows the score test is made when it is asked for, with one more read.
        """
        return self._tests.table

    @property
    def concordance(self) -> float:
        """Share of comparable pairs that the model puts in the right order (Harrell's C)."""
        return self._rows("the concordance").agreement.estimate

    @property
    def concordance_std_error(self) -> float:
        """Standard error of the concordance (infinitesimal jackknife, by cluster where there are clusters)."""
        return self._rows("the concordance").agreement.std_error

    def baseline(self, *, limits: bool = False) -> pl.DataFrame:
        """Return the cumulative hazard where all covariates are 0 (levels: the reference), by stratum.

        One row an event day: the columns of ``strata``, time, cumulative_hazard; an offset is 0. Ties as in the
        model: Efron's increments with Efron (R ``basehaz(centered = FALSE)``).

        Parameters
        ----------
        limits
            Add std_error, conf_low and conf_high (on the log scale of the hazard), as of `predict_survival`.
        """
        return baseline(self, limits=limits)

    def profile_intervals(self) -> pl.DataFrame:
        """Return the coefficients with limits and tests from the profile of the likelihood.

        One row a term: term, estimate, hazard_ratio, conf_low, conf_high (hazard ratio scale), statistic
        (signed root of the likelihood ratio), p_value. Better than limits from the standard error where
        the likelihood is lopsided (Venzon & Moolgavkar 1988).

        Raises
        ------
        DefinitionError
            If the fit is robust: the likelihood of weighted or dependent rows measures no distance.
        """
        if self.robust:
            raise DefinitionError("profile intervals need independent rows: this fit has a robust variance")
        if self._profile is None:
            raise DefinitionError(
                "profile intervals need the rows of the model: fit it with cox() from one frame in memory"
            )
        found = self.coefficients.select("term", "estimate", "hazard_ratio")
        return self._profile.table(found, normal_quantile(self.conf_level))

    def predict_survival(
        self, new: Any, times: float | Sequence[float], *, conf_type: ConfType = "log-log"
    ) -> pl.DataFrame:
        """Return the survival that the model predicts for the persons of `new` on these days.

        Parameters
        ----------
        new
            Frame with the columns of the covariates, of the strata and of the offset.
        times
            Days, or times of a continuous clock.
        conf_type
            Scale of the limits.

        Returns
        -------
        polars.DataFrame
            row (of `new`, from 0), time, survival, std_error, conf_low, conf_high. Null after the last
            day followed in the stratum. Where the variance is robust, error and limits rest on how far each row
            (or cluster) moves coefficients and baseline together; they are null where rows were not held.
        """
        return predicted(self, new, times, conf_type)

    def residuals(self, kind: Kind, *, weighted: bool | None = None, collapse: bool = False) -> pl.DataFrame:
        """Return residuals, as R ``residuals.coxph``, in time linear in the rows.

        Parameters
        ----------
        kind
            ``martingale`` and ``deviance``: one number a row. ``score``: its part in the score, by term.
            ``dfbeta``: by how much it moves the estimates, ``dfbetas`` in units of their (model) errors.
            ``schoenfeld``: by event, its covariates less the mean of those at risk; ``scaled_schoenfeld``:
            times the covariance and the number of events, plus the estimates.
        weighted
            Multiply by the weight of the row; by default for dfbeta and dfbetas only.
        collapse
            Sum within clusters (persons).

        Returns
        -------
        polars.DataFrame
            row (of the frame given to `cox`, from 0; rows of weight 0 have none) or, where collapsed, the column
            of clusters; then one column, named as the kind, or one a term. By event: columns of the strata, row,
            time, terms; ordered by stratum and time.

        Raises
        ------
        DefinitionError
            If the kind is unknown, does not exist for exact ties, or the model was not fitted from a frame.
        """
        return residuals(self._rows("a residual"), kind, weighted=weighted, collapse=collapse)

    def proportional_hazards(self, transform: Transform = "km", *, by_column: bool = False) -> ProportionalHazards:
        """Test whether hazards are proportional, as R ``cox.zph`` (survival 3.0 and later).

        Parameters
        ----------
        transform
            The function of time along which a coefficient might change: ``km`` (1 less Kaplan-Meier, default),
            ``identity``, ``rank`` or ``log``.
        by_column
            Test the levels of one column together (R ``terms=TRUE``).

        Returns
        -------
        ProportionalHazards
            Tests by term and of all together, and the scaled Schoenfeld residuals to look at.

        Raises
        ------
        DefinitionError
            If the transform is unknown, ties are exact, there is a penalty, or the model was not fitted from a frame.
        NoValidAnswer
            If an event at time 0 has no logarithm.
        """
        if self.penalty:
            raise DefinitionError("the test rests on the score at the maximum: fit the model without a penalty")
        notes = ("the test takes rows as independent and weights as counts",) if self.robust else ()
        return proportional_hazards(self._rows("the test"), transform, by_column=by_column, notes=notes)

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return hazard ratios (stratum: the term) and, where rows were held, concordance in the long tidy form."""
        error = "robust_std_error" if self.robust else "std_error"
        ratios = self.coefficients.select(
            pl.lit("hazard_ratio").alias("estimand"),
            pl.col("term").alias("stratum"),
            pl.col("hazard_ratio").alias("estimate"),
            pl.col(error).alias("std_error"),
            "conf_low",
            "conf_high",
            "statistic",
            "p_value",
        )
        if self._fitted is not None:
            order = {"estimate": [self.concordance], "std_error": [self.concordance_std_error]}
            fit = pl.DataFrame({"estimand": ["concordance"], "stratum": [""]} | order, nan_to_null=True)
            ratios = pl.concat([ratios, fit], how="diagonal")
        both = ratios.with_columns(n=pl.lit(self.n), n_event=pl.lit(self.n_event))
        settings: dict[str, Any] = {
            "ties": self.ties,
            "penalty": self.penalty or "none",
            "robust": self.robust,
            "conf_level": self.conf_level,
            "notes": list(self.notes),
        }
        settings |= {"loglik": self.loglik, "loglik_null": self.loglik_null, "strata": list(self._strata.frame.columns)}
        return Result(tidy(both, analysis="cox", population=population, outcome=outcome), settings)

    def _rows(self, what: str) -> Fitted:
        if self._fitted is None:
            raise DefinitionError(NOT_HELD.format(what=what))
        return self._fitted

    def _heading(self, say: Tongue) -> tuple[str, str]:
        return say("forest_title"), say("cox_note", n=say.count(self.n), events=say.count(self.n_event))

    def __repr__(self) -> str:
        return cox_text(self)

    def _repr_html_(self) -> str:
        title = f"Cox regression, {self.n} rows, {self.n_event} events, ties {self.ties}"
        return framed(title, self.coefficients, self.notes)
