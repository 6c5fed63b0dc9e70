# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The choice of a penalty by cross-validation: folds of rows, and the deviance of each."""

from __future__ import annotations

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8, Flags
from rwe.survival.data import Response, names
from rwe.survival.levels import levels
from rwe.survival.partial import evaluate
from rwe.survival.shrinkable import standard
from rwe.survival.shrinkage import Problem, path
from rwe.survival.some import some


def dealt(table: pl.DataFrame, response: Response, folds: int | str, seed: int) -> I8:
    """Return the fold of each row: as a column names it, or at random by whole clusters.

    Raises
    ------
    DefinitionError
        If there are fewer than two folds, or more than rows.
    """
    if isinstance(folds, str):
        return levels(table, names(folds)).code
    cluster = response.cluster
    unit = np.arange(response.time.size) if cluster is None else cluster
    size = int(unit.max()) + 1
    if not 2 <= folds <= size:
        raise DefinitionError(f"folds is {folds}; write a number from 2 to {size}, the rows (or clusters)")
    return np.asarray(np.random.default_rng(seed).permutation(np.arange(size) % folds)[unit], np.int64)


def cross_validate(whole: Problem, response: Response, sizes: F8, fold: I8) -> tuple[F8, F8]:
    """Return mean and standard error of the folds' deviances, an event, by penalty.

    Raises
    ------
    NoValidAnswer
        If a fold holds no events, or rows whose risk is beyond any number.
    """
    count = int(fold.max()) + 1
    failed = np.bincount(fold, response.weights * response.event, count)
    if count < 2 or (failed == 0).any():
        raise NoValidAnswer(f"{int((failed == 0).sum())} of {count} folds hold no events: two folds or more must")
    deviance = np.array([_fold_deviance(whole, response, sizes, fold != k) for k in range(count)])
    if far := int((~np.isfinite(deviance)).any(axis=1).sum()):
        raise NoValidAnswer(
            f"{far} of {count} folds hold rows whose risk, by coefficients found without them, is beyond any number: "
            "a covariate has a value far from all others; mend it, or list larger penalties"
        )
    each = deviance / failed[:, None]
    mean = np.average(each, axis=0, weights=failed)
    error = np.sqrt(np.average((each - mean) ** 2, axis=0, weights=failed) / (count - 1))
    return np.asarray(mean, np.float64), np.asarray(error, np.float64)


def _fold_deviance(whole: Problem, response: Response, sizes: F8, kept: Flags) -> F8:
    x = np.ascontiguousarray(whole.rows.x[kept])
    rest = Problem(standard(some(response, kept), x, whole.cohort.plan), whole.l1_ratio)
    found = path(rest, sizes)  # for covariates in the units of the whole cohort
    of_all = [evaluate(whole.data, beta).loglik for beta in found]
    of_rest = [evaluate(rest.data, beta * rest.cohort.scale).loglik for beta in found]
    ties = _saturated(whole) - _saturated(rest)
    return np.array([2 * (ties + less - more) for less, more in zip(of_rest, of_all, strict=True)], np.float64)


def _saturated(of: Problem) -> float:
    """Return the log partial likelihood of a model with a term for each row, which ties keep below 0."""
    weight = of.data.occasions.w_event
    return -float((weight * np.log(weight)).sum())


def sparsest(sizes: F8, mean: F8, error: F8) -> float:
    """Return the largest penalty whose deviance lies within one standard error of the smallest."""
    best = int(mean.argmin())
    return float(sizes[mean <= mean[best] + error[best]].max())
