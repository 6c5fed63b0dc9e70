# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The bootstrap of what is read off survival curves: percentile, basic and BCa limits from resampled counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import polars as pl

from rwe.result import Result, tidy
from rwe.survival.bootstrap_question import Asked, draws
from rwe.survival.clock import Clock, ClockName
from rwe.survival.counts import Tally
from rwe.survival.data import Response, names, read, respond
from rwe.survival.distribution import INTERVALS, Distribution, Interval, distribution, refuse_draws, refuse_other
from rwe.survival.door import door
from rwe.survival.gather import gather
from rwe.survival.levels import Levels
from rwe.survival.resampling import Draws
from rwe.survival.roles import Roles
from rwe.survival.show import Shown, Story

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language
    from rwe.survival.plots import Labels

Statistic: TypeAlias = Literal["rmst", "survival", "median", "cumulative_incidence"]
Contrast: TypeAlias = Literal["difference", "ratio"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Bootstrap(Shown):
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
    _frame: Distribution[Draws] = field(repr=False)

    def limits(self, interval: Interval) -> pl.DataFrame:
        """Return the table with limits of another kind, from the same replicates."""
        refuse_other("interval", interval, INTERVALS)
        limits = dict(zip(("conf_low", "conf_high"), self._frame.limits(interval, self.conf_level), strict=True))
        return self.table.with_columns(pl.DataFrame(limits, nan_to_null=True))

    def plot(
        self, *, title: str | None = None, subtitle: str | None = None, labels: Labels = None,
        language: Language = "en",
    ) -> Chart:  # fmt: skip
        """Draw the replicates as bars, with the estimate and its limits, a panel a group (or the contrast).

        Parameters
        ----------
        title, subtitle, labels, language
            As in `KaplanMeier.plot`.
        """
        from rwe.survival.plot_choices import bootstrap_chart  # the chart library is slow to import

        return bootstrap_chart(self, title=title, subtitle=subtitle, labels=labels, language=language)

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the estimates in the long tidy form."""
        self._clock.whole("the long tidy form")
        rows = self.table.select(
            pl.Series("group", self._labels, pl.String), "time", "estimate", "std_error", "conf_low", "conf_high"
        ).with_columns(n=pl.lit(self._n[0]), n_event=pl.lit(self._n[1]))
        estimand = self.statistic if self.contrast is None else f"{self.statistic}_{self.contrast}"
        settings: dict[str, Any] = {"interval": f"bootstrap, {self.interval}", "conf_level": self.conf_level}
        settings |= {"replicates": self._frame.n, "seed": self.seed, "notes": list(self.notes)}
        labels = {"population": population, "outcome": outcome, "estimand": estimand}
        return Result(tidy(rows, analysis="survival", **labels), settings)

    def _story(self) -> Story:
        title = f"Bootstrap of {self.statistic}, {self._frame.n} replicates, {self.interval} limits"
        return title, self.table, self.notes


@door
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
        As in `kaplan_meier`; rows with late entry, weights or clusters must be held in one frame.
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
    >>> found = bootstrap(frame, time="days", event="died", statistic="rmst", at=8, replicates=99)
    >>> round(found.table["estimate"].item(), 6)  # 3 + 2 (5 / 6) + 3 (2 / 3)
    6.666667
    """
    refuse_draws(interval, replicates, seed, conf_level)
    asked = Asked(statistic, at, contrast, of)
    asked.refuse(event=event, cause=cause)
    roles = Roles(time, event, cause, entry, names(by), names(strata), weights, clock)
    rows: Response | Tally
    if entry is None and weights is None and cluster is None:
        rows = gather(frame, roles)
    else:
        rows = respond(read(frame, [*roles.columns, *names(cluster)]), cluster=cluster, **asdict(roles))
    spread = distribution(draws(rows, asked), replicates, seed)
    return _told(rows, spread, asked, interval, conf_level, seed)


def _told(
    rows: Response | Tally, spread: Distribution[Draws], asked: Asked, interval: Interval, conf_level: float, seed: int
) -> Bootstrap:
    """Return the distribution as a result, with its table."""
    shown, contrast = _labels(rows.group, asked.contrast), asked.contrast
    when = None if asked.at is None else rows.clock.asked(asked.at, "at").item()
    return Bootstrap(
        table=_table(spread, shown, when, interval, conf_level),
        replicates=spread.long(shown),
        statistic=asked.statistic,
        contrast=contrast,
        interval=interval,
        conf_level=conf_level,
        seed=seed,
        notes=_notes(spread, rows.dropped),
        _n=_numbers(rows),
        _labels=tuple(rows.group.labels()) if contrast is None else (contrast,),
        _clock=rows.clock,
        _frame=spread,
    )


def _numbers(rows: Response | Tally) -> tuple[int, int]:
    """Return how many rows there are, and how many of them fail."""
    if isinstance(rows, Tally):
        return int(rows.days.persons[:2].sum()), int(rows.days.persons[1].sum())
    return rows.time.size, int(rows.event.sum())


def _labels(group: Levels, contrast: str | None) -> pl.DataFrame:
    if contrast is None:
        return group.frame
    first, second = group.labels()
    return pl.DataFrame({"group": [second], "reference": [first]})


def _table(
    d: Distribution[Draws], shown: pl.DataFrame, at: float | None, interval: str, conf_level: float
) -> pl.DataFrame:
    when = pl.Series([at] * d.estimate.size, dtype=pl.Float64 if isinstance(at, float) else pl.Int64)
    body = pl.DataFrame({"time": when} | d.columns(interval, conf_level), nan_to_null=True)
    body = body.with_columns(pl.when(pl.col(pl.Float64).is_finite()).then(pl.col(pl.Float64)))
    return shown.hstack(body) if shown.width else body


def _notes(d: Distribution[Draws], dropped: int) -> tuple[str, ...]:
    notes = [f"{dropped} rows of weight 0 left out"] if dropped else []
    if d.lost:
        notes.append(f"{d.lost} of {d.n} replicates reach no answer (follow-up too short, or median not reached)")
    return tuple(notes)
