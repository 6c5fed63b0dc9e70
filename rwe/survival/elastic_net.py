# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Lasso and elastic net of a Cox model: the path of penalties, and the choice among them by cross-validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8
from rwe.survival.clock import ClockName
from rwe.survival.data import names
from rwe.survival.design import Design
from rwe.survival.door import door
from rwe.survival.levels import levels
from rwe.survival.partial import evaluate
from rwe.survival.penalised import Penalised, penalised
from rwe.survival.regression import Regression, regression
from rwe.survival.show import Shown, Story
from rwe.survival.shrinkage import Problem, path, problem
from rwe.survival.some import some
from rwe.survival.standard import refuse_units

NET = 1e-4  # smallest penalty of the path as a share of the largest; 0.01 where terms outnumber rows


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ElasticNet(Shown):
    """Coefficients of a Cox model along a path of penalties.

    Parameters
    ----------
    table
        One row a penalty and term: penalty, term, estimate (log hazard ratio; 0 where left out).
    path
        One row a penalty, from the largest: penalty, n_terms (not 0), loglik (Breslow), and with
        cross-validation deviance (mean of the folds, an event) and std_error.
    best
        Penalty with the smallest deviance, or None without folds.
    sparsest
        Largest penalty whose deviance lies within one standard error of the smallest, or None.
    l1_ratio
        1 is the lasso, 0 the ridge.
    n, n_event
        Rows and events used.
    """

    table: pl.DataFrame
    path: pl.DataFrame
    best: float | None
    sparsest: float | None
    l1_ratio: float
    n: int
    n_event: int
    _problem: Problem
    _design: Design

    def at(self, penalty: float) -> Penalised:
        """Return the model at a penalty, solved there: it need not be one of the path.

        Raises
        ------
        DefinitionError
            If the penalty is negative or not finite.
        """
        if not (np.isfinite(penalty) and penalty >= 0):
            raise DefinitionError(f"penalty is {penalty}; write a number from 0")
        found, data = self._problem, self._problem.data
        beta = found.solve(float(penalty), np.zeros(data.scale.size))
        with np.errstate(over="ignore"):
            columns = {"estimate": beta / data.scale, "hazard_ratio": np.exp(beta / data.scale)}
        table = pl.DataFrame({"term": list(self._design.names)} | columns)
        at, df = evaluate(data, beta), float(np.count_nonzero(beta))
        return penalised(found.response, data, at, table, self._design, penalty=float(penalty), df=df)

    def _story(self) -> Story:
        chosen = "" if self.best is None else f", best penalty {self.best:.4g}, sparsest as good {self.sparsest:.4g}"
        return f"Elastic net of a Cox model, l1 ratio {self.l1_ratio:g}{chosen}", self.path, ()


@door
def elastic_net(
    frame: Any,
    *,
    time: str,
    event: str,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    l1_ratio: float = 1.0,
    penalties: Sequence[float] | int = 100,
    folds: int | str | None = None,
    seed: int = 0,
    entry: str | None = None,
    strata: str | Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    reference: Mapping[str, Any] | None = None,
    clock: ClockName = "days",
) -> ElasticNet:
    """Fit a Cox model with an elastic net penalty along a path, as R ``glmnet(family = "cox")``.

    Parameters
    ----------
    frame, time, event, covariates, formula, entry, strata, weights, reference, clock
        As in `cox`; ties after Breslow, covariates in units of their standard deviation, terms may outnumber rows.
    l1_ratio
        Share of the penalty on absolute values: 1 is the lasso (default), 0 a ridge.
    penalties
        Penalties, or how many: then evenly on the log scale from the smallest at which every coefficient
        is 0, down to 1e-4 of it (0.01 where terms outnumber rows).
    folds
        How many folds to choose the penalty by, or a column that names the fold of each row; None: no choice.
    seed
        Of the random folds: the same seed gives the same folds.
    cluster
        Column of rows that belong together (a person's stretches): they share a fold.

    Notes
    -----
    The deviance of a fold is what the whole cohort's partial likelihood says of coefficients found
    without the fold, less that of the rest alone: Verweij & Van Houwelingen (1993) Stat Med 12:2305.

    Raises
    ------
    DefinitionError
        If l1_ratio, penalties or folds are out of range, or as in `cox`.
    DataError
        As in `cox`.
    NoValidAnswer
        If there are no events, terms are constant (they are named), a fold leaves no events, or holds
        a value so far from all others that coefficients found without it cannot be judged by it.

    Examples
    --------
    >>> frame = pl.DataFrame({"t": [1, 2, 3, 4, 5, 6], "e": [1, 1, 0, 1, 1, 1], "x": [0, 1, 0, 1, 0, 0]})
    >>> path = elastic_net(frame, time="t", event="e", covariates=["x"], penalties=3)
    >>> path.table["estimate"].round(3).to_list()  # 0 at the largest penalty, nearly 1.294 at the smallest
    [0.0, 1.28, 1.293]
    """
    if not 0 <= l1_ratio <= 1:
        raise DefinitionError(f"l1_ratio is {l1_ratio}; write a number from 0 (ridge) to 1 (lasso)")
    more = [folds] if isinstance(folds, str) else []
    base = regression(
        frame, covariates=covariates, formula=formula, reference=reference, time=time, event=event,
        entry=entry, strata=strata, weights=weights, cluster=cluster, clock=clock, more=more,
    )  # fmt: skip
    if constant := [base.design.names[j] for j in np.flatnonzero(np.ptp(base.x, axis=0) == 0)]:
        raise NoValidAnswer(f"terms {constant} are constant: leave them out")
    whole = problem(base.response, base.x, l1_ratio)
    refuse_units(whole.data.scale, base.design.names)
    sizes = _penalties(penalties, whole)
    judged = None if folds is None else _cross_validate(whole, sizes, _folds(base, folds, seed))
    return _traced(base, whole, sizes, judged)


def _traced(base: Regression, whole: Problem, sizes: F8, judged: tuple[F8, F8] | None) -> ElasticNet:
    """Return the coefficients at each penalty, and the choice among these where folds have judged them."""
    found = path(whole, sizes)
    grid = {"penalty": np.repeat(sizes, found.shape[1]), "term": list(base.design.names) * sizes.size}
    logliks = [evaluate(whole.data, beta * whole.data.scale).loglik for beta in found]
    summary = pl.DataFrame({"penalty": sizes, "n_terms": (found != 0).sum(axis=1), "loglik": logliks})
    if judged is not None:
        summary = summary.with_columns(deviance=pl.Series(judged[0]), std_error=pl.Series(judged[1]))
    return ElasticNet(
        table=pl.DataFrame(grid | {"estimate": found.ravel()}),
        path=summary,
        best=None if judged is None else float(sizes[judged[0].argmin()]),
        sparsest=None if judged is None else _sparsest(sizes, *judged),
        l1_ratio=whole.l1_ratio,
        n=base.response.time.size,
        n_event=int(base.response.event.sum()),
        _problem=whole,
        _design=base.design,
    )


def _penalties(asked: Sequence[float] | int, whole: Problem) -> F8:
    if isinstance(asked, int):
        if asked < 2:
            raise DefinitionError("penalties: give at least 2, or list them")
        n, p = whole.data.x.shape
        top = whole.largest()
        return np.geomspace(top, top * (NET if n >= p else 0.01), asked)
    sizes = np.sort(np.asarray(asked, np.float64))[::-1]
    if not sizes.size or not np.isfinite(sizes).all() or (sizes < 0).any() or np.unique(sizes).size < sizes.size:
        raise DefinitionError("penalties must be different finite numbers from 0")
    return sizes


def _folds(base: Regression, folds: int | str, seed: int) -> I8:
    """Return the fold of each row: as a column names it, or at random by whole clusters."""
    if isinstance(folds, str):
        return levels(base.table, names(folds)).code
    cluster = base.response.cluster
    unit = np.arange(base.response.time.size) if cluster is None else cluster
    size = int(unit.max()) + 1
    if not 2 <= folds <= size:
        raise DefinitionError(f"folds is {folds}; write a number from 2 to {size}, the rows (or clusters)")
    dealt = np.arange(size) % folds
    return np.asarray(np.random.default_rng(seed).permutation(dealt)[unit], np.int64)


def _cross_validate(whole: Problem, sizes: F8, fold: I8) -> tuple[F8, F8]:
    """Return mean and standard error of the folds' deviances, an event, by penalty."""
    count = int(fold.max()) + 1
    failed = np.bincount(fold, whole.data.weight * whole.data.event, count)
    if count < 2 or (failed == 0).any():
        raise NoValidAnswer(f"{int((failed == 0).sum())} of {count} folds hold no events: two folds or more must")
    deviance = np.array([_fold_deviance(whole, sizes, fold, k) for k in range(count)])
    if far := int((~np.isfinite(deviance)).any(axis=1).sum()):
        raise NoValidAnswer(
            f"{far} of {count} folds hold rows whose risk, by coefficients found without them, is beyond any number: "
            "a covariate has a value far from all others; mend it, or list larger penalties"
        )
    each = deviance / failed[:, None]
    mean = np.average(each, axis=0, weights=failed)
    error = np.sqrt(np.average((each - mean) ** 2, axis=0, weights=failed) / (count - 1))
    return np.asarray(mean, np.float64), np.asarray(error, np.float64)


def _fold_deviance(whole: Problem, sizes: F8, fold: I8, k: int) -> F8:
    kept = fold != k
    rest = problem(some(whole.response, kept), np.ascontiguousarray(whole.data.x[kept]), whole.l1_ratio)
    found = path(rest, sizes)  # for covariates in the units of the whole cohort
    of_all = [evaluate(whole.data, beta).loglik for beta in found]
    of_rest = [evaluate(rest.data, beta * rest.data.scale).loglik for beta in found]
    ties = _saturated(whole) - _saturated(rest)
    return np.array([2 * (ties + less - more) for less, more in zip(of_rest, of_all, strict=True)], np.float64)


def _saturated(of: Problem) -> float:
    """Return the log partial likelihood of a model with a term for each row, which ties keep below 0."""
    return -float((of.data.w_event * np.log(of.data.w_event)).sum())


def _sparsest(sizes: F8, mean: F8, error: F8) -> float:
    best = int(mean.argmin())
    return float(sizes[mean <= mean[best] + error[best]].max())
