# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Some of a hospital's patients as FHIR R4 resources, a line each, all tagged as test data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from synthetic.network.houses.cells import Cell, Sheet, result, wall

Row = Mapping[str, Any]
LOINC, ICD10, ATC, UCUM = (
    "http://loinc.org",
    "http://hl7.org/fhir/sid/icd-10",
    "http://www.whocc.no/atc",
    "http://unitsofmeasure.org",
)
OWN = "https://rwe-engine.invalid/assessment"  # a name reserved for what exists nowhere
TEST = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
_ISO = "%Y-%m-%dT%H:%M:%SZ"


def _sheet(name: str, entries: str, **cells: Cell) -> Sheet:
    return Sheet(name, entries, {"id": Cell("record", "key"), "who": Cell("patient_no")} | cells)


_PATIENT = _sheet(
    "Patient",
    "patients",
    number=Cell("national_no"),
    given=Cell("given_name"),
    family=Cell("family_name"),
    sex=Cell("sex"),
    born=Cell("born", "text"),
    died=Cell("died", "text"),
)
_ENCOUNTER = _sheet(
    "Encounter",
    "stays",
    start=Cell("start", "text", pl.col("start").dt.to_string(_ISO)),
    end=Cell("end", "text", pl.col("end").dt.to_string(_ISO)),
    ward=Cell("ward"),
)
_CONDITION = _sheet("Condition", "diagnoses", day=Cell("day", "text"), code=Cell("icd10"))
_MEDICATION = _sheet(
    "MedicationAdministration",
    "drugs",
    day=Cell("day", "text"),
    code=Cell("atc"),
    units=Cell("units", "integer"),
    days=Cell("days", "integer"),
)
_RESULT = _sheet(
    "Observation",
    "labs",
    day=Cell("moment", "text", wall("moment").dt.date()),
    code=Cell("analyte"),
    value=result(),
    unit=Cell("unit"),
)
_ASSESSMENT = _sheet("Observation", "assessments", day=Cell("day", "text"), kind=Cell("kind"), value=Cell("value"))


def write(folder: Path, part: int, entries: Mapping[str, pl.DataFrame], hospital: str) -> dict[str, int]:
    """Write the resources about the patients of a hospital in `entries`; return how many by type."""
    folder.mkdir(parents=True, exist_ok=True)
    counts: dict[str, int] = {}
    for sheet, make in _MAKERS:
        rows = sheet.of(entries, hospital)
        lines = [
            json.dumps(_plain(make(row)), ensure_ascii=False, separators=(",", ":"))
            for row in rows.iter_rows(named=True)
        ]
        if lines:
            with (folder / f"{sheet.name}-{part:05d}.ndjson").open("a", encoding="utf-8") as file:
                file.writelines(line + "\n" for line in lines)
        counts[sheet.name] = counts.get(sheet.name, 0) + len(lines)
    return counts


def _plain(resource: dict[str, Any]) -> dict[str, Any]:
    """Leave out what has no value, which FHIR does not write."""
    return {name: value for name, value in resource.items() if value is not None}


def _resource(kind: str, row: Row, prefix: str = "") -> dict[str, Any]:
    return {"resourceType": kind, "id": f"{prefix}{row['id']}", "meta": {"tag": [TEST]}}


def _about(kind: str, row: Row, prefix: str = "") -> dict[str, Any]:
    return _resource(kind, row, prefix) | {"subject": {"reference": f"Patient/{row['who']}"}}


def _code(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _patient(row: Row) -> dict[str, Any]:
    identity = {"type": {"coding": [{"code": "NI"}]}, "value": row["number"]} if row["number"] else None
    return _resource("Patient", row) | {
        "id": row["who"],
        "identifier": [identity] if identity else None,
        "name": [{"family": row["family"], "given": [row["given"]]}],
        "gender": {"F": "female", "M": "male"}.get(row["sex"], "unknown"),
        "birthDate": row["born"],
        "deceasedDateTime": row["died"],
    }


def _encounter(row: Row) -> dict[str, Any]:
    return _about("Encounter", row) | {
        "status": "finished",
        "class": {"code": "IMP"},
        "serviceType": {"text": row["ward"]},
        "period": {"start": row["start"], "end": row["end"]},
    }


def _condition(row: Row) -> dict[str, Any]:
    return _about("Condition", row) | {"code": _code(ICD10, row["code"]), "onsetDateTime": row["day"]}


def _medication(row: Row) -> dict[str, Any]:
    return _about("MedicationAdministration", row) | {
        "status": "completed",
        "medicationCodeableConcept": _code(ATC, row["code"]),
        "effectivePeriod": {"start": row["day"]},
        "dosage": {"dose": {"value": row["units"]}},
    }


def _result(row: Row) -> dict[str, Any]:
    measured = _about("Observation", row, "l") | {
        "status": "final",
        "code": _code(LOINC, row["code"]),
        "effectiveDateTime": row["day"],
    }
    try:
        return measured | {"valueQuantity": {"value": float(row["value"]), "system": UCUM, "code": row["unit"]}}
    except (TypeError, ValueError):
        return measured | {"valueString": row["value"]}


def _assessment(row: Row) -> dict[str, Any]:
    return _about("Observation", row, "a") | {
        "status": "final",
        "code": _code(OWN, row["kind"]),
        "effectiveDateTime": row["day"],
        "valueString": row["value"],
    }


_MAKERS: tuple[tuple[Sheet, Callable[[Row], dict[str, Any]]], ...] = (
    (_PATIENT, _patient),
    (_ENCOUNTER, _encounter),
    (_CONDITION, _condition),
    (_MEDICATION, _medication),
    (_RESULT, _result),
    (_ASSESSMENT, _assessment),
)
