# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From the hospital to the disk: no direct identifier arrives, and nothing arrives twice."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from connectors.sql import connect
from rwe.errors import DefinitionError
from rwe.identity import pseudonymise
from rwe.linkage import load_or_make_key
from rwe.spec.base import read
from rwe.spec.site import Site, load_site
from rwe.spec.source import Source
from rwe.store import Landed, Store

CONFIGS = Path(__file__).parents[2] / "configs"
STREAMS = ("patient", "surgery")
IDENTIFIERS = ["HOSP-77001", "HOSP-77002", "9913451234", "9913455678", "Гергана", "Незнайкова", "Евстати", "1931-05-06"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a data folder with a hospital of two patients, whose database is left outside the search."""
    (tmp_path / "hospitals").mkdir()
    with closing(sqlite3.connect(tmp_path / "hospitals" / "breast.db")) as database:
        database.executescript(
            """
            CREATE TABLE patient (row_id INTEGER PRIMARY KEY, patient_no TEXT, national_no TEXT, given_name TEXT,
                family_name TEXT, birth_date DATE, sex TEXT, modified_at TIMESTAMP);
            CREATE TABLE surgery (row_id INTEGER PRIMARY KEY, patient_no TEXT, surgery_date DATE, procedure_code TEXT,
                menopause TEXT, modified_at TIMESTAMP);
            INSERT INTO patient VALUES
                (2, 'HOSP-77001', '9913451234', 'Гергана', 'Незнайкова', '1931-05-06', 'V', '1994-01-01 00:00:00'),
                (1, 'HOSP-77002', '9913455678', 'Евстати', 'Незнайкова', '1931-05-06', 'V', '1994-01-01 00:00:00');
            INSERT INTO surgery VALUES
                (1, 'HOSP-77001', '1981-02-03', 'M', 'PRE', '1994-01-01 00:00:00'),
                (2, 'HOSP-77002', '1982-03-04', 'M', 'POST', '1994-01-01 00:00:00');
            """
        )
    return tmp_path


def _site() -> tuple[Site, Source]:
    site = load_site(CONFIGS / "sites" / "rotterdam.yaml")
    source = read(Path(site.mapping) / "source.yaml", Source)
    return site, source.model_copy(update={"streams": {name: source.streams[name] for name in STREAMS}})


def _extract(home: Path) -> list[Landed]:
    site, source = _site()
    store, key = Store(home / "store"), load_or_make_key(home)
    landed = []
    with closing(connect(site, source, home)) as connector:
        for stream in connector.streams():
            table = store.table(f"{site.site}/landing/{stream}")
            for batch in connector.read(stream, table.cursor()):
                rows = pseudonymise(batch.rows, source.streams[stream].columns, key, f"{site.site}/person")
                name = hashlib.sha256(f"{stream} {table.cursor()} {batch.cursor}".encode()).hexdigest()
                landed.append(table.append(rows, batch=name, cursor=batch.cursor))
    return landed


def _correct(home: Path, statement: str) -> None:
    with closing(sqlite3.connect(home / "hospitals" / "breast.db")) as database:
        database.execute(statement)
        database.commit()


def test_no_identifier_is_in_any_byte_or_value_on_disk(home: Path) -> None:
    _extract(home)

    files = [path for path in home.rglob("*") if path.is_file() and "hospitals" not in path.parts]
    parquet = [path for path in files if path.suffix == ".parquet"]
    assert len(parquet) == 2
    texts = [path.read_bytes().decode("latin-1") for path in files]
    texts += [pl.read_parquet(path).write_ndjson() for path in parquet]
    for marker in IDENTIFIERS:
        spellings = (marker, marker.encode().decode("latin-1"), marker.encode().hex(), marker.lower())
        assert not [text for text in texts if any(spelling in text for spelling in spellings)]


def test_landing_tables_hold_what_was_promised(home: Path) -> None:
    _extract(home)

    patient = Store(home / "store").table("rotterdam/landing/patient").current().collect()
    surgery = Store(home / "store").table("rotterdam/landing/surgery").current().collect()
    meta = ["_key", "_hash", "_op", "_commit", "_batch"]
    tokens = ["person_token", "national_token", "national_masked", "national_says", "name_tokens", "name_near"]
    tokens += ["birth_year", "birth_tokens"]
    assert set(patient.columns) == {*meta, *tokens, "sex"}
    assert set(surgery.columns) == {*meta, "person_token", "surgery_date", "procedure_code", "menopause"}
    assert set(patient["person_token"]) == set(surgery["person_token"])


def test_a_second_extraction_lands_nothing(home: Path) -> None:
    first = _extract(home)

    second = _extract(home)

    assert [landed.landed for landed in first] == [2, 2]
    assert [landed.landed for landed in second] == [0, 0]
    assert [landed.unchanged for landed in second] == [2, 2]


def test_one_corrected_row_lands_one_new_row(home: Path) -> None:
    _extract(home)
    _correct(home, "UPDATE surgery SET menopause = 'PRE', modified_at = '1994-06-01 00:00:00' WHERE row_id = 2")
    _correct(home, "UPDATE patient SET modified_at = '1994-06-01 00:00:00'")

    patient, surgery = _extract(home)

    assert (patient.landed, patient.unchanged) == (0, 2)
    assert (surgery.landed, surgery.unchanged) == (1, 1)
    table = Store(home / "store").table("rotterdam/landing/surgery")
    assert table.current().collect().sort("_key")["menopause"].to_list() == ["PRE", "PRE"]
    assert table.current(as_of=1).collect().sort("_key")["menopause"].to_list() == ["PRE", "POST"]
    assert [again.landed for again in _extract(home)] == [0, 0]


def test_a_site_file_with_a_password_is_refused_at_its_place(tmp_path: Path) -> None:
    secret = "s3cret-marker"
    path = tmp_path / "site.yaml"
    for url in (
        f"postgresql://u:{secret}@h/d",
        f"postgresql://u@h/d?password={secret}",
        f"mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3D{secret}",
    ):
        text = f'site: a\ntitle: {{en: a, bg: a}}\nconnector: sql\nurl: "{url}"\nmapping: .\n'
        path.write_text(text)

        with pytest.raises(DefinitionError, match=r"site\.yaml:4:6: url: no password in this file") as caught:
            load_site(path)

        assert secret not in str(caught.value)


def test_an_address_in_the_environment_wins_and_one_that_is_missing_is_named() -> None:
    site, _ = _site()
    without = site.model_copy(update={"url": None})

    assert site.address({"RWE_ROTTERDAM_URL": "postgresql:///x"}) == "postgresql:///x"
    assert site.address({}) == "sqlite:///{home}/hospitals/breast.db"
    with pytest.raises(DefinitionError, match="set RWE_ROTTERDAM_URL"):
        without.address({})
