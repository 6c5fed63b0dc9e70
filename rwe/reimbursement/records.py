# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Doses from the common model and assessments from a cohort, as the agreement says to read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import polars as pl

from rwe.cdm import SITE
from rwe.compare.people import require
from rwe.errors import DefinitionError
from rwe.reimbursement.odd import odd, refuse
from rwe.reimbursement.partners import HasTables, with_partners
from rwe.spec.agreement import Agreement, JudgedTerm, Records
from rwe.spec.agreement_patient import Instalments

ORIGIN = {SITE: "site_id", "_source_commit": "version"}


class HasSubjects(Protocol):
    """A cohort, as far as a settlement needs it."""

    @property
    def subjects(self) -> pl.DataFrame:
        """Return one row a person."""
        ...


def doses(cdm: HasTables, agreement: Agreement, cohort: HasSubjects | None = None) -> pl.DataFrame:
    """Return the administrations of the agreement's product.

    Parameters
    ----------
    cdm
        The common model; rows of ``drug_exposure`` with the agreement's concepts are read.
    cohort
        Restricts them to the people of the agreement's population, its indication.

    Returns
    -------
    DataFrame
        ``person_id``, ``administered_on``, ``units`` (exact text), ``record_id``; where the agreement
        names types of records that are not charged also ``charge``, where it names partners ``partner``; where the
        rows say their hospital and the commit that landed them ``site_id`` and ``version``.

    Raises
    ------
    OddRecords
        If a record has no quantity and the agreement does not say what one record stands for.
    """
    how = _records(agreement)
    rows = cdm.table("drug_exposure").filter(pl.col("drug_concept_id").is_in(how.concepts))
    if cohort is not None:
        members = _members(cohort, how)["person_id"]
        rows = rows.filter(pl.col("person_id").is_in(members.implode()))
    units = pl.lit(str(how.units)) if how.units is not None else pl.col("quantity").cast(pl.String)
    found = rows.select(
        "person_id",
        pl.col("drug_exposure_start_date").alias("administered_on"),
        units.alias("units"),
        pl.format("drug_exposure:{}", "drug_exposure_id").alias("record_id"),
        *_charge(how),
        *(pl.col(name).alias(said) for name, said in ORIGIN.items() if name in rows.collect_schema().names()),
    ).collect()
    said = "'quantity' is missing in {n} rows; give records.units in the agreement"
    refuse(odd(found, found["units"].is_null(), "drug_exposure", "missing", "quantity", said))
    return with_partners(cdm, agreement, found).sort("person_id", "administered_on", "record_id")


def _charge(how: Records) -> list[pl.Expr]:
    """Return what a dose says of its charge, where the agreement names types of records that are not charged."""
    free, trial = how.not_charged.free_of_charge, how.not_charged.trial
    if not free and not trial:
        return []
    kind = pl.col("drug_type_concept_id")
    word = pl.when(kind.is_in(free)).then(pl.lit("free_of_charge")).when(kind.is_in(trial)).then(pl.lit("trial"))
    return [word.otherwise(pl.lit("charged")).alias("charge")]


def assessments(cohort: HasSubjects, agreement: Agreement) -> pl.DataFrame:
    """Return what a time-to-event endpoint says of each patient, in the words of the agreement.

    An event is an assessment on its day, and so is a death after it. A patient known to be free of it is
    assessed free on the assessment day of each term that judges patients (of each part of a price that
    asks for a response), or on the last check where that lies in the window before that day; who was
    lost earlier has no assessment.

    Returns
    -------
    DataFrame
        ``person_id``, ``assessed_on``, ``outcome``, ``record_id``.
    """
    how = _records(agreement)
    days, event = f"{how.endpoint}_days", f"{how.endpoint}_event"
    died, dead = f"{how.death_endpoint}_days", f"{how.death_endpoint}_event"
    subjects = _members(cohort, how)
    require(subjects, ["person_id", "index_date", days, event, died, dead])
    at_death = pl.col(dead) & (pl.col(died) == pl.col(days))
    word = pl.when(at_death).then(pl.lit(how.outcomes.event_at_death)).otherwise(pl.lit(how.outcomes.event))
    found = [_on(subjects.filter(pl.col(event)), pl.col(days), word)]
    found.append(_on(subjects.filter(dead), pl.col(died), pl.lit(how.outcomes.event_at_death)))
    found += [_event_free(subjects, *asked, how) for asked in _asked(agreement)]
    table = pl.concat(found).unique().sort("person_id", "assessed_on", "outcome")
    return table.with_columns(pl.format(how.endpoint + ":{}:{}", "outcome", "person_id").alias("record_id"))


def _records(agreement: Agreement) -> Records:
    if agreement.records is None:
        raise DefinitionError(f"agreement '{agreement.contract.id}' has no section records: where its doses are found")
    return agreement.records


def _members(cohort: HasSubjects, how: Records) -> pl.DataFrame:
    require(cohort.subjects, [f"in_{how.population}"])
    return cohort.subjects.filter(pl.col(f"in_{how.population}"))


def _asked(agreement: Agreement) -> Iterator[tuple[int, int]]:
    """Yield the assessment days of the agreement, each with the first day of its window before it."""
    for term in agreement.terms:
        if isinstance(term, JudgedTerm):
            yield term.assess_day, term.window[0]
        elif isinstance(term, Instalments):
            yield from ((part.day, term.window[0]) for part in term.parts if part.if_ == "response")


def _event_free(subjects: pl.DataFrame, assess_day: int, opens: int, how: Records) -> pl.DataFrame:
    days, event = pl.col(f"{how.endpoint}_days"), pl.col(f"{how.endpoint}_event")
    last = pl.min_horizontal(days, pl.lit(assess_day))
    free = subjects.filter((~event | (days > assess_day)) & (last >= assess_day + opens))
    return _on(free, last, pl.lit(how.outcomes.event_free))


def _on(subjects: pl.DataFrame, day: pl.Expr, outcome: pl.Expr) -> pl.DataFrame:
    return subjects.select(
        "person_id", (pl.col("index_date") + pl.duration(days=day)).alias("assessed_on"), outcome.alias("outcome")
    )
