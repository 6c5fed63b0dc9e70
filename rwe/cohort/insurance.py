# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Until when a person is insured: periods of insurance joined over short gaps, as far as they hold the index date."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from rwe.cdm import Cdm
from rwe.cohort.records import Derived
from rwe.spec.population import ENDED, Insurance
from rwe.spec.study import Study

HELD = "_insured"
_UNTIL, _WHY = "_insured_until", "_insured_why"
_FROM, _TO = "payer_plan_period_start_date", "payer_plan_period_end_date"


def insured(cdm: Cdm, study: Study, index: pl.DataFrame) -> Derived:
    """Return who is insured on the index date, and the day and reason for which insurance ends before the data do.

    Columns ``_insured`` (null where not), ``_insured_until`` and ``_insured_why`` (a concept; null where not told).
    """
    if study.insurance is None:
        return Derived()
    periods = cdm.table("payer_plan_period").select(
        "person_id", start=_FROM, end=_TO, why=pl.col("stop_reason_concept_id").cast(pl.Int64)
    )
    mine = periods.join(index.lazy().select("person_id", "index_date"), on="person_id").sort("start", "end")
    covered = pl.col("end").cum_max().shift(1).over("person_id")
    away = (pl.col("start") - covered).dt.total_days() - 1
    runs = mine.with_columns(_run=(away > study.insurance.gap).fill_null(value=False).cum_sum().over("person_id"))
    whole = runs.group_by("person_id", "_run", "index_date").agg(
        pl.col("start").min(), pl.col("end").max(), pl.col("why").sort_by("end", "why").last()
    )
    ends = pl.col("end") < study.cut  # who is insured on the last day is so for longer
    held = whole.filter(pl.col("index_date").is_between("start", "end")).select(
        "person_id",
        pl.lit(value=True).alias(HELD),
        pl.when(ends).then("end").alias(_UNTIL),
        pl.when(ends).then("why").alias(_WHY),
    )
    return Derived([], [held])


def ends(insurance: Insurance | None) -> Iterator[tuple[str, pl.Expr]]:
    """Yield each reason for which insurance ends follow-up, with its day."""
    if insurance is None:
        return
    named = [concept for concepts in insurance.reasons.values() for concept in concepts]
    for name, concepts in insurance.reasons.items():
        yield name, pl.when(pl.col(_WHY).is_in(concepts)).then(pl.col(_UNTIL))
    yield ENDED, pl.when(~pl.col(_WHY).is_in(named).fill_null(value=False)).then(pl.col(_UNTIL))
