# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Faults in the two sheets of a mapping: each with its place and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from rwe.errors import DefinitionError
from rwe.spec.mapping import CONCEPT_COLUMNS, FIELD_COLUMNS, load_mapping

SOURCE = """
source: small
streams:
  patient:
    table: patient
    key: id
    cursor: changed
    columns:
      number: {type: text, role: person}
      born: {type: date, role: birth_date}
      sex: {type: text}
  visit:
    table: visit
    key: id
    cursor: changed
    columns:
      number: {type: text, role: person}
      day: {type: date}
      day_text: {type: text}
      kind: {type: text}
      value: {type: text}
"""
PERSON = [
    "patient,person,person,gender_concept_id,code,sex,sex,",
    "patient,person,person,year_of_birth,birth_year,born,,",
    "patient,person,person,race_concept_id,concept,,0,",
    "patient,person,person,ethnicity_concept_id,concept,,0,",
]
STAY = [
    "visit,stay,visit_occurrence,visit_concept_id,concept,,9201,",
    "visit,stay,visit_occurrence,visit_start_date,date,day,,",
    "visit,stay,visit_occurrence,visit_end_date,inferred,,visit_start_date,",
    "visit,stay,visit_occurrence,visit_type_concept_id,concept,,32817,",
]
CONCEPTS = ["V,0,sex,female,8532,Gender,1970-01-01,2099-12-31,"]


def write(folder: Path, fields: list[str], concepts: list[str] = CONCEPTS) -> Path:
    (folder / "source.yaml").write_text(SOURCE, "utf-8")
    (folder / "fields.csv").write_text("\n".join([",".join(FIELD_COLUMNS), *fields]), "utf-8")
    (folder / "concepts.csv").write_text("\n".join([",".join(CONCEPT_COLUMNS), *concepts]), "utf-8")
    return folder


def faults(folder: Path) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        load_mapping(folder)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_sheets_that_are_right_load(tmp_path: Path) -> None:
    mapping = load_mapping(write(tmp_path, PERSON + STAY))

    assert mapping.person == ("patient", "person")
    assert list(mapping.records("visit")) == ["stay"]
    assert mapping.concepts[0].concept_id == 8532
    assert [path.name for path in mapping.files] == ["source.yaml", "fields.csv", "concepts.csv"]
    assert mapping.fields[0].missing == "reject"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("visitt,a,death,death_date,date,day,,", "6:1: stream: unknown stream 'visitt'; did you mean 'visit'?"),
        ("visit,a,deaths,death_date,date,day,,", "6:9: table: unknown table 'deaths'; did you mean 'death'?"),
        (
            "visit,a,death,death_dat,date,day,,",
            "6:15: field: death has no field 'death_dat'; did you mean 'death_date'?",
        ),
        ("visit,a,death,death_date,datum,day,,", "6:26: how: unknown way 'datum'; did you mean 'date'?"),
        ("visit,a,death,death_date,date,dya,,", "6:31: column: unknown column 'dya'; did you mean 'day'?"),
        (
            "visit,a,death,death_date,date,day_text,,",
            "6:26: how: 'date' cannot read 'day_text' of type text; use text_date",
        ),
        ("visit,a,death,death_date,date,,,", "6:31: column: 'date' needs a source column"),
        (
            "visit,a,death,death_date,text_date,day_text,DD.MM.YYYY,",
            "6:45: argument: the form of a date needs %d, %m and %Y (or %y)",
        ),
        (
            "visit,a,death,cause_concept_id,code,kind,kinds,",
            "6:42: argument: no such vocabulary in concepts.csv; known: sex",
        ),
        (
            "visit,a,death,death_type_concept_id,concept,,EHR,",
            "6:46: argument: a concept id is a whole number",
        ),
        ("visit,a,death,person_id,number,value,,", "6:15: field: the engine fills this id; remove the line"),
        (
            "visit,a,death,cause_source_value,text,number,,",
            "6:39: column: 'number' has role 'person'; 'text' cannot read such a column",
        ),
        ("visit,a,death,death_date,date,day,,maybe", "6:36: missing: unknown word; known: keep, reject, skip, spare"),
        ("visit,a,death,death_date,date,day,,keep", "6:36: missing: OMOP requires death_date: write reject or skip"),
        ("visit,a,death,death_date,number,value,,", "6:26: how: 'number' cannot fill a field of type date"),
        ("visit,a,measurement,value_as_number,constant,,many,", "6:47: argument: does not fit the type of the field"),
    ],
)
def test_fault_of_a_line(tmp_path: Path, line: str, fault: str) -> None:
    found = faults(write(tmp_path, [*PERSON, line]))

    assert found == [f"fields.csv:{fault}"]


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (PERSON[1:], "2:9: record: record 'person' does not fill gender_concept_id, which OMOP requires"),
        (STAY, "2:12: table: exactly one record must fill person; here 0 do"),
        ([*PERSON, STAY[0], *STAY], "7:29: field: this record has the line already"),
        (
            [*PERSON, *STAY, "visit,stay,death,death_date,date,day,,"],
            "10:12: table: this record fills visit_occurrence since line 6",
        ),
        (
            [*PERSON, *STAY[:2], "visit,stay,visit_occurrence,visit_end_date,inferred,,visit_date,", STAY[3]],
            "8:54: argument: not a date read by this record; did you mean 'visit_start_date'?",
        ),
        (
            [*PERSON, *STAY, "visit,stay,visit_occurrence,preceding_visit_occurrence_id,link,,sty,"],
            "10:65: argument: no such record in this stream; did you mean 'stay'?",
        ),
        (
            [*PERSON, *STAY, "visit,stay,visit_occurrence,care_site_id,link,,stay,"],
            "10:48: argument: visit_occurrence does not have the id that care_site_id holds",
        ),
        (
            [*PERSON, *STAY[:2], "visit,stay,visit_occurrence,visit_end_date,last_record,,,", STAY[3]],
            "8:44: how: only an observation period may use 'last_record'",
        ),
    ],
)
def test_fault_across_lines(tmp_path: Path, lines: list[str], fault: str) -> None:
    found = faults(write(tmp_path, lines))

    assert found == [f"fields.csv:{fault}"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("V,0,sex,,x,Gender,1970-01-01,2099-12-31,", "3:10: target_concept_id: a concept id is a whole number"),
        ("W,0,sex,,1,Gender,01.01.1970,2099-12-31,", "3:19: valid_start_date: write the day as YYYY-MM-DD"),
        ("W,0,sex,,1,Gender,1970-01-01,1969-12-31,", "3:30: valid_end_date: ends before it starts"),
        (
            "V,0,sex,,1,Gender,2000-01-01,2099-12-31,",
            "3:19: valid_start_date: overlaps line 2, which maps the same code",
        ),
        (",0,sex,,1,Gender,2000-01-01,2099-12-31,", "3:1: source_code: must not be empty"),
        ("V,0,sex,1,Gender,2000-01-01,2099-12-31,", "3:1: 8 cells where the header has 9"),
    ],
)
def test_fault_of_a_concept(tmp_path: Path, line: str, fault: str) -> None:
    found = faults(write(tmp_path, PERSON, [*CONCEPTS, line]))

    assert found == [f"concepts.csv:{fault}"]


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    found = faults(write(tmp_path, [*PERSON, "visit,a,deaths,death_date,date,dya,,", "x,a,death,,when,kind,A,"]))

    assert len(found) == 3


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        ("stream,record,table,field,how,colum,argument,missing", "colum: unknown column; did you mean 'column'?"),
        ("stream,record,table,field,how,argument,missing", "column: this column is missing"),
        ("record,stream,table,field,how,column,argument,missing", f"the header must be {','.join(FIELD_COLUMNS)}"),
    ],
)
def test_header_is_closed(tmp_path: Path, header: str, fault: str) -> None:
    write(tmp_path, [])
    (tmp_path / "fields.csv").write_text(header, "utf-8")

    assert faults(tmp_path) == [f"fields.csv:1:1: {fault}"]


def test_missing_and_unreadable_sheets(tmp_path: Path) -> None:
    write(tmp_path, PERSON)
    (tmp_path / "fields.csv").write_bytes("ж".encode("cp1251"))
    assert faults(tmp_path) == ["fields.csv:1:1: cannot be read: UnicodeDecodeError"]

    (tmp_path / "fields.csv").unlink()
    assert faults(tmp_path) == ["fields.csv:1:1: no such file"]
