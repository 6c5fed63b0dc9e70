# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Checks that hold the values of a field against each other: which stand twice, which were never mapped.

Each reads the one or two columns that it needs in a plan of its own: beside sums of other columns they would all wait
in memory for the last value.
"""

from __future__ import annotations

import polars as pl

from rwe.quality.checks import Check

_NAMES = ("isPrimaryKey", "sourceValueCompleteness")


def known(check: Check) -> bool:
    """Tell whether a check holds values against each other."""
    return check.name in _NAMES


def plan(check: Check, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return one row: ``violated`` of ``rows``, rows for a key that must stand once, values for what was mapped."""
    return _twice(check, rows) if check.name == "isPrimaryKey" else _unmapped(check, rows)


def _twice(check: Check, rows: pl.LazyFrame) -> pl.LazyFrame:
    key = pl.col(check.field)
    again = (key == key.shift(1)) | (key == key.shift(-1))
    ordered = rows.select(key).filter(key.is_not_null()).sort(check.field)
    violated = ordered.select(again.fill_null(value=False).sum().alias("violated"))
    return pl.concat([violated, rows.select(pl.len().alias("rows"))], how="horizontal")


def _unmapped(check: Check, rows: pl.LazyFrame) -> pl.LazyFrame:
    lost = (pl.col(check.argument) == 0).any().alias("lost")
    values = rows.group_by(pl.col(check.field).alias("value")).agg(lost)  # no value at all is one of the values
    return values.select(pl.col("lost").sum().alias("violated"), pl.len().alias("rows"))
