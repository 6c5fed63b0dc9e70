# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The clinic of the conformance suite as FHIR resources, and small views for other tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from connectors.conformance import VISIT, Row
from rwe.spec.base import Text
from rwe.spec.site import Site
from rwe.spec.source import Column, Source, Stream

_TYPES = {"seen_on": "date", "seen_at": "instant", "score": "integer", "size": "decimal", "note": "string"}


def _view(resource: str) -> dict[str, Any]:
    columns = [{"name": "row_id", "path": "id"}, {"name": "patient_no", "path": "subject.getReferenceKey(Patient)"}]
    columns += [{"name": n, "path": f"extension('{n}').value.ofType({t})"} for n, t in _TYPES.items()]
    return {"resource": resource, "select": [{"column": columns}]}


def _stream(resource: str) -> Stream:
    return VISIT.model_copy(update={"table": resource, "cursor": None, "options": {"view": _view(resource)}})


SOURCE = Source(source="clinic", streams={"visit": _stream("Observation"), "visit_empty": _stream("Condition")})


def resource(row: Row) -> dict[str, Any]:
    """Return a row of the conformance suite as an Observation."""
    made: list[dict[str, Any]] = []
    for name, kind in _TYPES.items():
        if row[name] is not None:
            told = row[name].isoformat() if kind in ("date", "instant") else row[name]
            made.append({"url": name, f"value{kind.capitalize()}": told})
    return {
        "resourceType": "Observation",
        "id": str(row["row_id"]),
        "meta": {"lastUpdated": row["modified_at"].isoformat()},
        "status": "final",
        "subject": {"reference": f"Patient/{row['patient_no']}"},
        "extension": made,
    }


BROKEN = {"resourceType": "Observation", "id": "999", "extension": [{"url": "seen_on", "valueDate": "soon"}]}


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Return rows as a source tells them, oldest first."""
    return sorted(rows, key=lambda row: (row["modified_at"], row["row_id"]))


def ndjson(resources: Sequence[dict[str, Any]]) -> bytes:
    """Return resources as NDJSON."""
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in resources)


def site(url: str, page_rows: int = 100, mapping: Path = Path(), **options: Any) -> Site:
    """Return a site of FHIR resources."""
    title = Text(en="Clinic", bg="Клиника")
    return Site(
        site="clinic",
        title=title,
        connector="fhir",
        url=url,
        mapping=str(mapping),
        page_rows=page_rows,
        options=options,
    )


def stream(kind: str, columns: dict[str, str], paths: dict[str, str], **options: Any) -> Stream:
    """Return a stream of a type of resource with columns by type and by path; ``patient_no`` is the person."""
    view = {
        "resource": kind,
        "select": [{"column": [{"name": n, "path": p} for n, p in {"id": "id", **paths}.items()]}],
    }
    made = {name: Column.model_validate({"type": told}) for name, told in columns.items()}
    made["patient_no"] = Column(type="text", role="person")
    return Stream(table=kind, key="id", columns=made, options={"view": view, **options})


CONDITION = stream(
    "Condition",
    {"code": "text", "onset": "date"},
    {
        "patient_no": "subject.getReferenceKey(Patient)",
        "code": "code.coding.code.first()",
        "onset": "onset.ofType(dateTime)",
    },
)


def condition(
    key: str, person: str = "p1", code: str = "C50", onset: str = "2020-02-29", **more: Any
) -> dict[str, Any]:
    """Return a Condition."""
    made = {"resourceType": "Condition", "id": key, "subject": {"reference": f"Patient/{person}"}}
    return {**made, "code": {"coding": [{"code": code}]}, "onsetDateTime": onset, **more}
