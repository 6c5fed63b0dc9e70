# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Two little hospitals in SQLite that share patients, and the command line to read them by."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe.cli.app import main
from rwe.pipeline.align import Aligned
from rwe.pipeline.realign import realign
from rwe.spec.mapping import CONCEPT_COLUMNS, FIELD_COLUMNS
from rwe.store import Store

SITE = """\
site: {name}
title: {{en: Clinic, bg: Клиника}}
connector: sql
url_env: RWE_TEST_{upper}_URL
mapping: mapping
"""
SOURCE = """\
source: clinic
streams:
  patient:
    table: patient
    key: id
    cursor: changed
    columns:
      no: {type: text, role: person}
      egn: {type: text, role: national_id}
      name: {type: text, role: name}
      born: {type: date, role: birth_date}
      sex: {type: text}
  visit:
    table: visit
    key: id
    cursor: changed
    columns:
      no: {type: text, role: person}
      day: {type: date}
  death:
    table: death
    key: id
    cursor: changed
    columns:
      no: {type: text, role: person}
      day: {type: date}
      source: {type: text, codes: false}
"""
FIELDS = """
patient,person,person,gender_concept_id,code,sex,sex,
patient,person,person,year_of_birth,birth_year,born,,
patient,person,person,race_concept_id,concept,,0,
patient,person,person,ethnicity_concept_id,concept,,0,
patient,period,observation_period,observation_period_start_date,first_record,,,
patient,period,observation_period,observation_period_end_date,last_record,,,
patient,period,observation_period,period_type_concept_id,concept,,32817,
visit,visit,visit_occurrence,visit_concept_id,concept,,9202,
visit,visit,visit_occurrence,visit_start_date,date,day,,
visit,visit,visit_occurrence,visit_end_date,inferred,,visit_start_date,
visit,visit,visit_occurrence,visit_type_concept_id,concept,,32817,
death,death,death,death_date,date,day,,
death,death,death,death_type_concept_id,code,source,source,keep
"""
CONCEPTS = """
F,0,sex,,8532,Gender,1970-01-01,2099-12-31,
M,0,sex,,8507,Gender,1970-01-01,2099-12-31,
bed,0,source,,32817,Type Concept,1970-01-01,2099-12-31,
registry,0,source,,32879,Type Concept,1970-01-01,2099-12-31,
claim,0,source,,32810,Type Concept,1970-01-01,2099-12-31,
"""
TABLES = """
CREATE TABLE patient (id INTEGER PRIMARY KEY, changed TIMESTAMP, no TEXT, egn TEXT, name TEXT, born DATE, sex TEXT);
CREATE TABLE visit (id INTEGER PRIMARY KEY, changed TIMESTAMP, no TEXT, day DATE);
CREATE TABLE death (id INTEGER PRIMARY KEY, changed TIMESTAMP, no TEXT, day DATE, source TEXT);
"""
CHANGED = "2024-01-01 00:00:00"
NAMES = ("north", "south")


@dataclass(frozen=True)
class Hospitals:
    """Hospitals ``north`` and ``south``, each with its patients, visits and deaths."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def store(self) -> Store:
        return Store(self.home / "store")

    def put(self, site: str, table: str, *rows: tuple[Any, ...]) -> None:
        """Write rows after the last one; id and time of change come by themselves."""
        with closing(sqlite3.connect(self.folder / f"{site}.db")) as hospital, hospital:
            for row in rows:
                marks = ", ".join("?" * (len(row) + 2))
                (n,) = hospital.execute(f"SELECT count(*) FROM {table}").fetchone()
                hospital.execute(f"INSERT INTO {table} VALUES ({marks})", (n + 1, CHANGED, *row))

    def call(self, *line: str) -> tuple[int, list[dict[str, Any]]]:
        """Return the exit code of a command and what it told the machine."""
        self.capture.readouterr()
        code = main([*line, "--home", str(self.home), "--json"])
        return code, [json.loads(text) for text in self.capture.readouterr().out.splitlines()]

    def site(self, name: str) -> str:
        return str(self.folder / f"{name}.yaml")

    def extract(self) -> None:
        for name in NAMES:
            assert self.call("extract", self.site(name))[0] == 0

    def aligned(self, *names: str) -> list[Aligned]:
        """Return the hospitals in the common model, brought there one after another as their files are named."""
        return [
            part
            for name in names or NAMES
            for part in realign(Path(self.site(name)), home=self.home, progress=lambda _: None)
        ]

    def persons(self) -> dict[str, int]:
        """Return whose each row of a patient is."""
        found = self.store.table("links/person").current().select("_key", "person_id").collect()
        return dict(found.sort("_key").iter_rows())


def hospitals(folder: Path, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> Hospitals:
    (folder / "mapping").mkdir()
    (folder / "mapping" / "source.yaml").write_text(SOURCE, "utf-8")
    (folder / "mapping" / "fields.csv").write_text(",".join(FIELD_COLUMNS) + FIELDS, "utf-8")
    (folder / "mapping" / "concepts.csv").write_text(",".join(CONCEPT_COLUMNS) + CONCEPTS, "utf-8")
    for name in NAMES:
        (folder / f"{name}.yaml").write_text(SITE.format(name=name, upper=name.upper()), "utf-8")
        monkeypatch.setenv(f"RWE_TEST_{name.upper()}_URL", f"sqlite:///{folder / f'{name}.db'}")
        with closing(sqlite3.connect(folder / f"{name}.db")) as made, made:
            made.executescript(TABLES)
    return Hospitals(folder, capture)


def rows(frame: pl.LazyFrame, *columns: str) -> list[tuple[Any, ...]]:
    return frame.select(columns).collect().sort(columns).rows()
