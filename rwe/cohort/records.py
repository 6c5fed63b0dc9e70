# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Records of the common model as (person, day): one shape for every table a study may name."""

from __future__ import annotations

from datetime import date

import polars as pl

from rwe.cdm import Cdm
from rwe.spec.study import Record

DATE = {
    "condition_occurrence": "condition_start_date",
    "death": "death_date",
    "drug_exposure": "drug_exposure_start_date",
    "episode": "episode_start_date",
    "measurement": "measurement_date",
    "observation": "observation_date",
    "procedure_occurrence": "procedure_date",
    "visit_occurrence": "visit_start_date",
}
CONCEPT = {
    "condition_occurrence": "condition_concept_id",
    "drug_exposure": "drug_concept_id",
    "episode": "episode_concept_id",
    "measurement": "measurement_concept_id",
    "observation": "observation_concept_id",
    "procedure_occurrence": "procedure_concept_id",
    "visit_occurrence": "visit_concept_id",
}
_VALUES = ("value_as_number", "value_as_concept_id")


def records(cdm: Cdm, record: Record, as_of: date) -> pl.DataFrame:
    """Return the records of one kind known by `as_of`: ``person_id``, ``day``, ``concept``, ``number``, ``level``.

    Records after `as_of` had not happened when the question was asked, so they are not read.
    """
    table = cdm.table(record.table)
    names = table.collect_schema().names()
    concept = pl.col(CONCEPT[record.table]) if record.table in CONCEPT else pl.lit(None, dtype=pl.Int64)
    number, level = (pl.col(v) if v in names else pl.lit(None) for v in _VALUES)
    frame = table.select(
        "person_id",
        pl.col(DATE[record.table]).alias("day"),
        concept.cast(pl.Int64).alias("concept"),
        number.cast(pl.Float64).alias("number"),
        level.cast(pl.Int64).alias("level"),
    ).filter(pl.col("day") <= as_of)
    if record.concepts:
        frame = frame.filter(pl.col("concept").is_in(record.concepts))
    return frame.sort("person_id", "day", "concept", "number", "level").collect()


def last_seen(cdm: Cdm, as_of: date) -> pl.DataFrame:
    """Return ``person_id`` and ``last_seen``: the last day of observation, no later than `as_of`."""
    return (
        cdm.table("observation_period")
        .group_by("person_id")
        .agg(pl.col("observation_period_end_date").max().clip(upper_bound=as_of).alias("last_seen"))
        .collect()
    )
