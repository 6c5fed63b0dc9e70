# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Records of the common model as (person, day): one shape for every table a study may name, read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from rwe.cdm import SITE, Cdm
from rwe.spec.population import Record

DATE = {
    "condition_occurrence": "condition_start_date",
    "death": "death_date",
    "dose_era": "dose_era_start_date",
    "drug_era": "drug_era_start_date",
    "drug_exposure": "drug_exposure_start_date",
    "episode": "episode_start_date",
    "measurement": "measurement_date",
    "observation": "observation_date",
    "procedure_occurrence": "procedure_date",
    "visit_occurrence": "visit_start_date",
}
END = {
    "condition_occurrence": "condition_end_date",
    "dose_era": "dose_era_end_date",
    "drug_era": "drug_era_end_date",
    "drug_exposure": "drug_exposure_end_date",
    "episode": "episode_end_date",
    "procedure_occurrence": "procedure_end_date",
    "visit_occurrence": "visit_end_date",
}
CONCEPT = {
    "condition_occurrence": "condition_concept_id",
    "death": "cause_concept_id",
    "dose_era": "drug_concept_id",
    "drug_era": "drug_concept_id",
    "drug_exposure": "drug_concept_id",
    "episode": "episode_concept_id",
    "measurement": "measurement_concept_id",
    "observation": "observation_concept_id",
    "procedure_occurrence": "procedure_concept_id",
    "visit_occurrence": "visit_concept_id",
}
NUMBER = {"dose_era": "dose_value", "episode": "episode_number"}
LEVEL = {"episode": "episode_object_concept_id"}
_TYPES = {
    "day": pl.Date,
    "until": pl.Date,
    "concept": pl.Int64,
    "number": pl.Float64,
    "level": pl.Int64,
    "site": pl.String,
}

Read = Callable[[str], pl.LazyFrame]


@dataclass(frozen=True, slots=True)
class Derived:
    """Columns of people, and what they are made from.

    Parameters
    ----------
    columns
        Expressions over the people joined with `frames`.
    frames
        At most one row a person: ``person_id``, and columns whose names begin with ``_``. All frames of a cohort
        are collected together, so that a table is read once for many of them.
    """

    columns: Sequence[pl.Expr] = ()
    frames: Sequence[pl.LazyFrame] = field(default_factory=tuple)


def records(cdm: Cdm, record: Record, as_of: date) -> pl.LazyFrame:
    """Return the records of one kind known by `as_of`.

    Columns ``person_id``, ``day``, ``until`` (the last day; the day itself where none stands), ``concept``,
    ``number``, ``level``, ``site``. Records after `as_of` had not happened when the question was asked, so they are
    not read.
    """
    table = cdm.table(record.table)
    names = table.collect_schema().names()
    taken = {
        "day": DATE[record.table],
        "until": END.get(record.table),
        "concept": CONCEPT[record.table],
        "number": NUMBER.get(record.table, "value_as_number"),
        "level": LEVEL.get(record.table, "value_as_concept_id"),
        "site": SITE,
    }
    made = [
        (pl.col(column) if column in names else pl.lit(None)).cast(_TYPES[name]).alias(name)
        for name, column in taken.items()
    ]
    frame = table.select("person_id", *made).filter(pl.col("day") <= as_of)
    if record.concepts:
        frame = frame.filter(pl.col("concept").is_in(record.concepts))
    if record.numbers:
        frame = frame.filter(pl.col("number").is_in(list(map(float, record.numbers))))
    return frame.with_columns(pl.max_horizontal("day", "until").alias("until"), pl.col("site").fill_null(""))


def periods(cdm: Cdm, as_of: date) -> pl.LazyFrame:
    """Return the spans of observation known by `as_of`: ``person_id``, ``start``, ``end``, ``site``."""
    table = cdm.table("observation_period")
    names = table.collect_schema().names()
    started = "observation_period_start_date"
    site = pl.col(SITE) if SITE in names else pl.lit("")
    return table.select(
        "person_id",
        (pl.col(started) if started in names else pl.lit(None, dtype=pl.Date)).alias("start"),
        pl.col("observation_period_end_date").clip(upper_bound=as_of).alias("end"),
        site.alias("site"),
    )


def in_observation(rows: pl.LazyFrame, spans: pl.LazyFrame, before: int = 0) -> pl.LazyFrame:
    """Return the rows whose ``day`` lies in a span that covers `before` days before it too."""
    days = rows.select("person_id", "day").unique().join(spans.select("person_id", "start", "end"), on="person_id")
    held = days.filter(pl.col("start") <= pl.col("day") - pl.duration(days=before), pl.col("day") <= pl.col("end"))
    return rows.join(held.select("person_id", "day").unique(), on=["person_id", "day"], how="semi")


def of_any(names: Sequence[str], read: Read) -> pl.LazyFrame:
    """Return the records of several names together."""
    return pl.concat([read(name) for name in names])


def since_index(rows: pl.LazyFrame, index: pl.DataFrame) -> pl.LazyFrame:
    """Return the rows of people with an index date, with ``gap``: whole days from it."""
    joined = rows.join(index.lazy().select("person_id", "index_date"), on="person_id")
    return joined.with_columns((pl.col("day") - pl.col("index_date")).dt.total_days().alias("gap"))


def first(rows: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Return each person's earliest day as `name`."""
    return rows.group_by("person_id").agg(pl.col("day").min().alias(name))


def nearest(rows: pl.LazyFrame, window: tuple[int, int], at: int = 0) -> pl.LazyFrame:
    """Return each person's record nearest to day `at` from index within `window`; of two as near, the earlier.

    Records of one day are told apart by concept, number and level, so that the answer does not rest on their order.
    """
    return (
        rows.filter(pl.col("gap").is_between(*window))
        .sort("person_id", (pl.col("gap") - at).abs(), "gap", "concept", "number", "level")
        .unique("person_id", keep="first", maintain_order=True)
    )
