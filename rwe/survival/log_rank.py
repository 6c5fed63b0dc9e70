# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Log-rank tests of k groups: weights of days, strata, trend, late entry, weighted and clustered rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8
from rwe.kernels.log_rank import Daily, expected, observed
from rwe.result import Result, tidy
from rwe.survival.clock import ClockName
from rwe.survival.data import names
from rwe.survival.door import door
from rwe.survival.intervals import chi_square_tail
from rwe.survival.linear import aliased, solve
from rwe.survival.roles import Roles
from rwe.survival.scores import Scores, day_weights, scores
from rwe.survival.show import framed
from rwe.survival.text import log_rank_text

DayWeights: TypeAlias = Literal["fleming_harrington", "gehan", "tarone_ware", "peto_peto", "modified_peto_peto"]
VarianceRule: TypeAlias = Literal["robust", "xie_liu"]
Trend: TypeAlias = bool | Sequence[float]


@dataclass(frozen=True, slots=True, eq=False)
class LogRank:
    """A test that the hazards of the groups are equal.

    Parameters
    ----------
    statistic, df, p_value
        Chi-square statistic, its degrees of freedom and the upper tail.
    table
        One row a group: the columns of ``by``, then n (persons), observed and expected events
        (weighted by day and by the weights of the rows), variance of their difference.
    settings
        Weights of days (with rho and gamma), trend, and how the variance was found.
    """

    statistic: float
    df: int
    p_value: float
    table: pl.DataFrame
    settings: dict[str, Any]
    _n_event: int

    def to_result(self, *, population: str = "", outcome: str = "", stratum: str = "") -> Result:
        """Return the test in the long tidy form."""
        row: dict[str, float] = {"n": int(self.table["n"].sum()), "n_event": self._n_event}
        row |= {"statistic": self.statistic, "p_value": self.p_value}
        labels = {"population": population, "outcome": outcome, "stratum": stratum, "estimand": "log_rank"}
        return Result(tidy([row], analysis="survival", **labels), self.settings | {"df": self.df})

    def __repr__(self) -> str:
        return log_rank_text(self)

    def _repr_html_(self) -> str:
        title = f"Log-rank: chi-square {self.statistic:.4g} on {self.df} df, p = {self.p_value:.4g}"
        return framed(title, self.table)


@door
def log_rank(
    frame: Any,
    *,
    time: str,
    event: str,
    by: str | Sequence[str],
    strata: str | Sequence[str] | None = None,
    rho: float = 0.0,
    gamma: float = 0.0,
    day_weights: DayWeights = "fleming_harrington",
    weights: str | None = None,
    cluster: str | None = None,
    entry: str | None = None,
    trend: Trend = False,
    variance: VarianceRule = "robust",
    clock: ClockName = "days",
) -> LogRank:
    """Test whether groups share one hazard (Mantel 1966; Harrington & Fleming 1982), as R ``survdiff``.

    Parameters
    ----------
    frame, time, event, entry, clock
        As in `kaplan_meier`.
    by
        Columns that form the groups.
    strata
        Columns within whose levels the groups are compared; sums run over the levels.
    day_weights, rho, gamma
        What a day counts, from the pooled numbers of its stratum. ``fleming_harrington``: S^rho (1 - S)^gamma
        with the Kaplan-Meier survival S just before the day (rho = gamma = 0: the log-rank test; rho = 1 is
        the Peto-Peto test as R names it). ``gehan``: the number at risk n. ``tarone_ware``: its root.
        ``peto_peto``: the product of 1 - d / (n + 1) up to and with the day (Peto & Peto 1972, J R Stat Soc A
        135:185); ``modified_peto_peto``: this times n / (n + 1) (Andersen 1982, Stat Med 1:67).
    weights, cluster
        Column of weights, and column that tells which rows belong together. With either the variance
        is that of the score's influence (Lin & Wei 1989), which equals R's robust score test of a
        Breslow Cox model for the log-rank weights.
    trend
        Test a trend over the groups in ascending order of ``by``: True for scores 0, 1, 2, ... (of numbers or an
        Enum: words have no order of dose), or the scores themselves.
    variance
        For weighted rows: ``robust`` as above, or ``xie_liu``, which takes the weights as given and
        permutes the rows at risk (Xie & Liu 2005, Stat Med 24:3089).

    Raises
    ------
    DefinitionError
        If arguments do not fit together.
    NoValidAnswer
        If there are no events, or fewer than two groups are at risk together when events happen.

    Examples
    --------
    >>> frame = pl.DataFrame({"t": [1, 2, 3, 4, 5, 6], "e": [1, 1, 1, 0, 0, 0], "g": list("aaabbb")})
    >>> round(log_rank(frame, time="t", event="e", by="g").statistic, 4)
    5.0517
    """
    if not names(by):
        raise DefinitionError("log_rank needs the column that forms the groups: by")
    roles = Roles(time, event, None, entry, names(by), names(strata), weights, clock)
    found = scores(frame, roles, cluster, rule=variance)
    return _test(found, _Weights(day_weights, rho, gamma), trend)


@dataclass(frozen=True, slots=True)
class _Weights:
    """The weights of days that were asked for."""

    kind: str
    rho: float
    gamma: float

    def of(self, found: Scores) -> F8:
        return day_weights(found.daily, self.kind, self.rho, self.gamma, whole=found.table.whole)

    def settings(self) -> dict[str, Any]:
        powers = {"rho": self.rho, "gamma": self.gamma} if self.kind == "fleming_harrington" else {}
        return {"day_weights": self.kind, **powers}


def _test(found: Scores, asked: _Weights, trend: Trend) -> LogRank:
    factor, group = asked.of(found), found.table.group
    o, e, variance = observed(found.daily, factor), expected(found.daily, factor), found.covariance(factor, factor)
    words = [c for c, kind in group.frame.schema.items() if kind in (pl.String, pl.Categorical)]
    if trend is True and words:
        raise DefinitionError(f"{words} hold words, without an order: give scores or an Enum in the order of the dose")
    contrast = _contrast(found.daily, trend)
    u, v = contrast @ (o - e), contrast @ variance @ contrast.T
    if aliased(v):
        raise NoValidAnswer("the groups cannot be told apart: their observed - expected events have no variance")
    statistic, df = float(u @ solve(v, u)), contrast.shape[0]
    n = found.table.persons_of_groups.sum(axis=0)
    columns = {"n": n, "observed": o, "expected": e, "variance": np.diag(variance)}
    table = group.spread(np.arange(n.size), columns)
    settings = {**asked.settings(), "trend": bool(trend), "variance": found.rule, "robust": found.rule == "robust"}
    return LogRank(statistic, df, chi_square_tail(statistic, df), table, settings, int(found.table.days.n_event.sum()))


def _contrast(daily: Daily, trend: Trend) -> F8:
    """Return the directions tested: all but the first of the groups that were ever at risk, or their trend."""
    n_groups = daily.share.shape[1]
    there = np.flatnonzero(daily.share.sum(axis=(0, 2)) > 0)
    if there.size < 2:
        raise NoValidAnswer(f"{there.size} of {n_groups} groups are at risk when events happen: two are needed")
    if isinstance(trend, bool):
        return np.arange(n_groups, dtype=np.float64)[None, :] if trend else np.eye(n_groups)[there[1:]]
    given = np.asarray(list(trend), np.float64)
    if given.size != n_groups or not np.isfinite(given).all() or np.unique(given).size < 2:
        raise DefinitionError(f"trend takes one finite score for each of the {n_groups} groups, not all equal")
    return given[None, :]
