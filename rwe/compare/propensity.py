# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The probability of treatment given covariates: one model of three, with what later steps need of the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe.compare.logistic import logistic
from rwe.compare.logistic_climb import Seen, outcomes, refuse_one_sided
from rwe.compare.people import people, require
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.execute import threads
from rwe.kernels._jit import F8, Flags
from rwe.survival.design import design
from rwe.survival.standard import matrix_of, moments
from rwe.survival.terms import columns_of

Method = Literal["logistic", "lasso", "boosting"]
CERTAIN = 1e-12  # a probability nearer to 0 or 1 leaves the other arm impossible


@dataclass(frozen=True, slots=True, eq=False)
class Propensity:
    """The probability of treatment of each row.

    Parameters
    ----------
    treatment
        Column of the treatment.
    method
        logistic, lasso or boosting.
    probability
        One a row of the frame, in its order.
    treated
        Whether each row is treated.
    covariates
        The terms of the model as numbers, one column a term: what balance is measured on.
    coefficients
        ``term`` and ``estimate`` (log odds ratios); None for boosting.
    settings
        What is needed to repeat it.
    """

    treatment: str
    method: Method
    probability: F8
    treated: Flags
    covariates: pl.DataFrame
    coefficients: pl.DataFrame | None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def logit(self) -> F8:
        """Log odds of treatment."""
        return np.asarray(np.log(self.probability) - np.log1p(-self.probability))

    @property
    def preference(self) -> F8:
        """Preference score: the probability had both treatments been as frequent (Walker et al. 2013)."""
        share = float(self.treated.mean())
        return np.asarray(1 / (1 + np.exp(np.log(share / (1 - share)) - self.logit)))


def propensity(
    frame: Any, *, treatment: str, covariates: Sequence[str] | str, method: Method = "logistic", seed: int = 1,
    folds: int = 5,
) -> Propensity:  # fmt: skip
    """Estimate the probability of treatment of each row.

    Parameters
    ----------
    frame
        A cohort or a frame, one row a person.
    treatment
        Column of 0 and 1, or of truth values.
    covariates
        Columns (text columns count as levels), or a formula as in `rwe.survival.cox`.
    method
        ``logistic``: unpenalised maximum likelihood, the same in every run. ``lasso``: logistic with an L1 penalty
        on standardised terms, its strength the best by cross-validated deviance. ``boosting``: gradient boosted
        trees, each row predicted by a model that has not seen it.
    seed, folds
        Of the folds of lasso and boosting.

    Raises
    ------
    DefinitionError
        If a column is missing or the method unknown.
    DataError
        If rows break the contract of a column.
    NoValidAnswer
        If all rows have the same treatment, terms are aliased or separate the arms (they are named), or a
        probability is 0 or 1.

    Examples
    --------
    >>> frame = pl.DataFrame({"a": [0, 1, 0, 1, 1, 0], "x": [1.0, 2.0, 2.0, 3.0, 1.0, 1.0]})
    >>> propensity(frame, treatment="a", covariates=["x"]).probability.round(3).tolist()
    [0.331, 0.602, 0.602, 0.822, 0.331, 0.331]
    """
    rows = people(frame)
    require(rows, [treatment, *columns_of(covariates)])
    _, treated, _ = outcomes(rows, treatment, None)
    refuse_one_sided(Seen(treated.size, int(treated.sum()), float(treated.mean())), treatment)
    plan = design(rows, covariates)
    terms = pl.DataFrame(dict(zip(plan.names, matrix_of(plan, rows).T, strict=True)))
    settings: dict[str, Any] = {"method": method, "treatment": treatment, "terms": list(plan.names)}
    if method == "logistic":
        fit = logistic(rows, outcome=treatment, covariates=covariates)
        told: pl.DataFrame | None
        probability, told = fit.fitted, fit.coefficients.select("term", "estimate")
    elif method in ("lasso", "boosting"):
        _refuse_folds(treated, folds, treatment)
        settings |= {"seed": seed, "folds": folds}
        found = _lasso if method == "lasso" else _boosting
        probability, told = found(terms, treated, seed, folds)
    else:
        raise DefinitionError(f"unknown method '{method}'; use logistic, lasso or boosting")
    _refuse_certainty(probability, treatment)
    return Propensity(treatment, method, probability, treated, terms, told, settings)


def _refuse_folds(treated: Flags, folds: int, treatment: str) -> None:
    least = min(int(treated.sum()), int((~treated).sum()))
    if not 2 <= folds <= least:
        raise NoValidAnswer(
            f"'{treatment}': {folds} folds need at least as many persons in each arm, the smaller has {least}"
        )


def _refuse_certainty(probability: F8, treatment: str) -> None:
    certain = int(((probability < CERTAIN) | (probability > 1 - CERTAIN)).sum())
    if certain:
        raise NoValidAnswer(
            f"'{treatment}': the probability of treatment is 0 or 1 in {certain} of {probability.size} rows: nobody "
            "like them is in the other arm; leave out the covariate that tells the arms apart, or these persons"
        )


def _lasso(terms: pl.DataFrame, treated: Flags, seed: int, folds: int) -> tuple[F8, pl.DataFrame]:
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import StratifiedKFold

    x = terms.to_numpy()
    mean, scale = moments(np.ascontiguousarray(x), np.empty(0))
    z = (x - mean) / scale
    model = LogisticRegressionCV(
        Cs=10, l1_ratios=(1.0,), solver="saga", scoring="neg_log_loss", tol=1e-4, max_iter=10_000, random_state=seed,
        cv=StratifiedKFold(folds, shuffle=True, random_state=seed), use_legacy_attributes=False,
    ).fit(z, treated)  # fmt: skip
    slope = model.coef_[0] / scale
    intercept = float(model.intercept_[0] - slope @ mean)
    table = pl.DataFrame({"term": ["(intercept)", *terms.columns], "estimate": [intercept, *slope]})
    return np.asarray(model.predict_proba(z)[:, 1], np.float64), table


def _boosting(terms: pl.DataFrame, treated: Flags, seed: int, folds: int) -> tuple[F8, pl.DataFrame | None]:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingClassifier(max_depth=3, learning_rate=0.05, max_iter=150, random_state=seed)
    cut = StratifiedKFold(folds, shuffle=True, random_state=seed)
    with threadpool_limits(threads(), "openmp"):
        found = cross_val_predict(model, terms.to_numpy(), treated, cv=cut, method="predict_proba")
    return np.asarray(found[:, 1], np.float64), None
