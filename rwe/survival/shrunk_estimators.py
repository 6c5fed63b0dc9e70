# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cox models whose coefficients are held back, as scikit-learn's estimators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.survival.clock import ClockName
from rwe.survival.elastic_net import elastic_net
from rwe.survival.learner import SurvivalEstimator
from rwe.survival.penalised import Penalised
from rwe.survival.ridge import ridge

Names = str | Sequence[str] | None


class _Shrunk(SurvivalEstimator):
    """A Cox model whose coefficients are held back."""

    result_: Penalised

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model, as `SurvivalEstimator.fit`."""
        super().fit(X, y, sample_weight)
        self.coef_ = self.result_.coefficients["estimate"].to_numpy()
        return self

    def _score(self, people: pl.DataFrame) -> F8:
        return self.result_.predict_score(people)["score"].to_numpy()

    def _survival(self, people: pl.DataFrame, times: Any) -> pl.Series:
        return self.result_.predict_survival(people, times)["survival"]


class CoxRidge(_Shrunk):
    """Cox regression with a ridge penalty as `rwe.survival.ridge`, whose parameters these are."""

    def __init__(
        self,
        theta: float = 1.0,
        *,
        scale: bool = False,
        covariates: Sequence[str] | None = None,
        formula: str | None = None,
        strata: Names = None,
        ties: Literal["efron", "breslow"] = "efron",
        reference: Mapping[str, Any] | None = None,
        conf_level: float = 0.95,
        clock: ClockName = "days",
    ) -> None:
        self.theta = theta
        self.scale = scale
        self.covariates = covariates
        self.formula = formula
        self.strata = strata
        self.ties = ties
        self.reference = reference
        self.conf_level = conf_level
        self.clock = clock

    def _fit(self, table: pl.DataFrame, columns: list[str]) -> Penalised:
        return ridge(
            table, **self._roles(table), **self._model(columns), theta=self.theta, scale=self.scale,
            strata=self.strata, ties=self.ties, reference=self.reference, conf_level=self.conf_level,
            clock=self.clock,
        )  # fmt: skip


class CoxNet(_Shrunk):
    """Lasso and elastic net of a Cox model as `rwe.survival.elastic_net`, whose parameters these are.

    Parameters
    ----------
    penalty
        A number; or ``best`` or ``sparsest``: chosen on a path by cross-validation within the fit (`folds`, `seed`).
    """

    def __init__(
        self,
        penalty: float | Literal["best", "sparsest"] = "best",
        *,
        l1_ratio: float = 1.0,
        folds: int = 10,
        seed: int = 0,
        covariates: Sequence[str] | None = None,
        formula: str | None = None,
        strata: Names = None,
        reference: Mapping[str, Any] | None = None,
        clock: ClockName = "days",
    ) -> None:
        self.penalty = penalty
        self.l1_ratio = l1_ratio
        self.folds = folds
        self.seed = seed
        self.covariates = covariates
        self.formula = formula
        self.strata = strata
        self.reference = reference
        self.clock = clock

    def _fit(self, table: pl.DataFrame, columns: list[str]) -> Penalised:
        chosen = self.penalty in ("best", "sparsest")
        if isinstance(self.penalty, str) and not chosen:
            raise DefinitionError(f"penalty '{self.penalty}' is a number, best or sparsest")
        how: dict[str, Any] = {"folds": self.folds, "seed": self.seed} if chosen else {"penalties": [self.penalty]}
        found = elastic_net(
            table, **self._roles(table), **self._model(columns), **how, l1_ratio=self.l1_ratio, strata=self.strata,
            reference=self.reference, clock=self.clock,
        )  # fmt: skip
        return found.at(getattr(found, str(self.penalty)) if chosen else float(self.penalty))
