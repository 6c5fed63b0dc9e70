# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is known of a person at day zero: one column a baseline variable."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import polars as pl

from rwe.spec.study import Variable

Read = Callable[[str], pl.DataFrame]


def baseline(index: pl.DataFrame, variables: dict[str, Variable], read: Read) -> pl.DataFrame:
    """Add each variable to `index` (``person_id``, ``index_date``, ``year_of_birth``)."""
    return reduce(lambda frame, item: _add(frame, item[0], item[1], read), variables.items(), index)


def _add(frame: pl.DataFrame, name: str, variable: Variable, read: Read) -> pl.DataFrame:
    if variable.kind == "age":
        # Only the year of birth is kept, so age is the difference of years: right to within one year.
        return frame.with_columns((pl.col("index_date").dt.year() - pl.col("year_of_birth")).cast(pl.Int64).alias(name))
    near = _nearest(frame, read(variable.record or ""), variable.window)
    joined = frame.join(near.select("person_id", "concept", "number", "level"), on="person_id", how="left")
    value = _VALUE[variable.kind](variable)
    return joined.with_columns(value.alias(name)).drop("concept", "number", "level")


def _nearest(index: pl.DataFrame, records: pl.DataFrame, window: tuple[int, int]) -> pl.DataFrame:
    """Return each person's record nearest to the index date within `window` days of it."""
    gap = (pl.col("day") - pl.col("index_date")).dt.total_days()
    return (
        records.join(index.select("person_id", "index_date"), on="person_id")
        .with_columns(gap.alias("gap"))
        .filter(pl.col("gap").is_between(*window))
        .sort("person_id", pl.col("gap").abs(), "gap", "concept", "number", "level")
        .unique("person_id", keep="first", maintain_order=True)
    )


def _level(variable: Variable) -> pl.Expr:
    names = {concept: level for level, concepts in variable.levels.items() for concept in concepts}
    coded = pl.coalesce("level", "concept")
    return coded.replace_strict(names, default=None, return_dtype=pl.String)


def _exists(_: Variable) -> pl.Expr:
    return pl.when(pl.col("concept").is_not_null()).then(pl.lit("yes")).otherwise(pl.lit("no"))


_VALUE: dict[str, Callable[[Variable], pl.Expr]] = {
    "number": lambda _: pl.col("number"),
    "level": _level,
    "exists": _exists,
}
