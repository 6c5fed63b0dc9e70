# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Running answers within groups of rows that stand together: one pass over a column, whatever the number of groups."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

# Each group is lifted above all before it, so that a running maximum never looks back: values are days or sums of
# days, far less than this, and as many groups as a machine holds still fit into 64 bits.
_LIFT = 1 << 36


def begins(keys: Sequence[str]) -> pl.Expr:
    """Return whether a row is the first of its group; rows of a group stand together."""
    changed = [pl.col(key).ne_missing(pl.col(key).shift(1)) for key in keys]
    return (pl.any_horizontal(changed) | (pl.int_range(pl.len()) == 0)).alias("_begins")


def numbered(rows: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Return the rows with ``_begins`` and ``_group``, the number of their group."""
    return rows.with_columns(begins(keys)).with_columns(pl.col("_begins").cum_sum().cast(pl.Int64).alias("_group"))


def running_max(value: pl.Expr) -> pl.Expr:
    """Return the greatest whole number so far in the group, of rows that are `numbered`."""
    lifted = pl.col("_group") * _LIFT
    return (value.cast(pl.Int64) + lifted).cum_max() - lifted


def running_sum(value: pl.Expr) -> pl.Expr:
    """Return the sum of whole numbers so far in the group, of rows that are `numbered`."""
    whole = value.cum_sum()
    return whole - pl.when(pl.col("_begins")).then(whole - value).forward_fill()


def apart(gap: pl.Expr | int, covered: pl.Expr | None = None) -> pl.Expr:
    """Return whether a row begins more than `gap` days after the last day covered before; the day after it never is.

    Of the first row of a group, of which nothing is covered before, it is null.
    """
    days = max(gap, 1) if isinstance(gap, int) else gap.clip(1)
    return pl.col("start") > (covered_before() if covered is None else covered) + pl.duration(days=days)


def covered_before() -> pl.Expr:
    """Return the last day that rows before this one of its group cover; null for the first of them."""
    last = running_max(pl.col("end").to_physical()).shift(1)
    return pl.when(~pl.col("_begins")).then(last).cast(pl.Int32).cast(pl.Date)
