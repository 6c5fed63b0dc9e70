# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""FHIRPath beyond the official suites: precision of times, exact decimals, references, refusals by name."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connectors.fhir_view import View
from connectors.fhirpath import compile_path
from connectors.fhirpath_steps import Scope
from rwe.errors import DataError, DefinitionError

BASE = "https://hospital.example/r4"
STAY: dict[str, Any] = {
    "resourceType": "Encounter",
    "id": "e1",
    "period": {"start": "2024-03-31T02:30:00+02:00", "end": "2024-03-31T01:00:00Z"},
    "subject": {"reference": f"{BASE}/Patient/p%201/_history/3"},
    "partOf": {"reference": "https://elsewhere.example/r4/Encounter/e1"},
    "serviceProvider": {"reference": "urn:uuid:6a1b", "type": "Organization"},
    "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "тамоксифен"}}],
    "medicationReference": {"reference": "#m"},
    "multipleBirthInteger": 2,
    "onsetDateTime": "2024-03",
    "amount": [Decimal("0.1"), Decimal("0.2")],
    "flag": True,
    "name": [{"given": ["A", None, "B"]}, {"use": "old"}],
}


def _of(path: str) -> list[Any]:
    return compile_path(path)([STAY], Scope(STAY, 0, BASE))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("subject.getReferenceKey(Patient)", ["p 1"]),
        ("subject.getReferenceKey(Group)", []),
        ("partOf.getReferenceKey()", ["https://elsewhere.example/r4/Encounter/e1"]),
        ("serviceProvider.getReferenceKey(Organization)", ["6a1b"]),
        ("medication.ofType(Reference).getReferenceKey()", []),
        ("medication.ofType(Reference).resolve().code.text", ["тамоксифен"]),
        ("subject.resolve()", []),
        ("period.start < period.end", [True]),
        ("period.start = @2024-03-31T00:30:00Z", [True]),
        ("onset.ofType(dateTime) < @2024-03-15", []),
        ("onset.ofType(dateTime) < @2024-04", [True]),
        ("onset = '2024-03'", [True]),
        ("amount[0] + amount[1] = 0.3", [True]),
        ("(amount | 0.1).count()", [2]),
        ("multipleBirth.ofType(integer) * -1", [-2]),
        ("multipleBirth.ofType(boolean)", []),
        ("flag = 1", [False]),
        ("7 div 2 + 7 mod 2 - 1 / 4", [Decimal("3.75")]),
        ("1 / 0", []),
        ("name.given", ["A", "B"]),
        ("name.where($this.use = 'old').exists()", [True]),
        ("name.given.first().lower() & '-' & id", ["a-e1"]),
        ("name.nothing & 'x'", ["x"]),
        ("iif(flag, 'yes', 'no')", ["yes"]),
        ("flag implies {}", []),
        ("flag and nothing", []),
        ("(flag and nothing).exists()", [False]),
        ("flag or nothing", [True]),
        ("'B' in name.given", [True]),
        ("name.given contains 'C'", [False]),
        ("'Абв' ~ ' абв'", [True]),
        ("Encounter.id", ["e1"]),
        ("Patient.id", []),
        ("amount.where($this > 0.15).toString()", ["0.2"]),
        ("'12'.toInteger() + 1", [13]),
        ("'a\\'b\\u0041'", ["a'bA"]),
        ("id.length() // a remark", [2]),
        ("period.start.lowBoundary()", ["2024-03-31T02:30:00.000+02:00"]),
        ("onset.ofType(dateTime).highBoundary()", ["2024-03-31"]),
    ],
)
def test_a_path_gives(path: str, expected: list[Any]) -> None:
    assert _of(path) == expected


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("name.", "ends too early"),
        ("name given", "'given' was not expected"),
        ("name.frist()", "function frist\\(\\) is not known here; known: .*first"),
        ("name.where()", "where\\(\\) takes 1 to 1 arguments, here 0"),
        ("name # 1", "'#' is not FHIRPath"),
        ("%nothing", "%nothing is not defined"),
        ("(name", "'\\)' expected before 'the end'"),
        ("name.ofType(1)", "the name of a type was expected"),
    ],
)
def test_a_path_that_is_none_is_refused_with_what_is_wrong(path: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        compile_path(path)


@pytest.mark.parametrize(
    "path", ["amount = amount and amount", "amount > 0", "name.where(given)", "flag + 1", "name < 1"]
)
def test_values_that_do_not_fit_are_refused_without_one(path: str) -> None:
    with pytest.raises(DataError) as caught:
        _of(path)

    assert "тамоксифен" not in str(caught.value)
    assert "0.1" not in str(caught.value).replace(path, "")


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ({"resource": "Patient", "select": []}, "select: List should have at least 1"),
        ({"resource": "Patient", "select": [{}]}, "no column, select or unionAll"),
        ({"resource": "Patient", "select": [{"colum": []}]}, "colum: Extra inputs"),
        (
            {"resource": "P", "select": [{"column": [{"name": "a", "path": "id"}, {"name": "a", "path": "id"}]}]},
            "resource: String should match",
        ),
        (
            {"resource": "Patient", "select": [{"column": [{"name": "a", "path": "id"}] * 2}]},
            "columns \\['a'\\] stand twice",
        ),
        (
            {
                "resource": "Patient",
                "select": [{"forEach": "a", "repeat": ["b"], "column": [{"name": "a", "path": "id"}]}],
            },
            "one of forEach, forEachOrNull and repeat",
        ),
    ],
)
def test_a_view_that_is_none_is_refused(definition: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        View(definition)


def test_a_repeat_without_end_is_refused() -> None:
    view = View({"resource": "Patient", "select": [{"repeat": ["$this"], "column": [{"name": "a", "path": "id"}]}]})

    with pytest.raises(DataError, match="deeper than 64 levels"):
        list(view.rows({"resourceType": "Patient", "id": "1"}))
