# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The checks of the Data Quality Dashboard as SQL of our own, written from their descriptions for DuckDB.

Nothing of `rwe.quality` is used: the lists are read again from the csv files, a description is one query of two
numbers (rows that break the rule, rows asked), and the verdicts follow the dashboard's documentation.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

FOLDER = Path(__file__).parents[2] / "rwe" / "quality" / "dqd"
HELD = (
    "person", "observation_period", "visit_occurrence", "condition_occurrence", "procedure_occurrence",
    "measurement", "drug_exposure", "observation", "death", "episode",
    "payer_plan_period",
)  # fmt: skip
TYPES = {"integer": "BIGINT", "bigint": "BIGINT", "float": "DOUBLE", "date": "DATE", "datetime": "TIMESTAMP"}
Line = Mapping[str, str]
Key = tuple[str, str, str, str]  # check, table, field, concepts
Verdict = tuple[int, int, str]  # rows that break the rule, rows asked, verdict

OF_ROWS = "FROM {table} AS t"
BORN = """COALESCE(CAST(p.birth_datetime AS DATE), TRY_CAST(printf('%04d-%02d-%02d', p.year_of_birth,
    COALESCE(p.month_of_birth, 1), COALESCE(p.day_of_birth, 1)) AS DATE))"""
BORN_OR_JUNE = "COALESCE(CAST(p.birth_datetime AS DATE), MAKE_DATE(p.year_of_birth, 6, 1))"
PERSON = "LEFT JOIN (SELECT DISTINCT ON (person_id) * FROM person) AS p ON t.person_id = p.person_id"
DEAD = "LEFT JOIN (SELECT person_id, MIN(death_date) AS died FROM death GROUP BY ALL) AS d ON t.person_id = d.person_id"
CONCEPT = "LEFT JOIN (SELECT DISTINCT ON (concept_id) * FROM concept) AS c ON t.{field} = c.concept_id"
BELOW = "t.{field} IN (SELECT descendant_concept_id FROM concept_ancestor WHERE ancestor_concept_id IN ({conceptId}))"

# name of the check -> what breaks the rule, which rows are asked, what stands beside the row
RULES: dict[str, tuple[str, str, str]] = {
    "isRequired": ("t.{field} IS NULL", "TRUE", ""),
    "cdmDatatype": ("t.{field} IS NOT NULL AND TRY_CAST(t.{field} AS BIGINT) IS DISTINCT FROM t.{field}", "TRUE", ""),
    "isPrimaryKey": ("t.{field} IN (SELECT {field} FROM {table} GROUP BY {field} HAVING COUNT(*) > 1)", "TRUE", ""),
    "isForeignKey": (
        "t.{field} IS NOT NULL AND NOT EXISTS (FROM {fkTableName} AS k WHERE k.{fkFieldName} = t.{field})", "TRUE", "",
    ),
    "fkDomain": ("c.concept_id <> 0 AND c.domain_id IS DISTINCT FROM '{fkDomain}'", "TRUE", CONCEPT),
    "isStandardValidConcept": (
        "c.concept_id <> 0 AND (c.standard_concept IS DISTINCT FROM 'S' OR c.invalid_reason IS NOT NULL)",
        "TRUE", CONCEPT,
    ),
    "measureValueCompleteness": ("t.{field} IS NULL", "TRUE", ""),
    "standardConceptRecordCompleteness": ("t.{field} = 0", "{numbered}", ""),
    "sourceConceptRecordCompleteness": ("t.{field} = 0", "TRUE", ""),
    "plausibleValueLow": ("{plain} < {low}", "t.{field} IS NOT NULL", ""),
    "plausibleValueHigh": ("{plain} > {high}", "t.{field} IS NOT NULL", ""),
    "plausibleTemporalAfter": ("{earlier} > CAST(t.{field} AS DATE)", "TRUE", PERSON),
    "plausibleDuringLife": ("CAST(t.{field} AS DATE) > d.died + 60", "d.died IS NOT NULL", DEAD),
    "plausibleBeforeDeath": (
        "CAST(t.{field} AS DATE) > d.died + 60", "t.{field} IS NOT NULL AND d.died IS NOT NULL", DEAD,
    ),
    "plausibleAfterBirth": (f"CAST(t.{{field}} AS DATE) < {BORN}", "t.{field} IS NOT NULL", PERSON),
    "plausibleStartBeforeEnd": (
        "CAST(t.{field} AS DATE) > CAST(t.{plausibleStartBeforeEndFieldName} AS DATE)",
        "t.{field} IS NOT NULL AND t.{plausibleStartBeforeEndFieldName} IS NOT NULL", "",
    ),
    "withinVisitDates": (
        "t.{field} < v.visit_start_date - 7 OR t.{field} > v.visit_end_date + 7", "v.visit_occurrence_id IS NOT NULL",
        """LEFT JOIN (SELECT DISTINCT ON (visit_occurrence_id) * FROM visit_occurrence) AS v
           ON t.visit_occurrence_id = v.visit_occurrence_id""",
    ),
    "plausibleGender": ("p.gender_concept_id <> {sex}", "t.{field} = {conceptId}", PERSON),
    "plausibleGenderUseDescendants": ("p.gender_concept_id <> {sex}", BELOW, PERSON),
    "plausibleUnitConceptIds": (
        "COALESCE(t.unit_concept_id, -1) NOT IN ({plausibleUnitConceptIds})",
        "t.{field} = {conceptId} AND t.value_as_number IS NOT NULL", "",
    ),
}  # fmt: skip
# those that do not count rows
WHOLE = {
    "sourceValueCompleteness": """
        SELECT COUNT(*) FILTER (unmapped), COUNT(*)
        FROM (
            SELECT COALESCE(BOOL_OR({standardConceptFieldName} = 0), FALSE) AS unmapped FROM {table} GROUP BY {field}
        )""",
    "measurePersonCompleteness": """
        SELECT COUNT(*) FILTER (NOT EXISTS (FROM {table} AS t WHERE t.person_id = p.person_id)), COUNT(*)
        FROM person AS p""",
    "measureObservationPeriodOverlap": """
        SELECT COUNT(DISTINCT a.person_id) FILTER (b.person_id IS NOT NULL), COUNT(DISTINCT a.person_id)
        FROM numbered_period AS a LEFT JOIN numbered_period AS b ON a.person_id = b.person_id AND a.nr <> b.nr
        AND a.observation_period_start_date <= b.observation_period_end_date + 1
        AND b.observation_period_start_date <= a.observation_period_end_date + 1""",
}


def verdicts(tables: Mapping[str, pl.DataFrame], today: date, only: Sequence[str] = HELD) -> dict[Key, Verdict]:
    """Return the verdict on every check of the tables `only`; else of all that the engine holds."""
    with duckdb.connect() as base:
        for name, table in tables.items():
            _load(base, name, table)
        base.execute("""CREATE TABLE numbered_period AS
            SELECT *, row_number() OVER () AS nr FROM observation_period WHERE person_id IS NOT NULL""")
        return dict(_verdicts(base, today, only))


def _load(base: duckdb.DuckDBPyConnection, name: str, table: pl.DataFrame) -> None:
    fields = {r["cdmFieldName"]: r["cdmDatatype"] for r in _sheet("Field_Level") if r["cdmTableName"].lower() == name}
    columns = [
        f"CAST({c} AS {TYPES.get(fields[c].lower(), 'VARCHAR')}) AS {c}" if c in fields else c for c in table.columns
    ]
    base.register("came", table.to_arrow())
    base.execute(f"CREATE TABLE {name} AS SELECT {', '.join(columns)} FROM came")
    base.unregister("came")


def _verdicts(base: duckdb.DuckDBPyConnection, today: date, only: Sequence[str]) -> Iterator[tuple[Key, Verdict]]:
    for kind in _sheet("Check_Descriptions"):
        name, level = kind["checkName"], kind["checkLevel"].capitalize()
        for line in _sheet(f"{level}_Level"):
            if line["cdmTableName"].lower() in only and _is_asked(name, line):
                yield _judged(base, name, line, today)


def _is_asked(name: str, line: Line) -> bool:
    if name in ("cdmTable", "cdmField"):
        return True
    if name == "cdmDatatype":
        return line["cdmDatatype"] == "integer"
    if name in ("fkDomain", "fkClass"):
        return line["isForeignKey"] == "Yes" and line[name] != ""
    return line[name] not in ("", "No")


def _judged(base: duckdb.DuckDBPyConnection, name: str, line: Line, today: date) -> tuple[Key, Verdict]:
    table, field = line["cdmTableName"].lower(), line.get("cdmFieldName", "").lower()
    concepts = ",".join(c.strip() for c in line.get("conceptId", "").split(",") if c.strip())
    broken, asked = (0, 1) if name in ("cdmTable", "cdmField") else _count(base, name, table, field, line, today)
    limit = float(line.get(f"{name}Threshold") or 0)
    fails = broken > 0 if limit == 0 else 100 * broken > limit * asked
    status = "failed" if fails else "passed"
    if _nothing_asked(base, name, table, field, concepts, asked):
        status = "not_applicable"
    return (name, table, field, concepts), (broken, asked, status)


def _nothing_asked(
    base: duckdb.DuckDBPyConnection, name: str, table: str, field: str, concepts: str, asked: int
) -> bool:
    if name in ("cdmTable", "cdmField", "measurePersonCompleteness"):
        return False
    rows, filled = _two(base, f"SELECT COUNT(*), COUNT({field or '*'}) FROM {table}")
    empty = field and filled == 0 and name != "measureValueCompleteness"
    return bool(rows == 0 or empty or (concepts and asked == 0))


def _count(
    base: duckdb.DuckDBPyConnection, name: str, table: str, field: str, line: Line, today: date
) -> tuple[int, int]:
    places = {**line, "table": table, "field": field, **_words(field, line, today)}
    if name in WHOLE:
        return _two(base, WHOLE[name].format(**places))
    broken, asked, beside = RULES[name]
    query = f"SELECT COUNT(*) FILTER (({asked}) AND ({broken})), COUNT(*) FILTER ({asked}) {OF_ROWS} {beside}"
    return _two(base, query.format(**places))


def _words(field: str, line: Line, today: date) -> dict[str, str]:
    """Return what the words of a line are in DuckDB."""
    now = f"DATE '{today}'"
    high = line.get("plausibleValueHigh", "").replace("DATEADD(dd,1,GETDATE())", f"({now} + 1)")
    low = line.get("plausibleValueLow", "")
    day = line.get("cdmDatatype", "") in ("date", "datetime")
    after = line.get("plausibleTemporalAfterFieldName", "").lower()
    sex = line.get("plausibleGender") or line.get("plausibleGenderUseDescendants")
    return {
        "high": high.replace("YEAR(GETDATE())", str(today.year)),
        "low": f"DATE '{low[1:5]}-{low[5:7]}-{low[7:9]}'" if day and low else low,
        "plain": f"CAST(t.{field} AS DATE)" if day else f"t.{field}",
        "numbered": "t.value_as_number IS NOT NULL" if field == "unit_concept_id" else "TRUE",
        "earlier": BORN_OR_JUNE if after == "birth_datetime" else f"CAST(t.{after} AS DATE)",
        "sex": {"Male": "8507", "Female": "8532"}.get(sex or "", ""),
    }


def _two(base: duckdb.DuckDBPyConnection, query: str) -> tuple[int, int]:
    found = base.execute(query).fetchone()
    assert found is not None
    return int(found[0] or 0), int(found[1] or 0)


def _sheet(name: str) -> list[dict[str, str]]:
    with (FOLDER / f"DQD_OMOP_CDMv5.4_{name}.csv").open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))
