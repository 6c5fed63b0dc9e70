# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The bootstrap of a Cox model: rows or clusters drawn as counts that weigh, each refit begun at the estimate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.execute import cuts, run
from rwe.kernels._jit import F8, I8
from rwe.kernels.draws import generator, multinomial
from rwe.result import Result, tidy
from rwe.survival.ascent import spent
from rwe.survival.distribution import INTERVALS, Distribution, Interval, distribution, refuse_draws, refuse_other
from rwe.survival.door import door
from rwe.survival.fitted import Fitted
from rwe.survival.maximum import maximise, nearby
from rwe.survival.model import NOT_HELD, Cox
from rwe.survival.occasions import PART
from rwe.survival.partial import evaluate
from rwe.survival.residuals import residuals
from rwe.survival.rows import Rows
from rwe.survival.show import Shown, Story

BLOCK = 16  # replicates a thread takes at once


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CoxBootstrap(Shown):
    """The coefficients of a Cox model with their bootstrap distribution.

    Parameters
    ----------
    table
        One row a term: term, estimate (log hazard ratio), std_error, bias, hazard_ratio, conf_low, conf_high (hazard
        ratio scale). Null: too many replicates have no finite estimate.
    replicates
        One row a replicate and term: term, replicate (from 0), value (log hazard ratio; null: no finite estimate).
    interval, conf_level, seed
        What was asked.
    notes
        What a reader must know, for example replicates without a finite estimate.
    """

    table: pl.DataFrame
    replicates: pl.DataFrame
    interval: str
    conf_level: float
    seed: int
    notes: tuple[str, ...]
    _model: Cox = field(repr=False)
    _drawn: Distribution[_Refits] = field(repr=False)

    def limits(self, interval: Interval) -> pl.DataFrame:
        """Return the table with limits of another kind, from the same replicates."""
        refuse_other("interval", interval, INTERVALS)
        return _table(self._drawn, self._model, interval, self.conf_level)

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the hazard ratios (stratum: the term) in the long tidy form."""
        rows = self.table.select(
            pl.col("term").alias("stratum"),
            pl.col("hazard_ratio").alias("estimate"),
            "std_error",
            "conf_low",
            "conf_high",
        ).with_columns(n=pl.lit(self._model.n), n_event=pl.lit(self._model.n_event), estimand=pl.lit("hazard_ratio"))
        settings: dict[str, Any] = {"interval": f"bootstrap, {self.interval}", "conf_level": self.conf_level}
        settings |= {
            "replicates": self._drawn.n,
            "seed": self.seed,
            "ties": self._model.ties,
            "notes": list(self.notes),
        }
        return Result(tidy(rows, analysis="cox", population=population, outcome=outcome), settings)

    def _story(self) -> Story:
        title = f"Bootstrap of a Cox model, {self._drawn.n} replicates, {self.interval} limits"
        return title, self.table, self.notes


@dataclass(frozen=True, slots=True, eq=False)
class _Refits:
    """A fitted model whose rows or clusters are drawn again."""

    fit: Fitted

    def estimate(self) -> F8:
        return self.fit.beta

    def draw(self, n: int, seed: int) -> F8:
        """Refit; few rows: several replicates at once, many rows: the parts of each (the bits are the same)."""
        rows = self.fit.data.leave.size
        cluster = self.fit.response.cluster
        unit = np.arange(rows) if cluster is None else np.unique(cluster, return_inverse=True)[1]

        def block(bounds: tuple[int, int]) -> F8:
            return np.array([self._refit(unit, seed, b) for b in range(*bounds)])

        parts = cuts(n, BLOCK)
        return np.concatenate(run(block, parts) if rows <= PART else [block(part) for part in parts])

    def acceleration(self) -> F8:
        """Return the skewness of the influence of rows or clusters (Efron 1987, J Am Stat Assoc 82:171)."""
        found = residuals(self.fit, "dfbeta", weighted=True, collapse=self.fit.response.cluster is not None)
        pull = found.select(self.fit.design.names).to_numpy()
        return np.asarray((pull**3).sum(axis=0) / (6 * (pull**2).sum(axis=0) ** 1.5), np.float64)

    def _refit(self, unit: I8, seed: int, replicate: int) -> F8:
        n, data = int(unit.max()) + 1, self.fit.data
        times = np.empty(n, np.int64)
        multinomial(np.ones(n, np.int64), 0, n, np.arange(n, dtype=np.int32), 0, n, generator(seed, replicate), times)
        drawn = data.counted(times[unit])
        near = nearby(drawn, self.fit.best)
        return (self._from_afar(drawn) if near is None else near) / data.scale

    def _from_afar(self, drawn: Rows) -> F8:
        """Return the maximum as a fit finds it, NaN where there is none."""
        nothing = np.full(drawn.terms, np.nan)
        if spent(evaluate(drawn, np.zeros(drawn.terms)).information, self.fit.best.information):
            return nothing  # all who differ in a covariate were not drawn, or only where nobody fails
        try:
            return maximise(drawn, self.fit.design.names)[1].beta
        except NoValidAnswer:
            return nothing


@door
def bootstrap_cox(
    model: Cox,
    *,
    replicates: int = 1000,
    seed: int = 1,
    interval: Interval = "percentile",
    conf_level: float = 0.95,
) -> CoxBootstrap:
    """Bootstrap the coefficients of a Cox model.

    Rows are drawn with replacement; clusters, where the model has them, are drawn whole. What is drawn twice weighs
    twice as much and does not tie with itself, so that the replicates of Efron's likelihood differ from
    fits to copies of rows, whose ties are an artefact of drawing; those of Breslow's do not. The same seed
    gives the same answer on any number of threads.

    Parameters
    ----------
    model
        Fitted from one frame in memory, with ties efron or breslow and without a penalty.
    replicates, seed
        How many, and from which seed.
    interval
        percentile, basic (both of the log hazard ratio) or bca.
    conf_level
        Level of the limits.

    Raises
    ------
    DefinitionError
        If an argument is wrong, or the model cannot be refitted from counts.

    Examples
    --------
    >>> frame = pl.DataFrame({"t": [3, 5, 5, 8, 9, 12, 14, 15], "e": [1, 1, 0, 1, 1, 1, 0, 1], "x": [1, 0, 1, 0] * 2})
    >>> found = bootstrap_cox(sv.cox(frame, time="t", event="e", covariates=["x"]), replicates=50)
    >>> found.table.columns[:4]
    ['term', 'estimate', 'std_error', 'bias']
    """
    refuse_draws(interval, replicates, seed, conf_level)
    if model.penalty or model.ties == "exact":
        raise DefinitionError(
            "counts weigh, and neither exact ties nor a penalty knows weights: fit with efron or breslow"
        )
    if model._fitted is None:
        raise DefinitionError(NOT_HELD.format(what="the bootstrap"))
    drawn = distribution(_Refits(model._fitted), replicates, seed)
    return CoxBootstrap(
        table=_table(drawn, model, interval, conf_level),
        replicates=drawn.long(pl.DataFrame({"term": model.design.names})),
        interval=interval,
        conf_level=conf_level,
        seed=seed,
        notes=(*model.notes, *_notes(drawn)),
        _model=model,
        _drawn=drawn,
    )


def _table(drawn: Distribution[_Refits], model: Cox, interval: str, conf_level: float) -> pl.DataFrame:
    columns = drawn.columns(interval, conf_level)
    limits = {name: np.exp(columns.pop(name)) for name in ("conf_low", "conf_high")}
    ratio = {"hazard_ratio": np.exp(drawn.estimate)}
    return pl.DataFrame({"term": model.design.names} | columns | ratio | limits, nan_to_null=True)


def _notes(drawn: Distribution[_Refits]) -> tuple[str, ...]:
    return (f"{drawn.lost} of {drawn.n} replicates have no finite estimate",) if drawn.lost else ()
