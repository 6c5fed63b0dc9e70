# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The checks of the Data Quality Dashboard as data: what is asked of which table, field and concept."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast

from rwe.spec.omop import omop_fields

FOLDER = Path(__file__).parent / "dqd"
Level = Literal["table", "field", "concept"]
Category = Literal["conformance", "completeness", "plausibility"]
CATEGORIES: tuple[Category, ...] = ("conformance", "completeness", "plausibility")
Sheet = list[dict[str, str]]

# the columns that say against what a field is held; names are joined by a dot
_ARGUMENTS = {
    "isForeignKey": ("fkTableName", "fkFieldName"),
    "sourceValueCompleteness": ("standardConceptFieldName",),
    "plausibleTemporalAfter": ("plausibleTemporalAfterTableName", "plausibleTemporalAfterFieldName"),
    "plausibleStartBeforeEnd": ("plausibleStartBeforeEndFieldName",),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One question put to one place of the common model.

    Parameters
    ----------
    name
        Type of check, as the dashboard calls it.
    level, category, severity
        Of what it speaks; its category in the framework of Kahn; how grave the dashboard takes it.
    table, field, concepts
        Where it is put; ``field`` is ``""`` for a table, ``concepts`` are empty but for a concept.
    threshold
        Percent of the rows that may break the rule; with 0 none may.
    argument
        What the field is held against: another field, a bound, a domain, a sex, or the units allowed.
    """

    name: str
    level: Level
    category: Category
    severity: str
    table: str
    field: str = ""
    concepts: tuple[int, ...] = ()
    threshold: float = 0.0
    argument: str = ""


@cache
def dqd_checks() -> tuple[Check, ...]:
    """Return every check of the dashboard that is asked of the tables the engine holds.

    Examples
    --------
    >>> births = [c for c in dqd_checks() if c.name == "isRequired" and c.field == "year_of_birth"]
    >>> births[0].category, births[0].threshold
    ('conformance', 0.0)
    """
    return tuple(check for kind in _sheet("Check_Descriptions") for check in _checks(kind))


def _checks(kind: dict[str, str]) -> Iterator[Check]:
    level = cast(Level, kind["checkLevel"].lower())
    for row in _sheet(f"{level.capitalize()}_Level"):
        if row["cdmTableName"].lower() in omop_fields() and _asked(kind["evaluationFilter"], row):
            yield _check(kind, level, row)


def _check(kind: dict[str, str], level: Level, row: dict[str, str]) -> Check:
    name = kind["checkName"]
    return Check(
        name=name,
        level=level,
        category=cast(Category, kind["kahnCategory"].lower()),
        severity=kind["severity"],
        table=row["cdmTableName"].lower(),
        field=row.get("cdmFieldName", "").lower(),
        concepts=tuple(map(int, re.findall(r"\d+", row.get("conceptId", "")))),
        threshold=float(row.get(f"{name}Threshold") or 0),
        argument=_argument(name, row),
    )


def _argument(name: str, row: dict[str, str]) -> str:
    if columns := _ARGUMENTS.get(name):
        return ".".join(row[column].lower() for column in columns)
    return row.get(name, "")


def _asked(condition: str, row: dict[str, str]) -> bool:
    """Tell whether a line meets a condition such as ``isForeignKey=='Yes' & fkDomain!= ''``."""
    tests = re.findall(r"(\w+)\s*(==|!=)\s*'(\w*)'", condition)
    return all((row[column] == value) == (sign == "==") for column, sign, value in tests)


@cache
def _sheet(name: str) -> Sheet:
    with (FOLDER / f"DQD_OMOP_CDMv5.4_{name}.csv").open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))
