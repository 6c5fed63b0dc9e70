# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is known of a person at day zero: one column a baseline variable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from rwe.cohort.records import Derived, Read, nearest, since_index
from rwe.spec.population import Variable


def baseline(variables: Mapping[str, Variable], index: pl.DataFrame, read: Read) -> list[Derived]:
    """Return each variable; beside one that is read from a record the column ``_<name>/gap``, the day of that record.

    Of ``exists`` the gap is that of the first record in the window.
    """
    return [_one(name, variable, index, read) for name, variable in variables.items()]


def _one(name: str, variable: Variable, index: pl.DataFrame, read: Read) -> Derived:
    if variable.kind == "age":
        # Only the year of birth is kept, so age is the difference of years: right to within one year.
        age = (pl.col("index_date").dt.year() - pl.col("_year_of_birth")).cast(pl.Int64)
        return Derived([age.alias(name)])
    rows, gap = since_index(read(variable.record or ""), index), f"_{name}/gap"
    if variable.kind == "exists":
        found = rows.filter(pl.col("gap").is_between(*variable.window)).group_by("person_id")
        exists = pl.when(pl.col(gap).is_not_null()).then(pl.lit("yes")).otherwise(pl.lit("no"))
        return Derived([exists.alias(name)], [found.agg(pl.col("gap").min().alias(gap))])
    value = f"_{name}/value"
    held = nearest(rows, variable.window).select(
        "person_id", _VALUE[variable.kind](variable).alias(value), pl.col("gap").alias(gap)
    )
    return Derived([pl.col(value).alias(name)], [held])


def level_of(levels: Mapping[str, Sequence[int]]) -> pl.Expr:
    """Return the level that a record names: by its value, or by its own concept where it has none."""
    names = {concept: level for level, concepts in levels.items() for concept in concepts}
    return pl.coalesce("level", "concept").replace_strict(names, default=None, return_dtype=pl.String)


_VALUE: dict[str, Callable[[Variable], pl.Expr]] = {
    "number": lambda _: pl.col("number"),
    "level": lambda variable: level_of(variable.levels),
}
