# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The common model is OMOP's own field list, byte for byte, as schemas."""

from __future__ import annotations

import csv
import hashlib
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from rwe.cdm import PROVENANCE, TABLES, Cdm
from rwe.errors import DataError
from rwe.spec.omop import FIELD_LIST, dated_by, omop_fields

CONFIGS = Path(__file__).parents[2] / "configs"


def death(**changes: object) -> pl.DataFrame:
    provenance = {"_key": "a", "_source": "s", "_source_key": "1", "_source_commit": 1, "bucket": 3}
    values = {"person_id": 1, "death_date": date(2000, 1, 1)} | provenance | changes
    row = {name: [values.get(name)] for name in TABLES["death"].column_names()}
    return pl.DataFrame(row, schema=TABLES["death"].create_empty().schema)


def test_field_list_is_the_one_its_readme_names() -> None:
    digest = hashlib.sha256(FIELD_LIST.read_bytes()).hexdigest()

    assert digest in (FIELD_LIST.parent / "README.md").read_text("utf-8")


def test_schemas_hold_every_official_field_and_the_provenance() -> None:
    for table, schema in TABLES.items():
        assert schema.column_names() == [*omop_fields()[table], *PROVENANCE]


def test_types_follow_the_field_list() -> None:
    columns = TABLES["measurement"].columns()

    assert [
        columns[c].dtype for c in ("measurement_id", "measurement_date", "value_as_number", "unit_source_value")
    ] == [
        pl.Int64(),
        pl.Date(),
        pl.Float64(),
        pl.String(),
    ]
    assert TABLES["measurement"].primary_key() == ["measurement_id"]
    assert columns["measurement_concept_id"].nullable is False
    assert columns["value_as_number"].nullable is True


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"death_date": None}, "death_date|nullability"),
        ({"cause_source_value": "x" * 51}, "cause_source_value|max_length"),
        ({"bucket": 64}, "bucket|max"),
    ],
)
def test_schema_names_what_a_row_breaks(change: dict[str, object], rule: str) -> None:
    good, failure = TABLES["death"].filter(death(**change))

    assert good.is_empty()
    assert failure.counts() == {rule: 1}


def test_each_table_knows_what_dates_it() -> None:
    assert {table: dated_by(table) for table in ("person", "death", "measurement", "visit_occurrence")} == {
        "person": "",
        "death": "death_date",
        "measurement": "measurement_date",
        "visit_occurrence": "visit_start_date",
    }


def test_table_that_nothing_fills_is_empty_and_unknown_one_is_refused() -> None:
    cdm = Cdm({}, pl.DataFrame())

    assert cdm.table("episode").collect().is_empty()
    with pytest.raises(DataError, match="no table 'note'"):
        cdm.table("note")


def test_own_concepts_have_names_in_both_languages_and_stand_where_their_domain_allows() -> None:
    own: dict[str, dict[str, str]] = {}
    for path in (CONFIGS / "concepts").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        assert not own.keys() & {row["concept_id"] for row in rows}
        own |= {row["concept_id"]: row for row in rows}

    assert all(int(i) >= 2_000_000_000 and row["domain"] and row["en"] and row["bg"] for i, row in own.items())

    for field, concept in _used(CONFIGS / "mappings" / "rotterdam"):
        if int(concept) >= 2_000_000_000:
            assert _domain(*field) in ("", "Meas Value", own[concept]["domain"]), (field, concept)


def _domain(table: str, name: str) -> str:
    return "Meas Value" if name == "value_as_concept_id" else omop_fields()[table][name].domain


def _used(folder: Path) -> list[tuple[tuple[str, str], str]]:
    with (folder / "fields.csv").open(encoding="utf-8", newline="") as lines:
        fields = list(csv.DictReader(lines))
    with (folder / "concepts.csv").open(encoding="utf-8", newline="") as lines:
        codes = list(csv.DictReader(lines))
    used = [((row["table"], row["field"]), row["argument"]) for row in fields if row["how"] == "concept"]
    for row in fields:
        if row["how"] == "code":
            meant = [c["target_concept_id"] for c in codes if c["source_vocabulary_id"] == row["argument"]]
            used += [((row["table"], row["field"]), concept) for concept in meant]
    return used
