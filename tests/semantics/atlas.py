# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cohort definitions in the form of ATLAS, put together as its users do."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def concept_set(number: int, name: str, *concepts: int, below: bool = False) -> Json:
    items = [
        {"concept": {"CONCEPT_ID": c}, "isExcluded": False, "includeDescendants": below, "includeMapped": False}
        for c in concepts
    ]
    return {"id": number, "name": name, "expression": {"items": items}}


def window(start: int | None, end: int | None) -> Json:
    """Return a window in days from index; None is open."""
    sides = (("Start", start, -1), ("End", end, 1))
    return {
        side: {"Days": abs(n) if n is not None else None, "Coeff": outward if n is None else (-1 if n < 0 else 1)}
        for side, n, outward in sides
    } | {"UseIndexEnd": False, "UseEventEnd": False}


def counted(kind: str, codes: int, ends: tuple[int | None, int | None], how: int, n: int, **more: Any) -> Json:
    """Return one line of a rule: `how` is 0 exactly, 1 at most, 2 at least."""
    occurrence = {"Type": how, "Count": n, "IsDistinct": False} | more.pop("occurrence", {})
    return {"Criteria": {kind: {"CodesetId": codes}}, "StartWindow": window(*ends), "Occurrence": occurrence} | more


def rule(name: str, *lines: Json, how: str = "ALL", ages: tuple[Json, ...] = ()) -> Json:
    expression = {"Type": how, "CriteriaList": list(lines), "DemographicCriteriaList": list(ages), "Groups": []}
    return {"name": name, "expression": expression}


def definition(event: Json, sets: list[Json], *rules: Json, prior: int = 0, limit: str = "First", **more: Any) -> Json:
    return {
        "cdmVersionRange": ">=5.0.0",
        "PrimaryCriteria": {
            "CriteriaList": [event],
            "ObservationWindow": {"PriorDays": prior, "PostDays": 0},
            "PrimaryCriteriaLimit": {"Type": limit},
        },
        "ConceptSets": sets,
        "QualifiedLimit": {"Type": "First"},
        "ExpressionLimit": {"Type": "First"},
        "InclusionRules": list(rules),
        "CensoringCriteria": [],
        "CollapseSettings": {"CollapseType": "ERA", "EraPad": 0},
        "CensorWindow": {},
    } | more


def new_users() -> Json:
    """Return new users of a medicine: observed before, adults, without another medicine and with few operations."""
    period = {"Value": "2010-06-01", "Extent": "2011-12-31", "Op": "bt"}
    event = {"DrugExposure": {"CodesetId": 1, "First": True, "OccurrenceStartDate": period}}
    sets = [concept_set(1, "Metformin", 1), concept_set(2, "Other medicines", 2, 3), concept_set(3, "Operation", 1)]
    return definition(
        event,
        sets,
        rule("Adults", ages=({"Age": {"Value": 18, "Op": "gte"}},)),
        rule("No other medicine in half a year", counted("DrugExposure", 2, (-180, -1), 0, 0)),
        rule("At most two operations before", counted("ProcedureOccurrence", 3, (None, 0), 1, 2)),
        prior=120,
        EndStrategy={"DateOffset": {"DateField": "StartDate", "Offset": 365}},
        CensoringCriteria=[{"ProcedureOccurrence": {"CodesetId": 3}}],
    )


def tested_patients() -> Json:
    """Return patients at an operation who were tested twice before it, or took any of two medicines around it."""
    event = {"ProcedureOccurrence": {"CodesetId": 1}}
    sets = [
        concept_set(1, "Operation", 1, 2),
        concept_set(2, "Test", 1),
        concept_set(3, "A", 1),
        concept_set(4, "B", 3),
    ]
    near = (-200, 100)
    return definition(
        event,
        sets,
        rule("Tested", counted("Measurement", 2, (None, 0), 2, 1, IgnoreObservationPeriod=True)),
        rule("Treated", *(counted("DrugExposure", c, near, 2, 1) for c in (3, 4)), how="ANY"),
        rule("Grown up", ages=({"Age": {"Value": 25, "Extent": 75, "Op": "bt"}},)),
        prior=30,
    )


def repeat_testing() -> Json:
    """Return patients with an operation in the months after their first test, on days told apart."""
    event = {"Measurement": {"CodesetId": 1, "OccurrenceStartDate": {"Value": "2010-03-01", "Op": "gte"}}}
    days = {"IsDistinct": True, "CountColumn": "START_DATE"}
    line = counted("ProcedureOccurrence", 2, (0, 250), 2, 1, occurrence=days)
    return definition(event, [concept_set(1, "Test", 1, 2), concept_set(2, "Operation", 1, 2)], rule("Operated", line))
