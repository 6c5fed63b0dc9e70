# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The first read of a cohort that is not held in memory: its failures by day, its scale, and a sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8
from rwe.survival.baseline import strata_of
from rwe.survival.broken import attempt
from rwe.survival.clock import Clock
from rwe.survival.column_values import given_weight, moments_about
from rwe.survival.columns import refuse
from rwe.survival.data import Response
from rwe.survival.design import Design, design, levelled
from rwe.survival.levels import Levels
from rwe.survival.outcome import Outcome
from rwe.survival.standard import held
from rwe.survival.stream import batches
from rwe.survival.terms import columns_of

BATCH = 1 << 18  # rows in memory at once: 100 MB with 50 covariates, twice that with the frame they come from
EVERY = 17  # one row in so many goes into the sample: odd, so that rows that take turns are all met
SAMPLE = 400_000  # rows of a sample at most
DAY, EVENTS, WEIGHT = "_rwe_day", "_rwe_events", "_rwe_weight"


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Weight, mean and sum of squares of covariates, and their weighted sum over failures less the mean.

    Differences from the mean are what is kept, so that numbers far from 0 lose no digits. `least` and `most` hold the
    one value of a part that is constant, and no bounds of another.
    """

    weight: float
    mean: F8
    squares: F8
    least: F8
    most: F8
    event_weight: float
    event_sum: F8

    def __add__(self, other: Moments) -> Moments:
        """Merge two parts (Chan, Golub & LeVeque 1983, Am Stat 37:242)."""
        whole, apart = self.weight + other.weight, other.mean - self.mean
        mean = self.mean + apart * (other.weight / whole)
        return Moments(
            whole,
            mean,
            self.squares + other.squares + apart**2 * (self.weight * other.weight / whole),
            np.minimum(self.least, other.least),
            np.maximum(self.most, other.most),
            self.event_weight + other.event_weight,
            self.event_sum
            + self.event_weight * (self.mean - mean)
            + other.event_sum
            + other.event_weight * (other.mean - mean),
        )

    @property
    def scale(self) -> F8:
        """Standard deviation; see `held`."""
        return held(np.sqrt(self.squares / self.weight), self.least, self.most)


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What is known of a cohort after one read; surveys of parts add up.

    Parameters
    ----------
    failures
        By strata and day: failures and their weight.
    last
        By strata: last day followed.
    moments
        Of the covariates.
    offset_event
        Weighted sum of the offsets of those who fail.
    square
        Sum of the squared weights.
    n, dropped
        Rows used, and left out for their weight of 0.
    whole
        Whether the weights are whole numbers.
    sample
        Some rows, with all columns.
    """

    failures: pl.DataFrame
    last: pl.DataFrame
    moments: Moments
    offset_event: float
    square: float
    n: int
    dropped: int
    whole: bool
    sample: pl.DataFrame

    def __add__(self, other: Survey) -> Survey:
        """Merge two parts of a cohort."""
        return Survey(
            _summed(pl.concat([self.failures, other.failures])),
            _latest(pl.concat([self.last, other.last])),
            self.moments + other.moments,
            self.offset_event + other.offset_event,
            self.square + other.square,
            self.n + other.n,
            self.dropped + other.dropped,
            self.whole and other.whole,
            _thinned(pl.concat([self.sample, other.sample])),
        )


def survey(frame: Any, outcome: Outcome, plan: Design, *, sample: bool) -> Survey | int:
    """Read a part once; where no row counts, how many have a weight of 0.

    Raises
    ------
    DataError
        If rows break the contract of a column.
    """
    look = partial(attempt, partial(_surveyed, outcome=outcome, plan=plan, sample=sample))
    read = map(look, batches(frame, [*outcome.columns, *plan.columns], BATCH))  # a batch is let go before the next
    return joined(outcome.whole.sound(read, rows_of))


def rows_of(found: Survey | int) -> tuple[int, int]:
    """Return the rows of a part that count, and those of weight 0."""
    return (0, found) if isinstance(found, int) else (found.n, found.dropped)


def joined(parts: Iterable[Survey | int]) -> Survey | int:
    """Return the parts of a cohort as one, one after the other; parts without a row that counts add to the dropped."""
    found: Survey | None = None
    weightless = 0
    for part in parts:
        if isinstance(part, int):
            weightless += part
        else:
            found = part if found is None else found + part
    return weightless if found is None else replace(found, dropped=found.dropped + weightless)


def _surveyed(batch: pl.DataFrame, outcome: Outcome, plan: Design, *, sample: bool) -> Survey | int:
    try:
        frame, response = outcome.read(batch, part=True)
    except NoValidAnswer:
        return batch.height
    w, fails = response.weights, response.event
    columns = {DAY: response.time.astype(np.int64), EVENTS: fails.astype(np.int64), WEIGHT: w * fails}
    days = response.strata.spread(response.strata.code, columns)
    known = outcome.known(frame)
    return Survey(
        _summed(days.filter(fails)),
        _latest(days.drop(EVENTS, WEIGHT)),
        moments_in(response, plan.values(frame)),
        float(w[fails] @ known[fails]) if known.size else 0.0,
        float(w @ w),
        frame.height,
        response.dropped,
        response.whole,
        frame.gather_every(EVERY) if sample else frame.clear(),
    )


@np.errstate(over="ignore", invalid="ignore")  # a covariate that cannot be squared is refused by its unit
def moments_in(response: Response, columns: Sequence[F8]) -> Moments:
    """Return the moments of the covariates of some rows."""
    about, sums, squares, failing, away = moments_about(columns, response.event, given_weight(response))
    weight, failed = float(response.weights.sum()), float(response.weights[response.event].sum())
    mean = about + sums / weight
    shift = mean - about  # what is taken off: the mean as a number, not the mean itself
    least, most = (np.where(away == 0, about, end) for end in (-np.inf, np.inf))
    squares = np.maximum(squares - sums**2 / weight, 0.0)
    return Moments(weight, mean, squares, least, most, failed, failing - failed * shift)


def designed(frames: Sequence[Any], model: str | Sequence[str], reference: Mapping[str, Any] | None) -> Design:
    """Return the design of a model; levels are looked for in all parts.

    Raises
    ------
    DefinitionError
        If a term takes its form from all rows (a spline, polynomials), which are not held.
    """
    columns = columns_of(model)
    first = next((batch for frame in frames for batch in batches(frame, columns, 1024)), None)
    if first is None or not first.height:
        raise NoValidAnswer("no rows are left to analyse")
    wanted = levelled(first, model)
    known = first.filter(pl.all_horizontal(pl.all().is_not_null()))  # the first read counts those without a value
    if not wanted:
        return _plain(design(known if known.height else first, model, reference))
    seen: dict[str, pl.Series] = {}
    rows, unknown = 0, dict.fromkeys(wanted, 0)
    for frame in frames:
        for batch in batches(frame, wanted, BATCH):
            rows += batch.height
            for column in wanted:
                held = [seen[column]] if column in seen else []
                unknown[column] += batch[column].null_count()
                seen[column] = pl.concat([*held, batch[column].unique()]).unique()
    for column, n in unknown.items():
        refuse(n, rows, column, "have no value")
    size = max(values.len() for values in seen.values())
    cycled = {column: values.gather(np.arange(size) % values.len()) for column, values in seen.items()}
    others = {c: (known if known.height else first)[:1][c].gather([0] * size) for c in columns if c not in seen}
    return _plain(design(pl.DataFrame(cycled | others), model, reference))


def _plain(plan: Design) -> Design:
    if formed := [text for text, state in plan.states.items() if state]:
        raise DefinitionError(f"{formed} take their form from all rows: collect the frame first")
    return plan


def placed(response: Response, frame: pl.DataFrame, strata: Levels, n_days: int) -> Response:
    """Return a response whose strata and days are those of the whole cohort."""
    code = strata_of(frame, strata)
    return replace(response, strata=Levels(strata.frame, code, strata.n), clock=Clock(n_days))


def strata_levels(found: Survey, strata: Sequence[str]) -> Levels:
    """Return the strata of a cohort in ascending order."""
    if not strata:
        return Levels(pl.DataFrame(), np.empty(0, np.int64), 1)
    frame = found.last.select(strata).sort(strata)
    return Levels(frame, np.empty(0, np.int64), frame.height)


def _summed(days: pl.DataFrame) -> pl.DataFrame:
    on = [c for c in days.columns if c not in (EVENTS, WEIGHT)]
    return days.group_by(on).agg(pl.col(EVENTS, WEIGHT).sum()).sort(on)


def _latest(days: pl.DataFrame) -> pl.DataFrame:
    on = [c for c in days.columns if c != DAY]
    return days.group_by(on).agg(pl.col(DAY).max()).sort(on) if on else days.select(pl.col(DAY).max())


def _thinned(sample: pl.DataFrame) -> pl.DataFrame:
    return sample.gather_every(3) if sample.height > SAMPLE else sample
