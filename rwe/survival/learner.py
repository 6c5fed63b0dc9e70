# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What the estimators for scikit-learn share: fit, predict a risk, predict survival, the concordance as score."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl
from sklearn.utils.validation import check_is_fitted

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.survival.clock import ClockName
from rwe.survival.concordance import concordance
from rwe.survival.data import names
from rwe.survival.kaplan_meier import Times
from rwe.survival.targets import ENTRY, OUTCOMES, SCORE, TIME, WEIGHT, covariates_of, response_of

if TYPE_CHECKING:

    class Base:
        def __sklearn_tags__(self) -> Any: ...

else:
    from sklearn.base import BaseEstimator as Base  # of which mypy knows nothing


class SurvivalEstimator(Base):
    """What the estimators share: fit, predict a risk, predict survival, and the concordance as score."""

    _outcome = "event"
    result_: Any

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X
            Covariates, shape (rows, columns).
        y
            Fields event (or cause), time and perhaps entry.
        sample_weight
            Weight of each row; rows of weight 0 are left out.

        Raises
        ------
        DefinitionError, DataError, NoValidAnswer
            As the function of the same name in `rwe.survival` does.
        """
        people = covariates_of(self, X, reset=True)
        table = people.hstack(response_of(y, self._outcome, people.height, sample_weight))
        self.result_ = self._fit(table, people.columns)
        return self

    def predict(self, X: Any) -> F8:
        """Return the risk score of each row: the higher, the sooner the failure."""
        return self._score(self._people(X))

    def predict_survival_function(self, X: Any, times: Times) -> F8:
        """Return the probability to be free of the event at these times, shape (rows, times); NaN where not known."""
        people, asked = self._people(X), np.atleast_1d(np.asarray(times))
        return self._survival(people, asked).to_numpy().reshape(people.height, asked.size)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of comparable pairs that the risk score puts in the right order (Harrell's C)."""
        people = self._people(X)
        table = self._comparable(response_of(y, self._outcome, people.height, sample_weight))
        strata = [people[column] for column in self._strata()]
        scored = table.with_columns(*strata, pl.Series(SCORE, self._score(people)))
        roles: dict[str, Any] = {"entry": ENTRY, "weights": WEIGHT}
        given = {role: column for role, column in roles.items() if column in table.columns}
        outcome: dict[str, Any] = {
            "time": TIME,
            "event": OUTCOMES["event"],
            "score": SCORE,
            "strata": self._strata() or None,
        }
        return concordance(scored, clock=self._clock(), **outcome, **given).concordance

    @abstractmethod
    def _fit(self, table: pl.DataFrame, columns: list[str]) -> Any:
        """Return the result of the function on these rows, whose covariates are `columns`."""

    @abstractmethod
    def _score(self, people: pl.DataFrame) -> F8:
        """Return the risk score of these rows."""

    @abstractmethod
    def _survival(self, people: pl.DataFrame, times: Any) -> pl.Series:
        """Return the survival of each row at each time, one row after the other."""

    def _comparable(self, table: pl.DataFrame) -> pl.DataFrame:
        """Return the response with the failures that a score is judged by."""
        return table

    def _people(self, X: Any) -> pl.DataFrame:
        check_is_fitted(self)
        return covariates_of(self, X, reset=False)

    def _strata(self) -> list[str]:
        return list(names(getattr(self, "strata", None)))

    def _clock(self) -> ClockName:
        clock: ClockName = getattr(self, "clock", "days")
        return clock

    def _model(self, columns: list[str], other: Sequence[str] = ()) -> dict[str, Any]:
        """Return the covariates as the functions take them: all columns without another part, unless chosen."""
        model = {"covariates": getattr(self, "covariates", None), "formula": getattr(self, "formula", None)}
        parts = [*self._strata(), *other]
        if unknown := sorted(set(parts) - set(columns)):
            raise DefinitionError(f"strata {unknown} are no columns of X")
        if model == {"covariates": None, "formula": None}:
            return {"covariates": [column for column in columns if column not in parts]}
        return model

    def _roles(self, table: pl.DataFrame) -> dict[str, Any]:
        """Return the columns of the response as the functions name them."""
        roles = {"time": TIME, self._outcome: OUTCOMES[self._outcome], "entry": ENTRY, "weights": WEIGHT}
        return {role: column for role, column in roles.items() if column in table.columns}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
