# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Settled`: a settlement of a study with the records behind it; of those that cannot be settled, where they landed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from rwe import reimbursement as rb
from rwe.cdm import SITE, Cdm
from rwe.cohort import Cohort
from rwe.errors import DataError, DefinitionError, NoValidAnswer, OddRecords, OddRows
from rwe.pipeline.extract import landing_table
from rwe.pipeline.planning import Plan
from rwe.result import Result
from rwe.store import Store

TABLE = "drug_exposure"
FIELDS = {"administered_on": f"{TABLE}_start_date", "units": "quantity", "quantity": "quantity"}


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement, the doses, assessments and evidence behind it, its persons, and what it was made of.

    `idle` are the numbers of decisions that change nothing, because no dose of their person is settled.
    """

    settlement: rb.Settlement
    doses: pl.DataFrame
    assessments: pl.DataFrame
    made_of: Mapping[str, Any]
    people: pl.DataFrame
    evidence: Result | None
    idle: tuple[int, ...] = ()

    @property
    def records(self) -> pl.DataFrame:
        """``record_id`` and ``day`` of every record behind the settlement."""
        return pl.concat(
            [
                self.doses.select("record_id", day="administered_on"),
                self.assessments.select("record_id", day="assessed_on"),
            ]
        )


def settlement_of(
    plan: Plan,
    store: Store,
    cdm: Cdm,
    cohort: Cohort,
    evidence: Result | None,
    events: Sequence[rb.Event],
    made_of: Mapping[str, Any],
) -> Settled:
    """Return the settlement of a study, with the decisions on its patients, and the records behind it.

    Raises
    ------
    OddRecords
        If records cannot be settled; says where the first of them landed.
    NoValidAnswer
        If nobody of the population has a record of the product.
    """
    agreement = plan.agreement
    if agreement is None:
        raise DefinitionError("the study names no agreement")
    with placed(plan, store, cdm):
        doses = rb.doses(cdm, agreement, cohort)
    seen = rb.decided(rb.assessments(cohort, agreement), events)
    if doses.is_empty():
        raise NoValidAnswer(
            f"agreement '{agreement.contract.id}': nobody of its population has a record of its product; "
            "check records.concepts and records.population in the agreement"
        )
    with placed(plan, store, cdm):
        settlement = rb.settle(agreement, doses, seen, as_of=plan.study.as_of, evidence=evidence)
    return Settled(settlement, doses, seen, made_of, cohort.subjects, evidence, tuple(rb.idle(events, doses)))


@contextmanager
def placed(plan: Plan, store: Store, cdm: Cdm) -> Iterator[None]:
    """Say of records that cannot be settled where the first of them landed: stream, commit, row of it and column."""
    try:
        yield
    except OddRecords as exc:
        raise OddRecords([replace(one, places=tuple(_places(plan, store, cdm, one))) for one in exc.found]) from None


def _places(plan: Plan, store: Store, cdm: Cdm, fault: OddRows) -> Iterator[str]:
    ids = [int(record.removeprefix(f"{TABLE}:")) for record in fault.records if record.startswith(f"{TABLE}:")]
    origin = [SITE, "_source", "_source_commit", "_source_key"]
    rows = cdm.table(TABLE).filter(pl.col(f"{TABLE}_id").is_in(ids)).select(origin).sort(origin).collect()
    for site, stream, commit, key in rows.unique(maintain_order=True).iter_rows():
        with suppress(DataError):  # what an erasure took has no place any more
            row = _row(store, site, stream, commit, key)
            column = _column(plan, site, stream, FIELDS.get(fault.column, ""))
            yield f"{site}/{stream}, commit {commit}, row {row}{column}"


def _row(store: Store, site: str, stream: str, commit: int, key: str) -> int:
    """Return the number of a row among those that its commit brought."""
    rows = landing_table(store, site, stream).rows(commit).filter(pl.col("_commit") == commit)
    found = rows.select("_key").with_row_index("row", 1).filter(pl.col("_key") == key).collect()
    return int(found["row"].item())


def _column(plan: Plan, site: str, stream: str, field: str) -> str:
    """Return the source's own column of a field, where the mapping takes it from one."""
    mappings = [source.mapping for source in plan.sources if source.site.site == site]
    rules = [rule for mapping in mappings for rule in mapping.fields]
    named = [rule.column for rule in rules if (rule.stream, rule.table, rule.field) == (stream, TABLE, field)]
    return f", column '{named[0]}'" if named and named[0] else ""
