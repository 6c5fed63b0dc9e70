# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rotterdam's patients taken apart into the rows that a hospital would hold of them.

The one rule from durations to dates: surgery is on day ``1 + (131 * pid) mod 365`` of the
registry's year of surgery, and whatever the registry says happened after `n` days happened on that
day plus `n`. Everything done at baseline (pathology, treatment) bears the day of surgery.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from synthetic.people import birth_date, full_name, national_number, patient_number

REGISTRY = Path(__file__).parent / "data" / "breast" / "rotterdam.csv"
SIZE_CODES = {"<=20": "S1", "20-50": "S2", ">50": "S3"}

Row = dict[str, str | int | date | datetime]
Dated = tuple[date, Row]


@dataclass(frozen=True, slots=True)
class Case:
    """A patient of the registry: its fields as they stand there, and the day of surgery."""

    fields: Mapping[str, str]
    pid: int
    surgery: date

    def after(self, duration: str) -> date:
        """Return the day that lies the named duration after surgery."""
        return self.surgery + timedelta(days=int(self.fields[duration]))

    def has(self, name: str) -> bool:
        """Tell whether a 0/1 field is 1."""
        return self.fields[name] == "1"


def surgery_date(year: int, pid: int) -> date:
    """Return the day of surgery: the rule in the head of this file."""
    return date(year, 1, 1) + timedelta(days=131 * pid % 365)


def _case(fields: Mapping[str, str]) -> Case:
    pid = int(fields["pid"])
    return Case(fields, pid, surgery_date(int(fields["year"]), pid))


def _patient(case: Case) -> list[Dated]:
    born = birth_date(case.pid, int(case.fields["age"]), case.surgery)
    given, family = full_name(case.pid)
    row: Row = {"given_name": given, "family_name": family, "birth_date": born, "sex": "V"}
    return [(case.surgery, row | {"national_no": national_number(case.pid, born)})]


def _surgery(case: Case) -> list[Dated]:
    menopause = "POST" if case.has("meno") else "PRE"
    return [(case.surgery, {"surgery_date": case.surgery, "procedure_code": "OK-MAM", "menopause": menopause})]


def _pathology(case: Case) -> list[Dated]:
    codes: Row = {"size_code": SIZE_CODES[case.fields["size"]], "grade_code": f"G{case.fields['grade']}"}
    assays: Row = {"nodes_positive": int(case.fields["nodes"]), "pgr": case.fields["pgr"], "er": case.fields["er"]}
    return [(case.surgery, {"report_date": case.surgery.strftime("%d.%m.%Y")} | codes | assays)]


def _treatment(case: Case) -> list[Dated]:
    given = [code for code, name in (("HT", "hormon"), ("CT", "chemo")) if case.has(name)]
    return [(case.surgery, {"started_on": case.surgery, "kind_code": code}) for code in given]


def _contact(case: Case) -> list[Dated]:
    checked = case.after("rtime")
    return [] if case.has("recur") else [(checked, {"contact_date": checked, "kind_code": "CHK"})]


def _recurrence(case: Case) -> list[Dated]:
    found = case.after("rtime")
    return [(found, {"found_on": found})] if case.has("recur") else []


def _death(case: Case) -> list[Dated]:
    died = case.after("dtime")
    return [(died, {"died_on": died})] if case.has("death") else []


def _last_contact(case: Case) -> list[Dated]:
    seen = case.after("dtime")
    return [(seen, {"seen_on": seen, "status_code": "D" if case.has("death") else "L"})]


MAKERS: Mapping[str, Callable[[Case], list[Dated]]] = {
    "patient": _patient,
    "surgery": _surgery,
    "pathology": _pathology,
    "treatment": _treatment,
    "contact": _contact,
    "recurrence": _recurrence,
    "death": _death,
    "last_contact": _last_contact,
}


def _written(day: date, row_id: int) -> datetime:
    """Return when the clerk wrote the row: on its day, at a minute of office hours."""
    return datetime.combine(day, time(8), UTC) + timedelta(minutes=row_id % 480)


def _numbered(rows: list[Dated]) -> list[Row]:
    """Number rows as a hospital does, in the order of their days; within a day by patient number."""
    ordered = sorted(rows, key=lambda dated: (dated[0], dated[1]["patient_no"], dated[1].get("kind_code", "")))
    return [{"row_id": i, **row, "modified_at": _written(day, i)} for i, (day, row) in enumerate(ordered, start=1)]


def _rows(make: Callable[[Case], list[Dated]], cases: list[Case]) -> list[Row]:
    return _numbered(
        [(day, {"patient_no": patient_number(case.pid), **row}) for case in cases for day, row in make(case)]
    )


def hospital_rows() -> dict[str, list[Row]]:
    """Return the rows of every hospital table, the same on every call."""
    with REGISTRY.open(encoding="utf-8", newline="") as file:
        cases = [_case(fields) for fields in csv.DictReader(file)]
    return {name: _rows(make, cases) for name, make in MAKERS.items()}
