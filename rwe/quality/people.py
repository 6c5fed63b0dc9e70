# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Checks of a whole table that count persons: who has no record in it, whose periods overlap."""

from __future__ import annotations

import polars as pl

from rwe.quality.around import Tables
from rwe.quality.checks import Check


def known(check: Check) -> bool:
    """Tell whether a check counts persons."""
    return check.name in ("measurePersonCompleteness", "measureObservationPeriodOverlap")


def plan(check: Check, tables: Tables) -> pl.LazyFrame:
    """Return one row: ``violated`` persons of ``rows`` persons."""
    if check.name == "measurePersonCompleteness":
        return _without(tables["person"], tables[check.table])
    return _overlapping(tables[check.table])


def _without(people: pl.LazyFrame, rows: pl.LazyFrame) -> pl.LazyFrame:
    seen = rows.select("person_id", seen=pl.lit(value=True)).unique("person_id")
    met = people.select("person_id").join(seen, on="person_id", how="left")
    return met.select(pl.col("seen").is_null().sum().alias("violated"), pl.len().alias("rows"))


def _overlapping(periods: pl.LazyFrame) -> pl.LazyFrame:
    """Count persons with a period that begins before the day after the end of an earlier one, that day included."""
    start, end = pl.col("observation_period_start_date"), pl.col("observation_period_end_date")
    named = periods.filter(pl.col("person_id").is_not_null())
    ordered = named.select("person_id", start=start, end=end).sort("person_id", "start", "end")
    reached = pl.col("end").cum_max().shift(1).over("person_id")
    meets = (pl.col("start") <= reached.dt.offset_by("1d")).fill_null(value=False)
    each = ordered.select("person_id", meets=meets).group_by("person_id").agg(pl.col("meets").any())
    return each.select(pl.col("meets").sum().alias("violated"), pl.len().alias("rows"))
