# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Lasso and elastic net of a Cox model: the path of penalties, and the choice among them by cross-validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8
from rwe.survival.clock import ClockName
from rwe.survival.data import names, read
from rwe.survival.design import design
from rwe.survival.distribution import refuse_other
from rwe.survival.door import door
from rwe.survival.folds import cross_validate, dealt, sparsest
from rwe.survival.outcome import Outcome
from rwe.survival.partial import evaluate
from rwe.survival.penalised import Penalised, penalised
from rwe.survival.show import Shown, Story
from rwe.survival.shrinkable import Shrinkable, standard, unheld
from rwe.survival.shrinkage import Problem, path
from rwe.survival.terms import columns_of, model_of

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language

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

    def at(self, penalty: float) -> Penalised:
        """Return the model at a penalty, solved there: it need not be one of the path.

        Raises
        ------
        DefinitionError
            If the penalty is negative or not finite.
        """
        if not (np.isfinite(penalty) and penalty >= 0):
            raise DefinitionError(f"penalty is {penalty}; write a number from 0")
        of, data = self._problem.cohort, self._problem.data
        beta = self._problem.solve(float(penalty), np.zeros(of.scale.size))
        with np.errstate(over="ignore"):
            columns = {"estimate": beta / of.scale, "hazard_ratio": np.exp(beta / of.scale)}
        table = pl.DataFrame({"term": list(of.plan.names)} | columns)
        at, df = evaluate(data, beta), float(np.count_nonzero(beta))
        return penalised(of, at, table, penalty=float(penalty), df=df)

    def plot(
        self, what: Literal["coefficients", "deviance"] = "coefficients", *, title: str | None = None,
        subtitle: str | None = None, labels: Mapping[str, str] | None = None, language: Language = "en",
    ) -> Chart:  # fmt: skip
        """Draw coefficients, or the deviance of the folds, along the penalty.

        Parameters
        ----------
        what
            ``coefficients``: log hazard ratios in units of the covariates' standard deviations; of many terms the
            eight largest at the smallest penalty are named. ``deviance``: that of the folds, with its error.
        title, subtitle
            Words in place of those chosen.
        labels
            Names of terms.
        language
            en or bg.

        Raises
        ------
        DefinitionError
            If fewer than two penalties are positive, or there were no folds.
        """
        from rwe.survival.plot_choices import deviance_chart, path_chart  # the chart library is slow to import

        refuse_other("what", what, ("coefficients", "deviance"))
        if what == "deviance":
            return deviance_chart(self, title=title, subtitle=subtitle, language=language)
        return path_chart(self, title=title, subtitle=subtitle, labels=labels or {}, language=language)

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
        As in `cox`, also files and `Parts`, read anew at each step; ties after Breslow, covariates in units of their
        standard deviation, terms may outnumber rows.
    l1_ratio
        Share of the penalty on absolute values: 1 is the lasso (default), 0 a ridge.
    penalties
        Penalties, or how many: then evenly on the log scale from the smallest at which every coefficient
        is 0, down to 1e-4 of it (0.01 where terms outnumber rows).
    folds
        How many folds to choose the penalty by, or a column that names the fold of each row; None: no choice.
        Folds need rows held in memory.
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
    outcome = Outcome(time, event, entry, names(strata), weights, cluster, None, clock)
    model = model_of(covariates, formula)
    spread = unheld(frame, outcome, model, reference, efron=False)
    if spread is not None:
        if folds is not None:
            raise DefinitionError("folds need rows held in memory: collect the frame")
        whole = _allowed(spread, l1_ratio)
        return _traced(whole, _penalties(penalties, whole))
    more = names(folds) if isinstance(folds, str) else ()
    table, response = outcome.read(read(frame, [*outcome.columns, *more, *columns_of(model)]))
    plan = design(table, model, reference)
    whole = _allowed(standard(response, plan.matrix(table), plan), l1_ratio)
    sizes = _penalties(penalties, whole)
    if folds is None:
        return _traced(whole, sizes)
    return _traced(whole, sizes, cross_validate(whole, response, sizes, dealt(table, response, folds, seed)))


def _allowed(of: Shrinkable, l1_ratio: float) -> Problem:
    if constant := [of.plan.names[j] for j in np.flatnonzero(of.constant)]:
        raise NoValidAnswer(f"terms {constant} are constant: leave them out")
    return Problem(of, l1_ratio)


def _traced(whole: Problem, sizes: F8, judged: tuple[F8, F8] | None = None) -> ElasticNet:
    """Return the coefficients at each penalty, and the choice among these where folds have judged them."""
    of = whole.cohort
    found = path(whole, sizes)
    grid = {"penalty": np.repeat(sizes, found.shape[1]), "term": list(of.plan.names) * sizes.size}
    logliks = [whole.loglik(beta * of.scale) for beta in found]
    summary = pl.DataFrame({"penalty": sizes, "n_terms": (found != 0).sum(axis=1), "loglik": logliks})
    if judged is not None:
        summary = summary.with_columns(deviance=pl.Series(judged[0]), std_error=pl.Series(judged[1]))
    return ElasticNet(
        table=pl.DataFrame(grid | {"estimate": found.ravel()}),
        path=summary,
        best=None if judged is None else float(sizes[judged[0].argmin()]),
        sparsest=None if judged is None else sparsest(sizes, *judged),
        l1_ratio=whole.l1_ratio,
        n=of.n,
        n_event=int(of.data.occasions.n_event.sum()),
        _problem=whole,
    )


def _penalties(asked: Sequence[float] | int, whole: Problem) -> F8:
    if isinstance(asked, int):
        if asked < 2:
            raise DefinitionError("penalties: give at least 2, or list them")
        n, p = whole.cohort.n, whole.data.terms
        top = whole.largest()
        return np.geomspace(top, top * (NET if n >= p else 0.01), asked)
    sizes = np.sort(np.asarray(asked, np.float64))[::-1]
    if not sizes.size or not np.isfinite(sizes).all() or (sizes < 0).any() or np.unique(sizes).size < sizes.size:
        raise DefinitionError("penalties must be different finite numbers from 0")
    return sizes
