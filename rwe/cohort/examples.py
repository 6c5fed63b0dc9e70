# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Example patients of a study, brought through the cohort's own code before real data are touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from rwe.cdm import Cdm
from rwe.cohort.build import select
from rwe.cohort.records import CONCEPT, DATE, END
from rwe.spec.base import Where
from rwe.spec.endpoint import Response
from rwe.spec.examples import Example, ExampleRecord, Examples, Known
from rwe.spec.population import MADE
from rwe.spec.study import Study

_CODED = ("measurement", "observation")
_TYPES = {
    **dict.fromkeys((*DATE.values(), *END.values()), pl.Date),
    **dict.fromkeys((*CONCEPT.values(), "value_as_concept_id"), pl.Int64),
    **dict.fromkeys(("value_as_number", "quantity"), pl.Float64),
}


def differences(study: Study, examples: Examples) -> list[tuple[Where, str]]:
    """Return each place of the example file where the cohort's answer is another, with what it is.

    Every patient is judged alone among the examples; the answers hold no value of real records.
    """
    if faults := list(_unreadable(study, examples)):
        return faults
    people = select(_model(study, examples), study).people.select(pl.exclude(r"^_.*$"))
    rows = {row["person_id"]: row for row in people.iter_rows(named=True)}
    named = enumerate(examples.patients.items())
    return [fault for i, (name, patient) in named for fault in _compared(name, patient, rows.get(i), study)]


def _unreadable(study: Study, examples: Examples) -> Iterator[tuple[Where, str]]:
    """Yield the records that the study does not name, and the levels that it does not have."""
    for name, patient in examples.patients.items():
        for i, record in enumerate(patient.records):
            where = ("patients", name, "records", i)
            if record.record not in study.records:
                yield where, f"the study has no record '{record.record}'; it has {', '.join(study.records)}"
            elif study.records[record.record].table in MADE:
                yield where, f"records '{record.record}' are made of exposures; give those"
            elif isinstance(record.value, str) and record.value not in _levels(study, record.record):
                known = ", ".join(_levels(study, record.record)) or "none"
                yield where, f"record '{record.record}' has no level '{record.value}'; it has {known}"


def _levels(study: Study, record: str) -> dict[str, int]:
    """Return a concept of each level that is read from a record."""
    sources: list[Any] = [variable for variable in study.baseline.values() if variable.record == record]
    sources += [part for part in study.outcomes.values() if isinstance(part, Response) and part.record == record]
    return {level: concepts[0] for source in sources for level, concepts in source.levels.items()}


def _model(study: Study, examples: Examples) -> Cdm:
    """Return the examples in the common model; a patient's id is the number of the example."""
    patients = list(enumerate(examples.patients.values()))
    people = [{"person_id": i, "year_of_birth": patient.born} for i, patient in patients]
    starts, ends = "observation_period_start_date", "observation_period_end_date"
    spans = [{"person_id": i, starts: span[0], ends: span[1]} for i, patient in patients for span in patient.observed]
    tables = {"person": pl.LazyFrame(people)}
    if spans:
        tables["observation_period"] = pl.LazyFrame(spans)
    tables["payer_plan_period"] = _insured(patients)
    for table in {study.records[record.record].table for _, patient in patients for record in patient.records}:
        rows = [_row(study, i, one) for i, patient in patients for one in patient.records if _in(study, one, table)]
        tables[table] = pl.LazyFrame(
            rows, schema={"person_id": pl.Int64} | {name: _TYPES[name] for name in _columns(table)}
        )
    return Cdm(tables, pl.DataFrame())


def _insured(patients: Sequence[tuple[int, Example]]) -> pl.LazyFrame:
    names = {"payer_plan_period_start_date": pl.Date, "payer_plan_period_end_date": pl.Date}
    rows = [(i, *period[:2], next(iter(period[2:]), None)) for i, patient in patients for period in patient.insured]
    return pl.LazyFrame(rows, {"person_id": pl.Int64} | names | {"stop_reason_concept_id": pl.Int64}, orient="row")


def _in(study: Study, record: ExampleRecord, table: str) -> bool:
    return study.records[record.record].table == table


def _columns(table: str) -> list[str]:
    values = ["value_as_number", "value_as_concept_id"] if table in _CODED else []
    values += ["quantity"] if table == "drug_exposure" else []
    return [DATE[table], CONCEPT[table], *filter(None, [END.get(table)]), *values]


def _row(study: Study, person: int, record: ExampleRecord) -> dict[str, Any]:
    kind = study.records[record.record]
    level = _levels(study, record.record).get(record.value) if isinstance(record.value, str) else None
    coded = kind.table in _CODED
    concept = level if level is not None and not coded else next(iter(kind.concepts), None)
    row = {"person_id": person, DATE[kind.table]: record.day, CONCEPT[kind.table]: concept}
    row |= {END[kind.table]: record.until} if kind.table in END else {}
    number = float(record.value) if isinstance(record.value, int | float) else None
    row |= {"quantity": number} if kind.table == "drug_exposure" else {}
    return row | ({"value_as_number": number, "value_as_concept_id": level} if coded else {})


def _compared(name: str, patient: Example, row: dict[str, Any] | None, study: Study) -> Iterator[tuple[Where, str]]:
    where, expected = ("patients", name, "expect"), patient.expect
    if row is None or expected.index_date is None:
        day = row["index_date"] if row else None
        if day != expected.index_date:
            yield (*where, "index_date"), _said(expected.index_date, day)
        return
    if row["index_date"] != expected.index_date:
        yield (*where, "index_date"), _said(expected.index_date, row["index_date"])
    populations = [population for population in study.populations if row[f"in_{population}"]]
    if {*populations} != {*expected.populations}:
        yield (*where, "populations"), _said([*expected.populations], populations)
    for column, value in expected.values.items():
        if column not in row:
            yield (*where, "values", column), f"the cohort has no column '{column}'; it has {', '.join(row)}"
        elif not _same(row[column], value):
            yield (*where, "values", column), _said(value, row[column])


def _same(found: Any, expected: Known) -> bool:
    if isinstance(found, float) and isinstance(expected, int | float):
        return abs(found - expected) <= 1e-9 * max(1.0, abs(expected))
    return bool(found == expected) and isinstance(found, bool) == isinstance(expected, bool)


def _said(expected: object, found: object) -> str:
    return f"expected {_plain(expected)}, the definition gives {_plain(found)}"


def _plain(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return "nothing" if value is None else str(value)
