# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Streams of a common data model against its official field list: 5.4, and what 5.3 called otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from connectors.sql_catalogue import near
from rwe.errors import DefinitionError
from rwe.spec.omop import OmopField, cdm_fields
from rwe.spec.source import Column, Kind, Source, SourceName, Stream

Version = Literal["5.3", "5.4"]
BY_PERSON = "@person"
KINDS: dict[str, Kind] = {
    "integer": "integer",
    "float": "number",
    "varchar": "text",
    "date": "date",
    "datetime": "timestamp",
}
# Fields of 5.4 by their names in 5.3; an empty name: 5.3 has none.
_IN_5_3: dict[str, dict[str, str]] = {
    "visit_occurrence": {
        "admitted_from_concept_id": "admitting_source_concept_id",
        "admitted_from_source_value": "admitting_source_value",
        "discharged_to_concept_id": "discharge_to_concept_id",
        "discharged_to_source_value": "discharge_to_source_value",
    },
    "visit_detail": {
        "admitted_from_concept_id": "admitting_source_concept_id",
        "admitted_from_source_value": "admitting_source_value",
        "discharged_to_concept_id": "discharge_to_concept_id",
        "discharged_to_source_value": "discharge_to_source_value",
        "parent_visit_detail_id": "visit_detail_parent_id",
    },
    "procedure_occurrence": {"procedure_end_date": "", "procedure_end_datetime": ""},
    "device_exposure": {
        "production_id": "",
        "unit_concept_id": "",
        "unit_source_value": "",
        "unit_source_concept_id": "",
    },
    "measurement": {"unit_source_concept_id": "", "measurement_event_id": "", "meas_event_field_concept_id": ""},
    "observation": {"value_source_value": "", "observation_event_id": "", "obs_event_field_concept_id": ""},
    "note": {"note_event_id": "", "note_event_field_concept_id": ""},
}
_NEW_IN_5_4 = ("episode",)


def cdm_source(tables: Iterable[str]) -> Source:
    """Return the declaration of tables of a common data model, whole.

    Parameters
    ----------
    tables
        Names of tables that hold people.

    Examples
    --------
    >>> list(cdm_source(["death"]).streams["death"].columns)[:2]
    ['person_id', 'death_date']
    """
    return Source(source="cdm", streams={table: _stream(table) for table in tables})


def _stream(table: str) -> Stream:
    fields = cdm_fields()[table]
    columns = {
        name: Column(
            type=KINDS[field.kind], role="person" if name == "person_id" else None, optional=not field.required
        )
        for name, field in fields.items()
        if not field.primary_key or name == "person_id"
    }
    return Stream(table=table, key=_key(table), columns=columns)


def _key(table: str) -> str:
    """Return the field that is the table's own id; a person's id is no key that may be kept as it is."""
    own = [field.name for field in cdm_fields()[table].values() if field.primary_key and field.name != "person_id"]
    return own[0] if own else BY_PERSON


def inner(
    name: str, stream: Stream, named: Mapping[SourceName, str], version: Version
) -> tuple[Stream, dict[str, str]]:
    """Return a stream as the source holds it, and the source's name of each declared column that it has.

    Parameters
    ----------
    name, stream
        As declared.
    named
        Fields of the model by the columns that bear another name.
    version
        Of the model in the source.

    Raises
    ------
    DefinitionError
        If the table or a column is none of the model's, or declared as another type; with the nearest.
    """
    fields = cdm_fields().get(stream.table, {})
    if "person_id" not in fields or (version == "5.3" and stream.table in _NEW_IN_5_4):
        known = [table for table, held in cdm_fields().items() if "person_id" in held]
        raise DefinitionError(
            f"stream '{name}': '{stream.table}' holds no people in {version}{near(stream.table, known)}"
        )
    old = _IN_5_3.get(stream.table, {}) if version == "5.3" else {}
    placed = {column: named.get(column, column) for column in stream.columns}
    if faults := [told for column, field in placed.items() for told in _faults(column, field, stream, fields)]:
        raise DefinitionError(f"stream '{name}': {'; '.join(faults)}")
    held = {column: old.get(field, field) for column, field in placed.items() if old.get(field, field)}
    columns = {held[column]: declared for column, declared in stream.columns.items() if column in held}
    key = (
        "person_id"
        if stream.key == BY_PERSON
        else old.get(named.get(stream.key, stream.key), named.get(stream.key, stream.key))
    )
    if key not in {old.get(field, field) for field in fields}:
        raise DefinitionError(f"stream '{name}': key '{key}' is no field of {stream.table}{near(key, fields)}")
    return stream.model_copy(update={"key": key, "cursor": key, "columns": columns}), held


def _faults(column: str, field: str, stream: Stream, fields: Mapping[str, OmopField]) -> Iterable[str]:
    if field not in fields:
        yield f"'{field}' is no field of {stream.table}{near(field, fields)}"
    elif stream.columns[column].type != KINDS[fields[field].kind]:
        yield f"'{column}' is declared {stream.columns[column].type}, {field} is {KINDS[fields[field].kind]}"
