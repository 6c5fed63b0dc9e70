# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rules about life and death: they look at all records of a person at once.

- ``event_before_birth``: a record in a year before the year of birth.
- ``death_before_record``: a death before the person's first clinical activity.
- ``event_after_death``, ``two_deaths``: which of several deaths stands (`rwe.harmonise.deaths`).

The first two mean that a year of birth, a death or a whole history belongs to somebody else. Which,
cannot be known, so all rows of the person are set aside under ``person_set_aside``.

Source: Data Quality Dashboard, plausibleBeforeDeath.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import polars as pl

from rwe.harmonise.accounting import MERGED
from rwe.harmonise.deaths import ACTIVITY, outlived, second, trust
from rwe.harmonise.ledger import LINE, Ledger, mark
from rwe.harmonise.records import Made

DEATH, INSURANCE = "death", "payer_plan_period"
_SPAN = {"person_id": pl.Int64, "first": pl.Date, "last": pl.Date, "commit": pl.Int64, "active": pl.Boolean}
_DEATH = {"_row": pl.UInt32, "stream": pl.String, "record": pl.String, "_key": pl.String, "person_id": pl.Int64}
_DIED = {**_DEATH, "day": pl.Date, "_commit": pl.Int64, "trust": pl.Int8}
_VERDICT = [*LINE, "person_id", "rule"]


def judge(ledgers: Iterable[Ledger], births: pl.DataFrame) -> tuple[list[Ledger], pl.DataFrame]:
    """Return the ledgers with the verdicts of life and death, and each person's first and last recorded day.

    Parameters
    ----------
    ledgers
        Those of all streams.
    births
        ``person_id`` and ``year_of_birth`` of the accepted persons.

    Returns
    -------
    tuple
        The ledgers; and ``_person``, ``_first_record``, ``_last_record`` (the death where there is one),
        ``_last_commit`` (the newest commit that the span rests on).
    """
    ledgers = list(ledgers)
    spans, deaths = _spans(ledgers), _deaths(ledgers)
    active = spans.filter("active").group_by("person_id").agg(pl.col("first").min(), pl.col("last").max())
    late = _outlived(deaths, active)
    deaths = deaths.join(late, on=LINE, how="anti")
    others = second(deaths, "stream", "record", "_key").select(_VERDICT)
    deaths = deaths.join(others, on=LINE, how="anti")
    triggers = pl.concat([_before_birth(ledgers, spans, deaths, births), _too_early(deaths, active)])
    ledgers = _set_aside(mark(ledgers, pl.concat([others, late])), triggers)
    aside = triggers.select("person_id").unique()
    return ledgers, _periods(*(part.join(aside, on="person_id", how="anti") for part in (spans, deaths)))


def observed(spans: pl.DataFrame, since: date | None) -> pl.DataFrame:
    """Return the spans as far as they lie on or after the day on which a hospital's records begin (Themis)."""
    if since is None:
        return spans
    begun = spans.with_columns(pl.max_horizontal("_first_record", pl.lit(since)).alias("_first_record"))
    return begun.filter(pl.col("_first_record") <= pl.col("_last_record"))


def _dated(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.filter(pl.col("rule").is_null(), pl.col("day").is_not_null())


def _of(ledgers: Iterable[Ledger], *, deaths: bool) -> list[tuple[Ledger, Made]]:
    return [(one, made) for one in ledgers for made in one.records if (made.record.table == DEATH) == deaths]


def _spans(ledgers: Iterable[Ledger]) -> pl.DataFrame:
    """Return first and last day and newest commit of each person in each record but deaths and insurance.

    Who is insured since a day was not seen on it.
    """
    day = pl.col("day")
    frames = [
        _dated(made.lines)
        .group_by("person_id")
        .agg(day.min().alias("first"), day.max().alias("last"), pl.col("_commit").max().alias("commit"))
        .with_columns(active=pl.lit(made.record.table in ACTIVITY))
        for _, made in _of(ledgers, deaths=False)
        if made.record.table != INSURANCE
    ]
    return pl.concat([pl.DataFrame(schema=_SPAN), *frames])


def _deaths(ledgers: Iterable[Ledger]) -> pl.DataFrame:
    """Return the deaths that are told, line by line."""
    frames = [
        ledger.named(_dated(made.lines).join(_trusted(made), on="_row"), made.record.name)
        for ledger, made in _of(ledgers, deaths=True)
    ]
    return pl.concat([pl.DataFrame(schema=_DIED), *(frame.select(*_DIED) for frame in frames)])


def _trusted(made: Made) -> pl.DataFrame:
    return made.rows.select("_row", trust(pl.col("death_type_concept_id")).alias("trust"))


def _before_birth(
    ledgers: Sequence[Ledger], spans: pl.DataFrame, deaths: pl.DataFrame, births: pl.DataFrame
) -> pl.DataFrame:
    """Return the lines that tell of a year before the person's birth."""
    early = pl.col("day").dt.year() < pl.col("year_of_birth")
    days = pl.concat([spans.select("person_id", day="first"), deaths.select("person_id", "day")])
    whose = days.join(births, on="person_id").filter(early).select("person_id", "year_of_birth").unique()
    told = [deaths.join(whose, on="person_id").filter(early)]
    if not whose.is_empty():
        told += [
            ledger.named(_dated(made.lines).join(whose, on="person_id").filter(early), made.record.name)
            for ledger, made in _of(ledgers, deaths=False)
        ]
    return pl.concat([one.with_columns(rule=pl.lit("event_before_birth")).select(_VERDICT) for one in told])


def _outlived(deaths: pl.DataFrame, active: pl.DataFrame) -> pl.DataFrame:
    """Return the deaths that clinical activity went on long after, among those that it had begun before."""
    met = deaths.join(active, on="person_id")
    late = met.filter(outlived(pl.col("day"), pl.col("last")), pl.col("day") >= pl.col("first"))
    return late.with_columns(rule=pl.lit("event_after_death")).select(_VERDICT)


def _too_early(deaths: pl.DataFrame, active: pl.DataFrame) -> pl.DataFrame:
    """Return the deaths before all clinical activity."""
    early = deaths.join(active, on="person_id").filter(pl.col("day") < pl.col("first"))
    return early.with_columns(rule=pl.lit("death_before_record")).select(_VERDICT)


def _set_aside(ledgers: Iterable[Ledger], triggers: pl.DataFrame) -> list[Ledger]:
    """Refuse every row of the persons in `triggers`; the rows that set them aside bear the rule."""
    if triggers.is_empty():
        return list(ledgers)
    rows = triggers.with_columns(record=pl.lit(""))
    verdicts = pl.concat([triggers, rows]).sort(*LINE, "rule")
    persons = triggers["person_id"].unique().implode()
    # A row merged into one that is set aside says nothing any more, so it is set aside with it.
    stands = pl.col("rule").is_null() | pl.col("rule").is_in(MERGED)
    aside = pl.when(stands & pl.col("person_id").is_in(persons)).then(pl.lit("person_set_aside")).otherwise("rule")
    marked = mark(ledgers, verdicts)
    return [
        one.put({name: lines.with_columns(aside.alias("rule")) for name, lines in one.frames().items()})
        for one in marked
    ]


def _periods(spans: pl.DataFrame, deaths: pl.DataFrame) -> pl.DataFrame:
    died = deaths.select("person_id", first="day", last="day", commit="_commit", died=pl.lit(value=True))
    whole = pl.concat([spans.drop("active").with_columns(died=pl.lit(value=False)), died])
    death = pl.col("last").filter("died").max()
    return whole.group_by(pl.col("person_id").alias("_person")).agg(
        pl.col("first").min().alias("_first_record"),
        pl.coalesce(death, pl.col("last").max()).alias("_last_record"),
        pl.col("commit").max().alias("_last_commit"),
    )
