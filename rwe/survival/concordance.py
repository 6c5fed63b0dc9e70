# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Concordance of a risk score with the order of failures, with its standard error and ties told apart.

Harrell et al. (1982) JAMA 247:2543; Uno et al. (2011) Stat Med 30:1105. Variance by the infinitesimal
jackknife, time weights held fixed, as R ``concordance``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.result import Result, tidy
from rwe.survival.agreement import COUNTS, agreement, occasions, ranks
from rwe.survival.clock import ClockName
from rwe.survival.columns import numeric
from rwe.survival.data import names, read, respond
from rwe.survival.door import door
from rwe.survival.intervals import normal_quantile
from rwe.survival.show import Shown, Story

Weighting: TypeAlias = Literal["harrell", "uno", "S", "S/G", "I"]
WEIGHTINGS = ("harrell", "uno", "S", "S/G", "I")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Concordance(Shown):
    """How well a score orders the failures.

    Parameters
    ----------
    table
        One row: concordance, std_error, conf_low, conf_high.
    counts
        One row a stratum: weight of pairs that are concordant, discordant, tied in score (tied_x), in
        time of failure (tied_y), in both (tied_xy).
    n, n_event
        Rows and events used.
    weighting, tau, conf_level
        Settings.
    notes
        What a reader must know, for example rows of weight 0 left out.
    """

    table: pl.DataFrame
    counts: pl.DataFrame
    n: int
    n_event: int
    weighting: str
    tau: float | None
    conf_level: float
    notes: tuple[str, ...]

    @property
    def concordance(self) -> float:
        """The concordance itself."""
        return float(self.table["concordance"][0])

    @property
    def std_error(self) -> float:
        """Its standard error."""
        return float(self.table["std_error"][0])

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the concordance in the long tidy form."""
        row = self.table.rename({"concordance": "estimate"}).with_columns(
            n=pl.lit(self.n), n_event=pl.lit(self.n_event), estimand=pl.lit("concordance")
        )
        settings = {"weighting": self.weighting, "tau": self.tau, "conf_level": self.conf_level}
        table = tidy(row, analysis="concordance", population=population, outcome=outcome)
        return Result(table, settings | {"notes": list(self.notes)})

    def _story(self) -> Story:
        return f"Concordance ({self.weighting}), {self.n} rows, {self.n_event} events", self.table, self.notes


@door
def concordance(
    frame: Any,
    *,
    time: str,
    event: str,
    score: str,
    entry: str | None = None,
    strata: str | Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    weighting: Weighting = "harrell",
    tau: float | None = None,
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> Concordance:
    """Return the share of comparable pairs in which the row that fails first has the higher score.

    Cost: one sort by score and n log(event times).

    Parameters
    ----------
    frame, time, event, entry, clock
        As in `kaplan_meier`.
    score
        Column of risk scores: higher means earlier failure; equal scores are tied and count half.
    strata
        Columns within whose levels pairs are compared.
    weights
        Column of weights; a pair counts the product of its two.
    cluster
        Column that tells which rows belong together, for the standard error.
    weighting
        What a pair counts by the time t of its failure. ``harrell``: 1 (R timewt "n"). ``uno``: 1 / G(t-)^2 with
        G the Kaplan-Meier curve of censoring, failures of a day before its censorings (R "n/G2"). ``S``, ``S/G``,
        ``I``: total weight times S(t-) / Y(t); the same over G(t-); 1 / Y(t), with Y the weight at risk.
    tau
        Failures after this time are not compared.

    Raises
    ------
    DefinitionError
        If a column is missing, `weighting` is unknown, or weighting by censoring is asked for with `entry`.
    DataError
        If rows break the contract of a column.
    NoValidAnswer
        If there is no pair to compare.

    Examples
    --------
    >>> import polars as pl
    >>> from rwe import survival as sv
    >>> frame = pl.DataFrame({"t": [1, 2, 3, 4], "e": [1, 1, 0, 1], "risk": [0.9, 0.2, 0.4, 0.1]})
    >>> sv.concordance(frame, time="t", event="e", score="risk").concordance
    0.8
    """
    if weighting not in WEIGHTINGS:
        raise DefinitionError(f"weighting '{weighting}' is not one of {', '.join(WEIGHTINGS)}")
    if entry is not None and weighting in ("uno", "S/G"):
        raise DefinitionError(f"weighting '{weighting}' needs follow-up from the start: leave out entry")
    columns = [time, event, score, *names(entry), *names(strata), *names(weights), *names(cluster)]
    table = read(frame, columns, why="each row is compared with all others, which no sum over parts replaces")
    response = respond(
        table, time=time, event=event, entry=entry, strata=names(strata), weights=weights, cluster=cluster, clock=clock
    )
    rank = ranks(numeric(table.filter(response.kept)[score]).to_numpy())
    found = agreement(response, *occasions(response), rank, weighting=weighting, tau=tau)
    if np.isnan(found.estimate):
        raise NoValidAnswer("no pair can be compared: nobody is followed beyond a failure")
    half = normal_quantile(conf_level) * found.std_error
    limits = {"conf_low": max(found.estimate - half, 0.0), "conf_high": min(found.estimate + half, 1.0)}
    return Concordance(
        table=pl.DataFrame({"concordance": found.estimate, "std_error": found.std_error} | limits),
        counts=response.strata.spread(np.arange(response.strata.n), dict(zip(COUNTS, found.counts.T, strict=True))),
        n=response.time.size,
        n_event=int(response.event.sum()),
        weighting=weighting,
        tau=tau,
        conf_level=conf_level,
        notes=(f"{response.dropped} rows of weight 0 left out",) if response.dropped else (),
    )
