# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Each house of the network keeps every entry once, in its own words, and says that nobody lived it."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from rwe.errors import DefinitionError
from synthetic.network.blocks import records, truth
from synthetic.network.entries import ENTRIES, entries
from synthetic.network.houses import hospital_a, hospital_b, hospital_c
from synthetic.network.houses.cells import Cell, Sheet
from synthetic.network.houses.database import Database
from synthetic.network.houses.network import Houses

SEED, PATIENTS = 5, 300
Entries = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def held() -> Entries:
    found = truth(SEED, 0, PATIENTS)
    return entries(SEED, found["persons"], records(SEED, found["courses"]))


@pytest.fixture(scope="module")
def folder(held: Entries, tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("houses")
    houses = Houses(into)
    houses.write(0, held)
    houses.finish()
    return into


def tables(path: Path) -> dict[str, list[dict[str, Any]]]:
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: [dict(row) for row in database.execute(f'SELECT * FROM "{name}"')] for name in names}


def test_keys_are_unlike_and_every_entry_is_marked(held: Entries) -> None:
    assert set(held) == set(ENTRIES)
    for table in held.values():
        assert table["record"].n_unique() == table.height
        assert table["synthetic"].all()
        assert table.select("record", "person", "modified", "synthetic").null_count().sum_horizontal().item() == 0


@pytest.mark.parametrize(("name", "mark"), [("a", "is_synthetic"), ("b", "sintetichen"), ("c", "Синтетичен")])
def test_the_tables_of_a_hospital_hold_its_entries_and_their_mark(
    folder: Path, held: Entries, name: str, mark: str
) -> None:
    found = tables(folder / f"{name}.db")

    mine = [
        held[kind].filter(pl.col("hospital") == name.upper()).height
        for kind in ("patients", "stays", "diagnoses", "drugs", "labs", "assessments")
    ]
    assert all(row[mark] == 1 for rows in found.values() for row in rows)
    if name == "b":
        diagnoses = sum(1 for row in found["epizod"] for slot in "1234" if row[f"dg{slot}"])
        assert [diagnoses, sum(row["postapil"] is not None for row in found["epizod"])] == [mine[2], mine[1]]
    else:
        assert [len(rows) for rows in found.values()] == mine


def test_a_fifth_diagnosis_of_a_stay_goes_on_in_a_row_of_its_own(held: Entries) -> None:
    stay = held["stays"]["stay"][0]
    one = held["diagnoses"].filter(pl.col("stay") == stay).head(1)
    many = pl.concat([one.with_columns(record=pl.col("record") + i, icd10=pl.lit(f"C3{i}.0")) for i in range(6)])

    wide = hospital_b.widened({**held, "diagnoses": many})["episodes"].filter(pl.col("stay") == stay)

    assert wide.select("dg1", "dg4", "start").rows() == [
        ("C300", "C330", held["stays"]["start"][0]),
        ("C340", None, None),
    ]
    assert wide["record"].n_unique() == 2


def test_a_text_stands_in_a_cell_letter_by_letter() -> None:
    rows = pl.DataFrame({"record": [1, 2], "value": [1.5, 2.0], "value_text": [None, "<0,01 & <2>"]})
    sheet = Sheet("labs", "labs", {"id": Cell("record", "key"), "value": Cell("value")})

    assert sheet.of({"labs": rows})["value"].to_list() == ["1.5", "<0,01 & <2>"]


def test_messages_resources_and_files_bear_the_mark(folder: Path, held: Entries) -> None:
    with zipfile.ZipFile(folder / "d" / "nhis" / "h002-00000.zip") as archive:
        reports = [archive.read(name).decode() for name in archive.namelist()]
    resources = [
        json.loads(line) for path in (folder / "fhir").iterdir() for line in path.read_text("utf-8").splitlines()
    ]
    sent = (folder / "hl7v2" / "part-00000.hl7").read_bytes().decode().split("MSH|")[1:]
    files = [path for place in ("d/files", "registry", "fund") for path in (folder / place).iterdir()]

    at_d = held["stays"].filter(pl.col("hospital") == "D").height
    assert len(reports) == at_d
    assert all('senderISName value="rwe-engine synthetic"' in text for text in reports)
    assert {one["resourceType"] for one in resources} >= {"Patient", "Encounter", "Condition", "Observation"}
    assert all(one["meta"]["tag"][0]["code"] == "HTEST" for one in resources)
    assert sent
    assert all(text.split("|")[9] == "T" for text in sent)
    for path in files:
        encoding = "windows-1251" if path.parent.name == "files" else "utf-8"
        head, *lines = path.read_text(encoding).splitlines()
        assert head.split(";")[-1] in ("синтетичен", "sintetichen")
        assert all(line.endswith(";1") for line in lines)


def test_each_hospital_has_the_types_of_its_system() -> None:
    def told(sheets: Sequence[Sheet], changed: str, table: str, system: str, *, zoned: bool = False) -> str:
        made = Database("sqlite://", sheets, changed=changed, zoned=zoned).tables[table]
        return str(CreateTable(made).compile(dialect=sa.make_url(f"{system}://").get_dialect()()))

    a = told(hospital_a.SHEETS, "modified_at", "encounter", "postgresql", zoned=True)
    b = told(hospital_b.SHEETS, "promenen", "epizod", "mysql+pyodbc")
    c = told(hospital_c.SHEETS, "Променен", "Престои", "mssql+pyodbc")

    assert "admitted_at TIMESTAMP WITH TIME ZONE" in a
    assert "VARCHAR(255)" in b
    assert "[Отделение] NVARCHAR(255)" in c
    assert "[Приет] DATETIME" in c


def test_a_database_that_holds_tables_is_left_alone(tmp_path: Path) -> None:
    Houses(tmp_path).finish()

    with pytest.raises(DefinitionError, match="has tables"):
        Houses(tmp_path)
    with pytest.raises(DefinitionError, match="not an SQLAlchemy URL"):
        Database("nothing", (), changed="")
