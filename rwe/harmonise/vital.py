# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rules about life and death: they look at all records of a person at once.

- ``event_before_birth``: a record in a year before the year of birth.
- ``death_before_record``: a death before the person's first clinical activity.
- ``two_deaths``: deaths on different days; the latest stands (Themis).
- ``event_after_death``: clinical activity more than 60 days after a death; the death is refused
  (Themis), because the living are seen and the dead are not.

The first two mean that a year of birth, a death or a whole history belongs to somebody else. Which,
cannot be known, so all rows of the person are set aside under ``person_set_aside``.

Sources: OHDSI Themis, "multiple death dates"; Data Quality Dashboard, plausibleBeforeDeath.
"""

from __future__ import annotations

import polars as pl

from rwe.harmonise.accounting import MERGED

ACTIVITY = ("visit_occurrence", "condition_occurrence", "procedure_occurrence", "measurement", "drug_exposure")
ADMINISTRATIVE_DAYS = 60
_LINE = ["stream", "record", "_key"]


def judge(ledger: pl.DataFrame, births: pl.DataFrame) -> pl.DataFrame:
    """Return the ledger with the verdicts of life and death.

    Parameters
    ----------
    ledger
        All lines of all streams, rows and records, in the shape of `rwe.harmonise.records.LEDGER`.
    births
        ``person_id`` and ``year_of_birth`` of the accepted persons.
    """
    ledger = _one_death(ledger)
    lived = _dated(ledger)
    before_birth = (
        lived.join(births, on="person_id")
        .filter(pl.col("day").dt.year() < pl.col("year_of_birth"))
        .select(*_LINE, "person_id", rule=pl.lit("event_before_birth"))
    )
    active = lived.filter(pl.col("table").is_in(ACTIVITY)).group_by("person_id")
    deaths = lived.filter(pl.col("table") == "death").join(
        active.agg(pl.col("day").min().alias("first"), pl.col("day").max().alias("last")), on="person_id"
    )
    too_early = deaths.filter(pl.col("day") < pl.col("first"))
    survived = pl.col("last") > pl.col("day") + pl.duration(days=ADMINISTRATIVE_DAYS)
    outlived = deaths.filter(survived, pl.col("day") >= pl.col("first"))
    early = too_early.select(*_LINE, "person_id", rule=pl.lit("death_before_record"))
    late = outlived.select(*_LINE, "person_id", rule=pl.lit("event_after_death"))
    return _set_aside(_mark(ledger, late), pl.concat([before_birth, early]))


def spans(ledger: pl.DataFrame) -> pl.DataFrame:
    """Return each person's first and last recorded day; the last is the death where there is one.

    Columns ``_person``, ``_first_record``, ``_last_record``, ``_last_commit`` (the newest commit
    that the span rests on).
    """
    death = pl.col("day").filter(pl.col("table") == "death").max()
    return (
        _dated(ledger)
        .group_by(pl.col("person_id").alias("_person"))
        .agg(
            pl.col("day").min().alias("_first_record"),
            pl.coalesce(death, pl.col("day").max()).alias("_last_record"),
            pl.col("_commit").max().alias("_last_commit"),
        )
    )


def _dated(ledger: pl.DataFrame) -> pl.DataFrame:
    return ledger.filter(pl.col("rule").is_null(), pl.col("day").is_not_null())


def _one_death(ledger: pl.DataFrame) -> pl.DataFrame:
    deaths = _dated(ledger).filter(pl.col("table") == "death")
    ordered = deaths.sort("day", *_LINE, descending=[True, False, False, False])
    latest = pl.col("day").first().over("person_id")
    same = pl.when(pl.col("day") == latest).then(pl.lit("duplicate_row")).otherwise(pl.lit("two_deaths"))
    second = pl.int_range(pl.len()).over("person_id") > 0
    return _mark(ledger, ordered.with_columns(rule=same).filter(second).select(*_LINE, "person_id", "rule"))


def _mark(ledger: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """Write `verdicts` on the lines they name, where no other rule stands already."""
    named = verdicts.select(*_LINE, pl.col("rule").alias("_new"))
    joined = ledger.join(named, on=_LINE, how="left", maintain_order="left", validate="1:1")
    return joined.with_columns(pl.coalesce("rule", "_new").alias("rule")).drop("_new")


def _set_aside(ledger: pl.DataFrame, triggers: pl.DataFrame) -> pl.DataFrame:
    """Refuse every row of the persons in `triggers`; the rows that set them aside bear the rule."""
    rows = triggers.select("stream", record=pl.lit(""), _key="_key", rule="rule")
    first = ["stream", "record", "_key"]
    verdicts = pl.concat([triggers.select(*_LINE, "rule"), rows]).sort(*first, "rule").unique(first, keep="first")
    persons = triggers["person_id"].unique().implode()
    # A row merged into one that is set aside says nothing any more, so it is set aside with it.
    stands = pl.col("rule").is_null() | pl.col("rule").is_in(MERGED)
    aside = pl.when(stands & pl.col("person_id").is_in(persons)).then(pl.lit("person_set_aside")).otherwise("rule")
    return _mark(ledger, verdicts).with_columns(aside.alias("rule"))
