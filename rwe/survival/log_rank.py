# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Log-rank test of k groups: G-rho weights, strata, trend, late entry, weighted rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8
from rwe.kernels.log_rank import Sums, influence, sums
from rwe.result import Result, tidy
from rwe.survival.clock import ClockName
from rwe.survival.data import Response, names, read, respond
from rwe.survival.intervals import chi_square_tail
from rwe.survival.linear import aliased, solve
from rwe.survival.show import framed


@dataclass(frozen=True, slots=True, eq=False)
class LogRank:
    """A test that the hazards of the groups are equal.

    Parameters
    ----------
    statistic, df, p_value
        Chi-square statistic, its degrees of freedom and the upper tail.
    table
        One row a group: the columns of ``by``, then n (persons), observed and expected events
        (weighted by ``rho`` and by the weights of the rows), variance of their difference.
    rho, trend, robust
        The weight S(t-)^rho; whether the alternative is a trend over the groups in their order;
        whether the variance is that of the score's influence (weighted rows).
    """

    statistic: float
    df: int
    p_value: float
    table: pl.DataFrame
    rho: float
    trend: bool
    robust: bool
    _n_event: int

    def to_result(self, *, population: str = "", outcome: str = "", stratum: str = "") -> Result:
        """Return the test in the long tidy form."""
        row: dict[str, float] = {"n": int(self.table["n"].sum()), "n_event": self._n_event}
        row |= {"statistic": self.statistic, "p_value": self.p_value}
        labels = {"population": population, "outcome": outcome, "stratum": stratum, "estimand": "log_rank"}
        settings = {"rho": self.rho, "trend": self.trend, "robust": self.robust, "df": self.df}
        return Result(tidy([row], analysis="survival", **labels), settings)

    def _repr_html_(self) -> str:
        title = f"Log-rank: chi-square {self.statistic:.4g} on {self.df} df, p = {self.p_value:.4g}"
        return framed(title, self.table)


def log_rank(
    frame: Any,
    *,
    time: str,
    event: str,
    by: str | Sequence[str],
    strata: str | Sequence[str] | None = None,
    rho: float = 0.0,
    weights: str | None = None,
    entry: str | None = None,
    trend: bool = False,
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
    rho
        Weight of a day: the pooled survival of its stratum just before it, to this power.
    weights
        Column of weights. The variance is then that of the weighted score's influence (Lin & Wei
        1989), which equals R's robust score test of a Breslow Cox model when rho is 0.
    trend
        Test a trend over the groups in ascending order of ``by`` (scores 0, 1, 2, ...).

    Raises
    ------
    NoValidAnswer
        If there are no events, or fewer than two groups are at risk together when events happen.
    """
    response = respond(
        read(frame, [time, event, *names(by), *names(strata), *names(weights), *names(entry)]),
        time=time, event=event, entry=entry, by=names(by), strata=names(strata), weights=weights, clock=clock,
    )  # fmt: skip
    if not names(by):
        raise DefinitionError("log_rank needs the column that forms the groups: by")
    found, variance = _score(response, rho)
    score = found.observed - found.expected
    contrast = _contrast(found.expected, trend=trend)
    u, v = contrast @ score, contrast @ variance @ contrast.T
    if aliased(v):
        raise NoValidAnswer("the groups cannot be told apart: their observed - expected events have no variance")
    statistic, df = float(u @ solve(v, u)), contrast.shape[0]
    n = np.bincount(response.group.code, minlength=response.group.n)
    columns = {"n": n, "observed": found.observed, "expected": found.expected, "variance": np.diag(variance)}
    table = response.group.spread(np.arange(n.size), columns)
    p_value, robust = chi_square_tail(statistic, df), response.weight is not None
    return LogRank(statistic, df, p_value, table, rho, trend, robust, int(response.event.sum()))


def _score(response: Response, rho: float) -> tuple[Sums, F8]:
    cell = response.strata.code * response.group.n + response.group.code
    days = response.fold(cell, response.strata.n * response.group.n)
    found = sums(days, response.group.n, rho)
    if not response.event.any():
        raise NoValidAnswer("there are no events: the groups cannot be compared")
    if response.weight is None:
        return found, found.variance
    own = influence(found, response.strata.code, response.group.code, response.time, response.entry, response.event)
    own *= response.weight[:, None]
    return found, own.T @ own


def _contrast(expected: F8, *, trend: bool) -> F8:
    """Return the directions tested: all but the first of the groups that were ever at risk, or their trend."""
    there = np.flatnonzero(expected > 0)
    if there.size < 2:
        raise NoValidAnswer(f"{there.size} of {expected.size} groups are at risk when events happen: two are needed")
    rows: F8 = np.arange(expected.size, dtype=np.float64)[None, :] if trend else np.eye(expected.size)[there[1:]]
    return rows
