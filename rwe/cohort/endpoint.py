# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Time from day zero to an endpoint, in whole days, or to the day follow-up ended without it, and why it did."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rwe.cohort import insurance
from rwe.cohort.records import Derived, Read, first, of_any, since_index
from rwe.spec.endpoint import Endpoint, Stop
from rwe.spec.study import Study

_NEVER = pl.lit(None, dtype=pl.Date)


def endpoints(study: Study, index: pl.DataFrame, read: Read) -> list[Derived]:
    """Return ``<name>_days``, ``<name>_event`` and ``<name>_reason`` of each endpoint.

    The earliest event counts, unless follow-up had ended before. Without one the person leaves at the last check
    where the endpoint names one, else on the last day seen, or earlier where a record, death or the horizon ends
    follow-up. A death after the last check, with no other event before, counts as `after_check` says.
    """
    return [_Reading(name, spec, study, index, read).derived() for name, spec in study.endpoints.items()]


class _Reading:
    """The frames of one endpoint as they are asked for, and what is made of them."""

    def __init__(self, name: str, spec: Endpoint, study: Study, index: pl.DataFrame, read: Read) -> None:
        self.name, self.spec, self.study, self.index, self.read = name, spec, study, index, read
        self.frames: list[pl.LazyFrame] = []

    def derived(self) -> Derived:
        spec, last = self.spec, pl.col("_last_seen")
        known = pl.max_horizontal(self._checked(), "index_date") if spec.check else last
        event, ends = self._event(known), self._ends()
        ended = pl.min_horizontal(day for _, day in ends) if ends else _NEVER
        happened = event.is_not_null() & (ended.is_null() | (event <= ended))
        free = pl.when(event.is_null()).then(known)
        known_of = event.is_not_null() | known.is_not_null()
        left = pl.when(happened).then(event).when(known_of).then(pl.min_horizontal(free, ended))
        columns = [
            (left - pl.col("index_date")).dt.total_days().cast(pl.Int64).alias(f"{self.name}_days"),
            happened.alias(f"{self.name}_event"),
            self._reason(left, happened, ends).alias(f"{self.name}_reason"),
        ]
        return Derived(columns, self.frames)

    def _event(self, known: pl.Expr) -> pl.Expr:
        """Return the day of the event, whether or not follow-up had ended."""
        deaths = [name for name in self.spec.events if self.study.records[name].table == "death"]
        others = [name for name in self.spec.events if name not in deaths]
        died, other = self._first(deaths, "died"), self._first(others, "other", self.spec.since)
        if self.spec.stops:
            stopped = self._stopped(self.spec.stops)
            other = pl.min_horizontal(other, pl.when(stopped <= known).then(stopped))
        if self.spec.after_check == "censor":
            died = pl.when(~(other.is_null() & (died > known))).then(died)
        return pl.min_horizontal(died, other)

    def _ends(self) -> list[tuple[str, pl.Expr]]:
        """Return what ends follow-up without the event, with its day; of two on one day the first is the reason."""
        found = [(why, self._first(names, f"end/{why}", 0)) for why, names in self.spec.censor.items()]
        records = [self.study.records[name] for name in self.spec.events]
        if not any(record.table == "death" and not record.concepts for record in records):
            found.append(("death", pl.col("_died")))
        found += insurance.ends(self.study.insurance)
        if self.spec.until is not None:
            found.append(("horizon", pl.col("index_date") + pl.duration(days=self.spec.until)))
        return found

    def _reason(self, left: pl.Expr, happened: pl.Expr, ends: Sequence[tuple[str, pl.Expr]]) -> pl.Expr:
        reason = pl.when(left.is_null()).then(_NEVER.cast(pl.String)).when(happened).then(pl.lit("event"))
        for why, day in ends:
            reason = reason.when(left == day).then(pl.lit(why))
        if self.spec.check:
            reason = reason.when(left < pl.col("_last_seen")).then(pl.lit("last_check"))
        return reason.otherwise(unseen(left, self.study))

    def _first(self, names: Sequence[str], what: str, since: int | None = None) -> pl.Expr:
        if not names:
            return _NEVER
        rows, column = of_any(names, self.read), f"_{self.name}/{what}"
        if since is not None:
            rows = since_index(rows, self.index).filter(pl.col("gap") >= since)
        self.frames.append(first(rows, column))
        return pl.col(column)

    def _checked(self) -> pl.Expr:
        column = f"_{self.name}/checked"
        rows = self.read(self.spec.check or "").group_by("person_id")
        self.frames.append(rows.agg(pl.col("day").max().alias(column)))
        return pl.col(column)

    def _stopped(self, stop: Stop) -> pl.Expr:
        column = f"_{self.name}/stopped"
        self.frames.append(_over(since_index(of_any(stop.of, self.read), self.index), stop.gap, column))
        return pl.col(column)


def _over(rows: pl.LazyFrame, gap: int, name: str) -> pl.LazyFrame:
    """Return the day on which the first run of exposures has been over for `gap` days."""
    ordered = rows.filter(pl.col("gap") >= 0).sort("person_id", "day", "until")
    covered = pl.col("until").cum_max().shift(1).over("person_id")
    broken = (pl.col("day") > covered + pl.duration(days=max(gap, 1))).fill_null(value=False)
    first_run = ordered.with_columns(broken.alias("_broken")).filter(
        pl.col("_broken").cast(pl.Int64).cum_sum().over("person_id") == 0
    )
    return first_run.group_by("person_id").agg((pl.col("until").max() + pl.duration(days=gap)).alias(name))


def unseen(left: pl.Expr, study: Study) -> pl.Expr:
    """Return why nothing is known after a day: the data end, or the person was lost before."""
    near = (pl.lit(study.cut) - left).dt.total_days() <= study.lost_after
    return pl.when(near).then(pl.lit("end_of_data")).otherwise(pl.lit("lost"))
