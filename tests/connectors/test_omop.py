# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A common data model as a source: the connector's conformance, 5.3 and 5.4, folders and a database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from connectors.conformance import SOURCE
from connectors.omop import OmopConnector, connect
from connectors.omop_tables import cdm_source
from rwe.errors import DataError, DefinitionError
from rwe.pipeline.extract import extract, landing_table
from rwe.ports import Batch
from rwe.spec.base import Text
from rwe.spec.site import Site
from rwe.spec.source import Source
from rwe.store import Store
from tests.connectors.tiers import FAST_FIRST

# What the conformance suite calls its columns, by fields of the table `observation`.
FIELDS = {
    "row_id": "observation_id",
    "patient_no": "value_as_string",
    "seen_on": "observation_date",
    "seen_at": "observation_datetime",
    "score": "provider_id",
    "size": "value_as_number",
    "note": "observation_source_value",
    "ward": "unit_source_value",
}


def _site(url: str, page_rows: int = 100, **told: Any) -> Site:
    title = Text(en="Model", bg="Модел")
    return Site(site="cdm", title=title, connector="omop", url=url, mapping=".", page_rows=page_rows, options=told)


@dataclass
class Model:
    """A folder with a table of observations, to which each writing adds a file."""

    folder: Path
    kind: str
    written: list[str] = field(default_factory=list)

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add a file of rows, in the order they were changed."""
        ordered = sorted(rows, key=lambda row: (row["modified_at"], row["row_id"]))
        frame = pl.DataFrame(ordered, infer_schema_length=None).drop("modified_at").rename(FIELDS, strict=False)
        path = self.folder / f"OBSERVATION-{len(self.written)}.{self.kind}"
        self.written.append(path.name)
        if self.kind == "parquet":
            frame.write_parquet(path)
        else:
            frame.rename(str.upper).write_csv(path, separator="\t", datetime_format="%Y-%m-%d %H:%M:%S%.6f")

    def open(self, page_rows: int) -> OmopConnector:
        """Return a connector on the folder."""
        contract = {"format": "parquet"} if self.kind == "parquet" else {"separator": "\t"}
        told = {"mode": "append", "pattern": "{table}-*", "contract": contract, "folder": {"quiet_seconds": 0}}
        tables = {"visit": "observation", "visit_empty": "observation"}
        streams = {
            name: stream.model_copy(update={"table": tables[name], "options": {"fields": FIELDS}})
            for name, stream in SOURCE.streams.items()
        }
        site = _site(f"file://{self.folder}", page_rows, **told)
        return _EmptyBeside(site, SOURCE.model_copy(update={"streams": streams}), self.folder)


class _EmptyBeside(OmopConnector):
    """The second stream of the suite is empty: it looks into a folder without files."""

    def __init__(self, site: Site, source: Source, folder: Path) -> None:
        super().__init__(site, source, folder)
        (folder / "none").mkdir(exist_ok=True)
        self._beside = OmopConnector(site.model_copy(update={"url": f"file://{folder}/none"}), source, folder)

    def read(self, stream: str, *place: Any) -> Any:
        return self._beside.read(stream, *place) if stream == "visit_empty" else super().read(stream, *place)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("check", FAST_FIRST)
def test_conformance(check: Callable[[Any], None], kind: str, tmp_path: Path) -> None:
    check(Model(tmp_path, kind))


STAY_5_3 = (
    "VISIT_OCCURRENCE_ID,PERSON_ID,VISIT_CONCEPT_ID,VISIT_START_DATE,VISIT_END_DATE,VISIT_TYPE_CONCEPT_ID,"
    "ADMITTING_SOURCE_VALUE\n1,7,9201,20240229,20240301,32817,Спешно\n"
)
PERSON = (
    "person_id,gender_concept_id,year_of_birth,race_concept_id,ethnicity_concept_id\n7,8532,1975,0,0\n8,8507,1950,0,0\n"
)


def _read(folder: Path, table: str, **told: Any) -> list[Batch]:
    site = _site(f"file://{folder}", folder={"quiet_seconds": 0}, **told)
    return list(connect(site, cdm_source([table]), folder).read(table, None))


def test_fields_of_5_3_are_read_under_their_names_in_5_4(tmp_path: Path) -> None:
    (tmp_path / "VISIT_OCCURRENCE.csv").write_text(STAY_5_3, "utf-8")

    (batch,) = _read(tmp_path, "visit_occurrence", version="5.3", contract={"date_format": "%Y%m%d"})

    row = batch.rows.row(0, named=True)
    assert (row["_key"], row["person_id"], row["admitted_from_source_value"]) == ("1", 7, "Спешно")
    assert row["discharged_to_source_value"] is None


def test_a_person_is_known_by_a_digest_and_whole_tables_tell_who_is_gone(tmp_path: Path) -> None:
    (tmp_path / "person.csv").write_text(PERSON, "utf-8")
    site = _site(f"file://{tmp_path}", folder={"quiet_seconds": 0})
    connector = connect(site, cdm_source(["person"]), tmp_path)

    (batch,) = connector.read("person", None)
    keys = connector.keys("person")

    assert keys is not None
    assert list(batch.rows["_key"]) == [key for page in keys for key in page]
    assert not set(batch.rows["_key"]) & {"7", "8"}
    assert batch.rows["person_id"].to_list() == [7, 8]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return a small model in SQLite, its columns of the declared types."""
    path = tmp_path / "cdm.db"
    columns = "person_id INTEGER PRIMARY KEY, gender_concept_id INTEGER, year_of_birth INTEGER, race_concept_id INTEGER"
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE person ({columns}, ethnicity_concept_id INTEGER)")
        connection.execute("INSERT INTO person VALUES (7, 8532, 1975, 0, 0), (8, 8507, 1950, 0, 0)")
    connection.close()
    return path


def test_a_database_is_read_anew_and_a_value_may_come_back(database: Path, tmp_path: Path) -> None:
    site, source, store = _site(f"sqlite:///{database}", page_rows=1), cdm_source(["person"]), Store(tmp_path / "store")
    landed = []

    for year in (1975, 1976, 1975):
        with sqlite3.connect(database) as connection:
            connection.execute(f"UPDATE person SET year_of_birth = {year} WHERE person_id = 7")
        connection.close()
        extract(site, source, store, tmp_path, b"k" * 32)
        current = landing_table(store, site.site, "person").current().collect()
        landed.append(sorted(current["year_of_birth"]))

    assert landed == [[1950, 1975], [1950, 1976], [1950, 1975]]


def test_what_is_not_of_the_model_is_refused(tmp_path: Path) -> None:
    site = _site(f"file://{tmp_path}")
    stay = cdm_source(["visit_occurrence"])
    stream = stay.streams["visit_occurrence"]

    def told(source: Source, site: Site = site) -> str:
        with pytest.raises(DefinitionError) as found:
            connect(site, source, tmp_path)
        return str(found.value)

    def one(**update: Any) -> Source:
        return stay.model_copy(update={"streams": {"s": stream.model_copy(update=update)}})

    assert "did you mean 'visit_occurrence'?" in told(one(table="visit_occurence"))
    columns = stream.columns
    assert "'visit_date' is no field" in told(one(columns=columns | {"visit_date": columns["visit_start_date"]}))
    assert "is declared date, visit_concept_id is integer" in told(
        one(columns=columns | {"visit_concept_id": columns["visit_start_date"]})
    )
    assert "'episode' holds no people in 5.3" in told(
        cdm_source(["episode"]), _site(f"file://{tmp_path}", version="5.3")
    )


def test_a_table_that_breaks_its_types_is_refused_with_counts(tmp_path: Path) -> None:
    (tmp_path / "person.csv").write_text(PERSON.replace("1950", "unknown"), "utf-8")

    with pytest.raises(DataError, match="year_of_birth: 1 of 2 values are not of type integer"):
        _read(tmp_path, "person")
