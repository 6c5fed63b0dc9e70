# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The bootstrap of what is read off survival curves: percentile, basic and BCa limits from resampled counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8
from rwe.kernels.resample import INCIDENCE, QUANTILE, RMST, SURVIVAL
from rwe.result import Result, tidy
from rwe.survival.clock import Clock, ClockName
from rwe.survival.data import Levels, Response, names, read, respond
from rwe.survival.distribution import Distribution, contrasted
from rwe.survival.resampling import Question, cells_of
from rwe.survival.show import framed

Statistic: TypeAlias = Literal["rmst", "survival", "median", "cumulative_incidence"]
Contrast: TypeAlias = Literal["difference", "ratio"]
Interval: TypeAlias = Literal["percentile", "basic", "bca"]
INTERVALS, CONTRASTS = ("percentile", "basic", "bca"), (None, "difference", "ratio")
KINDS = {"rmst": RMST, "survival": SURVIVAL, "median": QUANTILE, "cumulative_incidence": INCIDENCE}


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap:
    """A statistic of survival curves with its bootstrap distribution.

    Parameters
    ----------
    table
        One row a group, or one for the contrast of two (group, reference): time (null for a median),
        estimate, std_error, bias, conf_low, conf_high. Null: not reached, or no answer.
    replicates
        One row a group (or the contrast) and replicate: replicate (from 0), value.
    statistic, contrast, interval, conf_level, seed
        What was asked.
    notes
        What a reader must know, for example replicates that had no answer.
    """

    table: pl.DataFrame
    replicates: pl.DataFrame
    statistic: str
    contrast: str | None
    interval: str
    conf_level: float
    seed: int
    notes: tuple[str, ...]
    _n: tuple[int, int]
    _labels: tuple[str, ...]
    _clock: Clock = field(repr=False)
    _frame: Distribution = field(repr=False)

    def limits(self, interval: Interval) -> pl.DataFrame:
        """Return the table with limits of another kind, from the same replicates."""
        if interval not in INTERVALS:
            raise DefinitionError(f"interval '{interval}' is not one of {', '.join(INTERVALS)}")
        low, high = self._frame.limits(interval, self.conf_level)
        return self.table.with_columns(pl.Series("conf_low", low), pl.Series("conf_high", high)).with_columns(
            pl.col("conf_low", "conf_high").fill_nan(None)
        )

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the estimates in the long tidy form."""
        self._clock.whole("the long tidy form")
        rows = self.table.select(
            pl.Series("group", self._labels, pl.String), "time", "estimate", "std_error", "conf_low", "conf_high"
        ).with_columns(n=pl.lit(self._n[0]), n_event=pl.lit(self._n[1]))
        estimand = self.statistic if self.contrast is None else f"{self.statistic}_{self.contrast}"
        settings: dict[str, Any] = {"interval": f"bootstrap, {self.interval}", "conf_level": self.conf_level}
        settings |= {"replicates": self._frame.values.shape[0], "seed": self.seed, "notes": list(self.notes)}
        labels = {"population": population, "outcome": outcome, "estimand": estimand}
        return Result(tidy(rows, analysis="survival", **labels), settings)

    def _repr_html_(self) -> str:
        title = f"Bootstrap of {self.statistic}, {self._frame.values.shape[0]} replicates, {self.interval} limits"
        return framed(title, self.table, self.notes)


def bootstrap(
    frame: Any,
    *,
    time: str,
    event: str | None = None,
    cause: str | None = None,
    of: int | str | None = None,
    statistic: Statistic,
    at: float | None = None,
    by: str | Sequence[str] | None = None,
    contrast: Contrast | None = None,
    entry: str | None = None,
    weights: str | None = None,
    strata: str | Sequence[str] | None = None,
    cluster: str | None = None,
    replicates: int = 1000,
    seed: int = 1,
    interval: Interval = "percentile",
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> Bootstrap:
    """Bootstrap a statistic of survival curves (Efron 1981, J Am Stat Assoc 76:312).

    Rows are drawn with replacement within groups (and strata); rows of one cluster are drawn together, within
    groups too where no cluster has rows in several. Equal rows are drawn as counts, so the cost of a
    replicate does not depend on the number of rows. The same seed gives the same answer on any
    number of threads.

    Parameters
    ----------
    frame, time, event, entry, by, clock
        As in `kaplan_meier`.
    cause, of
        In place of `event`: column of the cause of failure (0: censored), and the cause of interest.
    statistic
        rmst (mean time lived up to `at`), survival (on `at`), median, or cumulative_incidence (of the cause
        `of` on `at`, Aalen-Johansen).
    at
        Time up to or on which the statistic is taken; none for a median.
    contrast
        difference or ratio of the second group to the first, in ascending order of `by`.
    weights
        Column of weights; a row keeps its weight in every replicate.
    strata, cluster
        Columns within whose levels rows are drawn; column of what is drawn whole.
    replicates, seed
        How many, and from which seed.
    interval
        percentile, basic or bca (Efron 1987, J Am Stat Assoc 82:171).

    Raises
    ------
    DefinitionError
        If an argument is wrong.
    DataError
        If rows break the contract of a column, or a cluster lies in several strata.
    NoValidAnswer
        If the statistic has no answer in the rows themselves, for example because follow-up is too short.

    Examples
    --------
    >>> frame = pl.DataFrame({"days": [3, 5, 5, 8, 9, 12], "died": [1, 1, 0, 1, 0, 1]})
    >>> bootstrap(frame, time="days", event="died", statistic="rmst", at=8, replicates=99).table["estimate"].item()
    6.5
    """
    _check(statistic, at, event, cause, of, contrast, interval, replicates, seed)
    columns = [
        *names(event),
        *names(cause),
        *names(entry),
        *names(by),
        *names(weights),
        *names(strata),
        *names(cluster),
    ]
    response = respond(
        read(frame, [time, *columns]), time=time, event=event, cause=cause, entry=entry, by=names(by),
        weights=weights, strata=names(strata), cluster=cluster, clock=clock,
    )  # fmt: skip
    question = _question(response.clock, KINDS[statistic], at)
    spread = _distribution(response, question, of, contrast, replicates, seed)
    shown, when = _labels(response.group, contrast), None if at is None else response.clock.asked(at, "at").item()
    return Bootstrap(
        table=_table(spread, shown, when, interval, conf_level),
        replicates=_replicates(spread.values, shown),
        statistic=statistic,
        contrast=contrast,
        interval=interval,
        conf_level=conf_level,
        seed=seed,
        notes=_notes(spread.values, response.dropped),
        _n=(response.time.size, int(response.event.sum())),
        _labels=tuple(response.group.labels()) if contrast is None else (contrast,),
        _clock=response.clock,
        _frame=spread,
    )


def _check(
    statistic: str, at: float | None, event: str | None, cause: str | None, of: int | str | None,
    contrast: str | None, interval: str, replicates: int, seed: int,
) -> None:  # fmt: skip
    for name, value, allowed in (
        ("statistic", statistic, KINDS), ("interval", interval, INTERVALS), ("contrast", contrast, CONTRASTS),
    ):  # fmt: skip
        if value not in allowed:
            raise DefinitionError(f"{name} '{value}' is not one of {', '.join(map(str, allowed))}")
    if (statistic == "median") != (at is None):
        raise DefinitionError("at is the time of rmst, survival and cumulative_incidence; a median has none")
    if (event is None) == (statistic != "cumulative_incidence") or (event is None) != (
        cause is not None and of is not None
    ):
        raise DefinitionError(
            "give event; for cumulative_incidence give cause and the cause of interest (of) in its place"
        )
    if replicates < 2 or seed < 0:
        raise DefinitionError("replicates is a whole number from 2, seed one from 0")


def _distribution(
    response: Response, question: Question, of: int | str | None, contrast: str | None, n: int, seed: int
) -> Distribution:
    if contrast is not None and response.group.n != 2:
        raise DefinitionError(f"a contrast needs two groups; the column given as by holds {response.group.n}")
    cells = cells_of(response, _status(response, of), question.tick.size)
    estimate = cells.estimate(question)
    if np.isnan(estimate).any():
        short = f"{int(np.isnan(estimate).sum())} of {estimate.size} groups"
        raise NoValidAnswer(f"follow-up of {short} does not reach the time given as at: choose an earlier one")
    values = contrasted(cells.draw(question, n, seed), contrast)
    return Distribution(contrasted(estimate[None, :], contrast)[0], values, cells, question, contrast)


def _question(clock: Clock, kind: int, at: float | None) -> Question:
    if at is None:
        upto = reach = clock.n - 1
        horizon = float(clock.times(clock.n - 1))
    else:
        asked = clock.asked(at, "at")
        horizon = float(asked.item())
        upto, reach = int(clock.index(asked).item()), int(clock.next(asked).item())
    days = min(clock.n, reach + 2)
    tick = np.asarray(clock.times(np.arange(days)), np.float64)
    ask = np.array([kind, min(upto, days - 1), reach], np.int64)
    return Question(ask, tick, np.ascontiguousarray(clock.widths(horizon)[:days]), 0.5)


def _status(response: Response, of: int | str | None) -> I8:
    status = response.event.astype(np.int64)
    if of is None:
        return np.asarray(status)
    if of not in response.causes:
        raise DefinitionError(f"of = {of!r} is none of the {len(response.causes)} causes in the column given as cause")
    return np.asarray(status + (response.cause == response.causes.index(of) + 1), np.int64)


def _labels(group: Levels, contrast: str | None) -> pl.DataFrame:
    if contrast is None:
        return group.frame
    first, second = group.labels()
    return pl.DataFrame({"group": [second], "reference": [first]})


def _table(d: Distribution, shown: pl.DataFrame, at: float | None, interval: str, conf_level: float) -> pl.DataFrame:
    low, high = d.limits(interval, conf_level)
    known = ~np.isnan(d.values)
    with np.errstate(all="ignore"):
        mean = np.nansum(d.values, axis=0) / known.sum(axis=0)
        error = np.sqrt(np.nansum((d.values - mean) ** 2, axis=0) / (known.sum(axis=0) - 1))
    columns = {
        "time": pl.Series([at] * d.estimate.size, dtype=pl.Float64 if isinstance(at, float) else pl.Int64),
        "estimate": d.estimate, "std_error": error, "bias": mean - d.estimate, "conf_low": low, "conf_high": high,
    }  # fmt: skip
    body = pl.DataFrame(columns, nan_to_null=True)
    body = body.with_columns(pl.when(pl.col(pl.Float64).is_finite()).then(pl.col(pl.Float64)))
    return shown.hstack(body) if shown.width else body


def _replicates(values: F8, shown: pl.DataFrame) -> pl.DataFrame:
    n, of = values.shape
    columns = {"replicate": np.repeat(np.arange(n), of), "value": np.where(np.isfinite(values), values, np.nan).ravel()}
    body = pl.DataFrame(columns, nan_to_null=True)
    return shown[np.tile(np.arange(of), n)].hstack(body) if shown.width else body


def _notes(values: F8, dropped: int) -> tuple[str, ...]:
    lost = int((~np.isfinite(values)).any(axis=1).sum())
    notes = [f"{dropped} rows of weight 0 left out"] if dropped else []
    if lost:
        notes.append(
            f"{lost} of {values.shape[0]} replicates reach no answer (follow-up too short, or median not reached)"
        )
    return tuple(notes)
