# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cox and Fine-Gray regression as scikit-learn estimators: the same functions under `fit`, `predict`, `score`.

The numbers are those of `cox`, `ridge`, `elastic_net` and `fine_gray` to the bit. Higher predictions mean earlier
failure; the score is the concordance, so that higher is better in a search.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.survival.clock import ClockName
from rwe.survival.concordance import concordance
from rwe.survival.cox import Cox, cox
from rwe.survival.data import names
from rwe.survival.elastic_net import elastic_net
from rwe.survival.fine_gray import FineGray, fine_gray
from rwe.survival.kaplan_meier import Times
from rwe.survival.likelihoods import Ties
from rwe.survival.outcomes import ENTRY, TIME, WEIGHT, covariates, joined
from rwe.survival.penalised import Penalised, ridge

EVENT, CAUSE, SCORE = "_rwe_event", "_rwe_cause", "_rwe_score"
PENALTIES = (None, "firth", "ridge", "elastic_net")


class _Regression(BaseEstimator):
    """What both estimators share: the frame, the predictor, the score."""

    covariates: Sequence[str] | None
    formula: str | None
    clock: ClockName
    result_: Any

    def predict(self, X: Any) -> F8:
        """Return the log hazard ratio of each row against the mean of the fitted rows: higher fails earlier."""
        check_is_fitted(self)
        validate_data(self, X, reset=False, skip_check_array=True)
        matrix = self.result_.design.matrix(covariates(X))
        return np.asarray((matrix - self.mean_) @ self.coef_, np.float64)

    def _read(self, X: Any, y: Any, event: str, sample_weight: Any) -> tuple[pl.DataFrame, dict[str, Any]]:
        """Return the frame and the columns that the model is told."""
        validate_data(self, X, skip_check_array=True)
        frame = joined(X, y, event, sample_weight)
        said: dict[str, Any] = {"time": TIME, event: f"_rwe_{event}", "formula": self.formula}
        said |= {
            "entry": ENTRY if ENTRY in frame.columns else None,
            "weights": WEIGHT if WEIGHT in frame.columns else None,
        }
        return frame, said

    def _terms(self, frame: pl.DataFrame, other: Sequence[str]) -> list[str] | None:
        """Return the covariates: those asked for, or all columns that have no other part."""
        if self.formula is not None or self.covariates is not None:
            return None if self.covariates is None else list(self.covariates)
        return [c for c in frame.columns if not c.startswith("_rwe_") and c not in other]

    def _keep(self, result: Cox | Penalised | FineGray, frame: pl.DataFrame) -> Self:
        self.result_ = result
        self.coef_ = result.coefficients["estimate"].to_numpy()
        weight = frame[WEIGHT].to_numpy() if WEIGHT in frame.columns else None
        self.mean_ = np.average(result.design.matrix(frame), axis=0, weights=weight)
        return self

    def _order(self, frame: pl.DataFrame, X: Any) -> float:
        told: dict[str, Any] = {
            "entry": ENTRY if ENTRY in frame.columns else None,
            "weights": WEIGHT if WEIGHT in frame.columns else None,
        }
        scored = frame.with_columns(pl.Series(SCORE, self.predict(X)))
        return concordance(scored, time=TIME, event=EVENT, score=SCORE, clock=self.clock, **told).concordance


class CoxRegression(_Regression):
    """Cox regression with `fit(X, y)`.

    Parameters
    ----------
    ties
        efron (default), breslow or exact; the elastic net knows breslow only.
    penalty
        None, "firth", "ridge" or "elastic_net".
    strength
        Size of the penalty: theta of `ridge`, the penalty of `elastic_net`.
    l1_ratio
        Of the elastic net: 1 is the lasso.
    covariates, formula, reference
        As in `cox`; all columns of X by default.
    strata
        Columns of X whose levels have baseline hazards of their own.
    clock
        days or continuous, as in `kaplan_meier`.

    Attributes
    ----------
    result_
        The fitted `Cox` or `Penalised`, with errors, tests and predictions.
    coef_, mean_
        Coefficients, and the means of the terms that predictions are centred at.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn; the columns of an array are named x0, x1, ...

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [1.0], [0.0], [1.0]])
    >>> y = np.array([[1, 5], [1, 3], [0, 6], [1, 8], [1, 2]])
    >>> CoxRegression().fit(X, y).predict(X).round(2).tolist()
    [-1.13, 0.75, 0.75, -1.13, 0.75]
    """

    def __init__(
        self,
        *,
        ties: Ties = "efron",
        penalty: Literal["firth", "ridge", "elastic_net"] | None = None,
        strength: float = 0.0,
        l1_ratio: float = 1.0,
        covariates: Sequence[str] | None = None,
        formula: str | None = None,
        reference: Mapping[str, str] | None = None,
        strata: str | Sequence[str] | None = None,
        clock: ClockName = "days",
    ) -> None:
        self.ties = ties
        self.penalty = penalty
        self.strength = strength
        self.l1_ratio = l1_ratio
        self.covariates = covariates
        self.formula = formula
        self.reference = reference
        self.strata = strata
        self.clock = clock

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X
            Data frame, or array of numbers.
        y
            Structured array or frame with the fields event and time (and entry), or an array of these columns.
        sample_weight
            Weight of each row.

        Raises
        ------
        DefinitionError, DataError, NoValidAnswer
            As `cox`, and where y is not understood.
        """
        frame, said = self._read(X, y, "event", sample_weight)
        said |= {
            "covariates": self._terms(frame, names(self.strata)),
            "strata": self.strata,
            "reference": self.reference,
        }
        return self._keep(self._fit(frame, said), frame)

    def predict_survival_function(self, X: Any, times: Times) -> F8:
        """Return the probability to survive each of these times, shape (rows, times); NaN where it is not known."""
        check_is_fitted(self)
        found = self.result_.predict_survival(covariates(X), times)["survival"]
        return np.asarray(found.to_numpy().reshape(-1, np.atleast_1d(times).size), np.float64)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the concordance of the predictions with the outcome."""
        return self._order(joined(X, y, "event", sample_weight), X)

    def _fit(self, frame: pl.DataFrame, said: dict[str, Any]) -> Cox | Penalised:
        if self.penalty not in PENALTIES:
            raise DefinitionError(f"penalty '{self.penalty}' is not one of firth, ridge, elastic_net")
        if self.penalty is None or self.penalty == "firth":
            return cox(frame, ties=self.ties, penalty=self.penalty, clock=self.clock, **said)
        if self.clock != "days":
            raise DefinitionError(f"penalty '{self.penalty}' counts in whole days: leave the clock as it is")
        if self.penalty == "ridge":
            if self.ties == "exact":
                raise DefinitionError("ridge takes ties efron or breslow")
            return ridge(frame, theta=self.strength, ties=self.ties, **said)
        if self.ties != "breslow":
            raise DefinitionError("the elastic net is that of Breslow's ties: write ties='breslow'")
        return elastic_net(frame, l1_ratio=self.l1_ratio, penalties=[self.strength], **said).at(self.strength)


class FineGrayRegression(_Regression):
    """Fine-Gray regression with `fit(X, y)`.

    Parameters
    ----------
    of
        The cause of interest.
    ties, censoring_ties, variance, covariates, formula, reference, clock
        As in `fine_gray`; all columns of X are covariates by default.

    Attributes
    ----------
    result_, coef_, mean_, n_features_in_, feature_names_in_
        As in `CoxRegression`.
    """

    def __init__(
        self,
        *,
        of: Any = 1,
        ties: Literal["breslow", "efron"] = "breslow",
        censoring_ties: Literal["failures_at_risk", "failures_first"] = "failures_at_risk",
        variance: Literal["sandwich", "known_weights", "model"] = "sandwich",
        covariates: Sequence[str] | None = None,
        formula: str | None = None,
        reference: Mapping[str, str] | None = None,
        clock: ClockName = "days",
    ) -> None:
        self.of = of
        self.ties = ties
        self.censoring_ties = censoring_ties
        self.variance = variance
        self.covariates = covariates
        self.formula = formula
        self.reference = reference
        self.clock = clock

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model; `y` holds the fields cause (0: censored) and time (and entry), or these columns."""
        frame, said = self._read(X, y, "cause", sample_weight)
        result = fine_gray(
            frame, of=self.of, covariates=self._terms(frame, ()), reference=self.reference, ties=self.ties,
            censoring_ties=self.censoring_ties, variance=self.variance, clock=self.clock, **said,
        )  # fmt: skip
        return self._keep(result, frame)

    def predict_cumulative_incidence(self, X: Any, times: Times) -> F8:
        """Return the probability to have failed of the cause by each of these times, shape (rows, times)."""
        check_is_fitted(self)
        found = self.result_.predict_incidence(covariates(X), times)["incidence"]
        return np.asarray(found.to_numpy().reshape(-1, np.atleast_1d(times).size), np.float64)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the concordance: those who failed of another cause never fail of this one (Wolbers et al. 2009)."""
        frame = joined(X, y, "cause", sample_weight)
        own, free = pl.col(CAUSE) == self.of, pl.col(CAUSE) == self._censored(frame)
        time = pl.when(own | free).then(pl.col(TIME)).otherwise(pl.col(TIME).max())
        return self._order(frame.with_columns(time.alias(TIME), own.cast(pl.Int64).alias(EVENT)), X)

    def _censored(self, frame: pl.DataFrame) -> Any:
        return "censored" if frame[CAUSE].dtype == pl.String else 0
