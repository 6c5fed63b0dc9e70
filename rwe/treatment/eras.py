# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Runs of exposures that follow each other within a gap, and the eras of the common model made of them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rwe.spec.treatment import Treatment
from rwe.treatment.ordered import apart, begins, covered_before, numbered

MILLIGRAM = 8576  # OMOP, by UCUM
DIGITS = 6  # to which two doses a day are the same


def runs(exposures: pl.DataFrame, by: Sequence[str], gap: pl.Expr | int) -> pl.DataFrame:
    """Return the runs of exposures alike in `by`: one begins more than `gap` days after the last day covered before.

    Parameters
    ----------
    exposures
        With ``person_id``, ``start``, ``end``, ``site``.
    by
        Columns beside the person that tell exposures apart.
    gap
        Days, a number or a column.

    Returns
    -------
    DataFrame
        ``person_id``, `by`, ``start``, ``end``, ``n`` exposures, ``gap_days`` that none of them covers, ``site`` of the
        first; in the order of persons and days.
    """
    one = ["person_id", *by]
    rows = numbered(exposures.sort(*one, "start", "end", "site"), one).with_columns(_covered=covered_before())
    first = pl.col("_begins") | apart(gap, pl.col("_covered"))
    fresh = (pl.col("end") - pl.max_horizontal(pl.col("start") - pl.duration(days=1), "_covered")).dt.total_days()
    return (
        rows.with_columns(_run=first.cum_sum(), _fresh=fresh.clip(0))
        .group_by("_run", maintain_order=True)
        .agg(
            *(pl.col(name).first() for name in one),
            pl.col("start").first(),
            pl.col("end").max(),
            pl.len().cast(pl.Int64).alias("n"),
            pl.col("_fresh").sum().alias("_held"),
            pl.col("site").first(),
        )
        .with_columns(((pl.col("end") - pl.col("start")).dt.total_days() + 1 - pl.col("_held")).alias("gap_days"))
        .drop("_run", "_held")
    )


def drug_eras(exposures: pl.DataFrame, treatment: Treatment) -> pl.DataFrame:
    """Return OMOP's ``drug_era``: runs of each ingredient within its own gap; ``gap_days`` are those not covered."""
    eras = runs(exposures, ["drug"], _of(treatment, "gap"))
    return eras.select(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("drug_era_id"),
        "person_id",
        _of(treatment, "concept").alias("drug_concept_id"),
        pl.col("start").alias("drug_era_start_date"),
        pl.col("end").alias("drug_era_end_date"),
        pl.col("n").alias("drug_exposure_count"),
        "gap_days",
        "site",
    )


def dose_eras(exposures: pl.DataFrame, treatment: Treatment) -> pl.DataFrame:
    """Return OMOP's ``dose_era``: runs of an ingredient in one dose, milligrams a day; another dose ends it.

    Exposures without a known dose are passed over; doses of exposures that overlap are not added.
    """
    known = exposures.drop_nulls("mg")
    known = known.with_columns((pl.col("mg") / pl.col("days")).round_sig_figs(DIGITS).alias("daily_mg"))
    known = known.sort("person_id", "drug", "start", "end", "site", "daily_mg")
    told_apart = known.with_columns(_dose=begins(["person_id", "drug", "daily_mg"]).cum_sum())
    eras = runs(told_apart, ["drug", "_dose", "daily_mg"], _of(treatment, "gap"))
    return eras.select(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("dose_era_id"),
        "person_id",
        _of(treatment, "concept").alias("drug_concept_id"),
        pl.lit(MILLIGRAM, dtype=pl.Int64).alias("unit_concept_id"),
        pl.col("daily_mg").alias("dose_value"),
        pl.col("start").alias("dose_era_start_date"),
        pl.col("end").alias("dose_era_end_date"),
        "site",
    )


def _of(treatment: Treatment, what: str) -> pl.Expr:
    """Return a number of the ingredient of an exposure."""
    values = {i: getattr(each, what) for i, each in enumerate(treatment.ingredients.values())}
    return pl.col("drug").replace_strict(values, return_dtype=pl.Int64)
