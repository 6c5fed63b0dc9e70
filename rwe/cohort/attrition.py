# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Who remains after each criterion, and how many each one took away: persons and index records, whole and by group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from rwe.cohort.criteria import Test
from rwe.errors import NoValidAnswer

Row = dict[str, Any]
STOP = "_stop"


def walk(people: pl.DataFrame, steps: Sequence[Test]) -> pl.Series:
    """Return for each person the number of the first step that is not passed; ``len(steps)`` where all are."""
    failed = [pl.when(~test.fill_null(value=False)).then(pl.lit(i)) for i, (_, test) in enumerate(steps)]
    return people.select(pl.coalesce(*failed, pl.lit(len(steps))).cast(pl.Int64).alias(STOP)).to_series()


def persons(stops: pl.Series, steps: Sequence[Test], population: str) -> list[Row]:
    """Return the persons that each step takes away and leaves.

    Raises
    ------
    NoValidAnswer
        If a step leaves nobody: the message names it.
    """
    rows, left = [], stops.len()
    for i, (name, _) in enumerate(steps):
        before, left = left, int((stops > i).sum())
        rows += [
            {"outcome": name, "estimand": "excluded", "n": before - left},
            {"outcome": name, "estimand": "remaining", "n": left},
        ]
        if not left:
            said = ", ".join(f"{row['outcome']} {row['n']}" for row in rows if row["estimand"] == "remaining")
            raise NoValidAnswer(
                f"population '{population}': criterion '{name}' leaves nobody of {before} "
                f"(remaining after each: {said}); look at the variable it tests and at what was rejected or unmapped"
            )
    return rows


def by_group(people: pl.DataFrame, stops: pl.Series, steps: Sequence[Test], groups: Sequence[str]) -> pl.DataFrame:
    """Return persons and index records after each step, for everyone and by the values of each of `groups`.

    Columns ``group`` (``""``, or ``<column>=<value>``), ``outcome``, ``estimand`` (``remaining``, ``excluded``,
    ``remaining_records``, ``excluded_records``), ``n``. The first line is ``index``: everyone with an index date.
    The groups of one column add up to everyone at every step.
    """
    counted = people.select("index_records", *groups).with_columns(stops.alias(STOP))
    parts = [_lines(counted, pl.lit(""), steps)]
    for column in groups:
        value = pl.col(column).cast(pl.String).fill_null("unknown")
        parts.append(_lines(counted, pl.format(f"{column}={{}}", value), steps))
    return pl.concat(parts)


def _lines(counted: pl.DataFrame, group: pl.Expr, steps: Sequence[Test]) -> pl.DataFrame:
    names = pl.DataFrame({STOP: range(-1, len(steps)), "outcome": ["index", *(name for name, _ in steps)]})
    tally = counted.group_by(group.alias("group"), STOP).agg(n=pl.len().cast(pl.Int64), records=pl.sum("index_records"))
    whole = tally.group_by("group").agg(pl.sum("n").alias("all"), pl.sum("records").alias("all_records"))
    lines = (
        whole.join(names, how="cross")
        .join(tally, on=["group", STOP], how="left")
        .sort("group", STOP)
        .with_columns(pl.col("n", "records").fill_null(0))
        .with_columns(
            (pl.col("all") - pl.col("n").cum_sum().over("group")).alias("remaining"),
            (pl.col("all_records") - pl.col("records").cum_sum().over("group")).alias("remaining_records"),
        )
        .rename({"n": "excluded", "records": "excluded_records"})
    )
    kinds = ["excluded", "remaining", "excluded_records", "remaining_records"]
    return (
        lines.unpivot(kinds, index=["group", STOP, "outcome"], variable_name="estimand", value_name="n")
        .sort("group", STOP, pl.col("estimand").replace_strict({k: i for i, k in enumerate(kinds)}))
        .select("group", "outcome", "estimand", pl.col("n").cast(pl.Int64))
    )
