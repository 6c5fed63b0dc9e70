# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The official field list of OMOP CDM 5.4: what a mapping may name and what schemas are made from."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast

FIELD_LIST = Path(__file__).parents[1] / "cdm" / "omop_spec" / "OMOP_CDMv5.4_Field_Level.csv"
TABLES = (
    "person",
    "observation_period",
    "visit_occurrence",
    "condition_occurrence",
    "procedure_occurrence",
    "measurement",
    "drug_exposure",
    "observation",
    "death",
    "episode",
    "payer_plan_period",
)
Kind = Literal["integer", "float", "varchar", "date", "datetime"]


@dataclass(frozen=True, slots=True)
class OmopField:
    """One field of the common model.

    Parameters
    ----------
    table, name
        As in OMOP, in lower case.
    kind, max_length
        Type; `max_length` in characters for a bounded ``varchar``.
    required
        Whether a row without it is no row of the model.
    primary_key
        Whether it is the table's own id.
    domain
        Domain that a concept in this field must come from, ``""`` where OMOP names none.
    """

    table: str
    name: str
    kind: Kind
    max_length: int | None
    required: bool
    primary_key: bool
    domain: str


@cache
def cdm_fields() -> Mapping[str, Mapping[str, OmopField]]:
    """Return the fields of every table of the official list, vocabulary tables included, in the official order."""
    found: dict[str, dict[str, OmopField]] = {}
    with FIELD_LIST.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            found.setdefault(row["cdmTableName"], {})[row["cdmFieldName"]] = _field(row)
    return found


@cache
def omop_fields() -> Mapping[str, Mapping[str, OmopField]]:
    """Return the fields of each table in `TABLES`, in the official order.

    Examples
    --------
    >>> omop_fields()["death"]["death_date"].required
    True
    """
    return {table: cdm_fields()[table] for table in TABLES}


def dated_by(table: str) -> str:
    """Return the field that says when a row of `table` happened, ``""`` for a person."""
    return next((f.name for f in omop_fields()[table].values() if f.kind == "date" and f.required), "")


def meaning_of(table: str) -> str:
    """Return the field that says what a row of `table` is about, ``""`` where it is about the person.

    Examples
    --------
    >>> meaning_of("drug_exposure")
    'drug_concept_id'
    """
    name = f"{table.partition('_')[0]}_concept_id"
    return name if name in omop_fields()[table] else ""


def _field(row: dict[str, str]) -> OmopField:
    kind, _, size = row["cdmDatatype"].lower().partition("(")
    return OmopField(
        table=row["cdmTableName"],
        name=row["cdmFieldName"],
        kind=cast(Kind, kind),
        max_length=int(size.rstrip(")")) if re.fullmatch(r"\d+\)", size) else None,
        required=row["isRequired"] == "Yes",
        primary_key=row["isPrimaryKey"] == "Yes",
        domain="" if row["fkDomain"] == "NA" else row["fkDomain"],
    )
