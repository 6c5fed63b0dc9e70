# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What stands around a row: birth, death and sex of its person, the days of its visit."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from rwe.quality.rules import BIRTH, DEATH, IN_VISIT, MIDYEAR, VISIT_END, VISIT_START

SEX = "_sex"
Tables = Mapping[str, pl.LazyFrame]
_READ: Mapping[str, Mapping[str, pl.DataType]] = {
    "person": {
        **dict.fromkeys(("person_id", "year_of_birth", "month_of_birth", "day_of_birth"), pl.Int64()),
        "birth_datetime": pl.Datetime(),
        "gender_concept_id": pl.Int64(),
    },
    "death": {"person_id": pl.Int64(), "death_date": pl.Date()},
}


def read_people(tables: Tables) -> Tables:
    """Read once what every table is joined to, births, sexes and deaths; a field that is missing is unknown of all."""
    found = {}
    for name, fields in _READ.items():
        if name not in tables:
            continue
        rows = tables[name]
        there = rows.collect_schema().names()
        lacking = [pl.lit(None, dtype=kind).alias(field) for field, kind in fields.items() if field not in there]
        found[name] = rows.with_columns(lacking).select(*fields).collect(engine="streaming").lazy()
    return found


def with_people(rows: pl.LazyFrame, tables: Tables) -> pl.LazyFrame:
    """Add to each row what its person was born and died on, and the concept of the sex; null where nobody is found."""
    return rows.join(_people(tables), on="person_id", how="left")


def with_visits(rows: pl.LazyFrame, tables: Tables) -> pl.LazyFrame:
    """Add to each row the first and last day of the visit it names."""
    visits = tables["visit_occurrence"].select(
        "visit_occurrence_id",
        pl.col("visit_start_date").alias(VISIT_START),
        pl.col("visit_end_date").alias(VISIT_END),
        pl.lit(value=True).alias(IN_VISIT),
    )
    return rows.join(visits.unique("visit_occurrence_id"), on="visit_occurrence_id", how="left")


def _people(tables: Tables) -> pl.LazyFrame:
    year, month, day = pl.col("year_of_birth"), pl.col("month_of_birth"), pl.col("day_of_birth")
    told = pl.col("birth_datetime").cast(pl.Date)
    people = tables["person"].select(
        "person_id",
        pl.coalesce(told, _date(year, month.fill_null(1), day.fill_null(1))).alias(BIRTH),
        pl.coalesce(told, _date(year, pl.lit(6), pl.lit(1))).alias(MIDYEAR),
        pl.col("gender_concept_id").alias(SEX),
    )
    return people.unique("person_id").join(_deaths(tables), on="person_id", how="left")


def _date(year: pl.Expr, month: pl.Expr, day: pl.Expr) -> pl.Expr:
    """Return the day, null where there is none such: a day of birth may itself be at fault."""
    text = pl.format("{}-{}-{}", year, month, day)
    return text.str.to_date("%Y-%m-%d", strict=False)


def _deaths(tables: Tables) -> pl.LazyFrame:
    if "death" not in tables:
        return pl.LazyFrame(schema={"person_id": pl.Int64, DEATH: pl.Date})
    return tables["death"].group_by("person_id").agg(pl.col("death_date").min().alias(DEATH))
