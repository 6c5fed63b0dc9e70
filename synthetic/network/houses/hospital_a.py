# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Hospital A: normalised tables as a PostgreSQL system has them, instants with zone, international codes."""

from __future__ import annotations

from synthetic.network.houses.cells import Cell, Sheet, mark, result, wall

_CHANGED = "modified_at"


def _sheet(name: str, entries: str, **cells: Cell) -> Sheet:
    own = {"id": Cell("record", "key"), "patient_no": Cell("patient_no")}
    last = {"is_synthetic": mark(), _CHANGED: Cell("modified", "moment")}
    return Sheet(name, entries, own | cells | last)


def _on(of: str) -> Cell:
    return Cell(of, "day", wall(of).dt.date())


SHEETS = (
    _sheet(
        "patient",
        "patients",
        national_no=Cell("national_no"),
        given_name=Cell("given_name"),
        family_name=Cell("family_name"),
        sex=Cell("sex"),
        birth_date=Cell("born", "day"),
        deceased_on=Cell("died", "day"),
    ),
    _sheet(
        "encounter",
        "stays",
        encounter_no=Cell("stay", "integer"),
        admitted_at=Cell("start", "moment"),
        admitted_on=_on("start"),
        discharged_at=Cell("end", "moment"),
        discharged_on=_on("end"),
        ward=Cell("ward"),
        outcome=Cell("outcome"),
    ),
    _sheet(
        "diagnosis",
        "diagnoses",
        encounter_no=Cell("stay", "integer"),
        recorded_on=Cell("day", "day"),
        icd10=Cell("icd10"),
        is_main=Cell("main", "integer"),
    ),
    _sheet(
        "medication",
        "drugs",
        encounter_no=Cell("stay", "integer"),
        started_on=Cell("day", "day"),
        atc=Cell("atc"),
        strength_mg=Cell("dose_mg", "number"),
        units=Cell("units", "integer"),
        days_supply=Cell("days", "integer"),
        line=Cell("line", "integer"),
    ),
    _sheet(
        "laboratory_result",
        "labs",
        taken_at=Cell("moment", "moment"),
        taken_on=_on("moment"),
        loinc=Cell("analyte"),
        result=result(),
        unit=Cell("unit"),
    ),
    _sheet("assessment", "assessments", assessed_on=Cell("day", "day"), kind=Cell("kind"), result=Cell("value")),
)
