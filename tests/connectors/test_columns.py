# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What deliveries begin or cease to say is seen as it is in tables: new fields are told, emptied ones set aside."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors import omop
from connectors.omop_tables import cdm_source
from rwe.pipeline.extract import Extracted, StreamRead, extract
from rwe.spec.base import Text, read
from rwe.spec.site import Site
from rwe.spec.source import Column, Source, Stream
from rwe.store import Store
from synthetic.nhis import Tree, envelope

NHIS = read(Path(__file__).parents[2] / "configs/mappings/nhis/source.yaml", Source)
Write = Callable[[int, Collection[str]], tuple[str, bytes]]
PATIENT: dict[str, Any] = {
    "patient_no": Column(type="text", role="person"),
    "seen": Column(type="date"),
}


@dataclass(frozen=True)
class Drops:
    """A folder into which a hospital puts deliveries, and its landing."""

    home: Path
    connector: str
    source: Source
    write: Write

    def deliver(self, number: int, *said: str, records: int = 10) -> Extracted:
        """Put a delivery there and extract: with a field `more`, or `fewer`, without the date."""
        folder = self.home / "drops"
        folder.mkdir(exist_ok=True)
        for record in range(1000 * number, 1000 * number + records):
            name, data = self.write(record, said)
            with (folder / name).open("ab") as file:
                file.write(data)
        options = {"quiet_seconds": 0} if self.connector == "hl7v2" else {}
        title, url = Text(en="Clinic", bg="Клиника"), f"file://{folder}"
        site = Site(site="clinic", title=title, connector=self.connector, url=url, mapping=".", options=options)
        return extract(site, self.source, Store(self.home / "store"), self.home, b"k" * 32)


def _hl7(number: int, said: Collection[str]) -> tuple[str, bytes]:
    head = rf"MSH|^~\&|HIS|Б|RWE|С|20240301101500||ADT^A08|{number}|P|2.5||||||UNICODE UTF-8"
    person = f"PID|1||P{number % 40}" + ("|||M" if "more" in said else "")
    stay = f"PV1|S{number}|{'' if 'fewer' in said else '20240301'}"
    return f"{number // 1000:03d}.hl7", "\r".join([head, person, stay, ""]).encode()


def _fhir(number: int, said: Collection[str]) -> tuple[str, bytes]:
    made = {
        "resourceType": "Encounter",
        "id": f"S{number}",
        "subject": {"reference": f"Patient/P{number % 40}"},
        **({} if "fewer" in said else {"period": {"start": "2024-03-01"}}),
        **({"priority": {"text": "x"}} if "more" in said else {}),
    }
    return f"{number // 1000:03d}.ndjson", json.dumps(made).encode() + b"\n"


def _nhis(number: int, said: Collection[str]) -> tuple[str, bytes]:
    stay: Tree = {
        "nrnHospitalization": f"S{number}",
        "status": "2",
        **({} if "fewer" in said else {"admissionDate": "2024-04-01"}),
        **({"bedNumber": "7"} if "more" in said else {}),
    }
    contents: Tree = {"hospitalization": stay, "subject": {"identifier": "7523169263", "birthDate": "1975-03-16"}}
    return f"{number}.xml", envelope(
        "H002", contents, message_id=f"32ece600-4180-4141-a500-{number:012d}", created_on="2024-05-01T10:00:00Z"
    )


def _one(table: str, key: str, **options: Any) -> Source:
    return Source(source="clinic", streams={"stay": Stream(table=table, key=key, columns=PATIENT, options=options)})


VIEW = {
    "resource": "Encounter",
    "select": [
        {
            "column": [
                {"name": "id", "path": "id"},
                {"name": "patient_no", "path": "subject.getReferenceKey(Patient)"},
                {"name": "seen", "path": "period.start"},
            ]
        }
    ],
}
_STAY = NHIS.streams["hospitalization"]
_DATE = next(name for name, path in _STAY.options["paths"].items() if path == "hospitalization/admissionDate")
HL7 = {"messages": ["ADT^A08"], "fields": {"no": "PV1-1", "patient_no": "PID-3", "seen": "PV1-2"}}
DROPS: dict[str, tuple[Source, Write, str, str]] = {
    "hl7v2": (_one("*.hl7", "no", **HL7), _hl7, "PID-6", "seen"),
    "fhir": (_one("Encounter", "id", view=VIEW), _fhir, "Encounter.priority", "seen"),
    "nhis": (Source(source="nhis", streams={"stay": _STAY}), _nhis, "hospitalization/bedNumber", _DATE),
}


@pytest.fixture(params=DROPS)
def drops(request: pytest.FixtureRequest, tmp_path: Path) -> Drops:
    source, write, *_ = DROPS[request.param]
    return Drops(tmp_path, request.param, source, write)


def test_a_field_that_deliveries_begin_to_bear_is_told_once(drops: Drops) -> None:
    new = DROPS[drops.connector][2]

    told = [drops.deliver(n, *said).reads[0] for n, said in enumerate(([], ["more"], [], ["more"]))]

    assert [read.fault for read in told] == [""] * 4
    assert [read.landed for read in told] == [10] * 4
    assert [read.remarks for read in told] == [
        (),
        (f"the source has a new column '{new}', which is not declared and not read",),
        (),
        (),
    ]


def test_a_date_that_deliveries_cease_to_bear_sets_them_aside(drops: Drops) -> None:
    gone = DROPS[drops.connector][3]
    drops.deliver(0, records=110)

    (read,) = drops.deliver(1, "fewer", records=25).reads

    assert (read.landed, read.aside) == (0, 25)
    assert f"column '{gone}' is empty in all 25 rows and was not before" in read.fault


def _model(url: str, **told: Any) -> tuple[Site, Source]:
    title = Text(en="Model", bg="Модел")
    site = Site(site="cdm", title=title, connector="omop", url=url, mapping=".", options=told)
    return site, cdm_source(["person"])


HEAD = "PERSON_ID,GENDER_CONCEPT_ID,YEAR_OF_BIRTH,RACE_CONCEPT_ID,ETHNICITY_CONCEPT_ID"


def test_a_model_in_files_tells_its_columns_as_they_are_declared(tmp_path: Path) -> None:
    (tmp_path / "drops").mkdir()
    file = tmp_path / "drops" / "PERSON.CSV"
    site, source = _model(f"file://{tmp_path}/drops", folder={"quiet_seconds": 0})
    told = list[StreamRead]()

    for text in (f"{HEAD},LOCATION_ID\n7,8532,1975,0,0,1\n", f"{HEAD},NOTE\n7,8532,1975,0,0,x\n"):
        file.write_text(text)
        told += extract(site, source, Store(tmp_path / "store"), tmp_path, b"k" * 32).reads

    assert (told[0].landed, told[0].fault) == (1, "")
    assert "column 'location_id' was there and is not" in told[1].fault


def test_a_model_in_a_database_tells_its_columns_and_its_session(tmp_path: Path) -> None:
    path = tmp_path / "cdm.db"
    with sqlite3.connect(path) as connection:
        columns = ", ".join(f"{name.lower()} INTEGER" for name in HEAD.split(",")[1:])
        connection.execute(f"CREATE TABLE person (person_id INTEGER PRIMARY KEY, {columns}, extra TEXT)")
        connection.execute("INSERT INTO person VALUES (7, 8532, 1975, 0, 0, 'x')")
    connection.close()
    site, source = _model(f"sqlite:///{path}", version="5.3")

    done = extract(site, source, Store(tmp_path / "store"), tmp_path, b"k" * 32)

    connector = omop.connect(site, source, tmp_path)
    assert connector.columns("person")["extra"] == "TEXT"
    connector.close()
    assert done.session["model"] == "OMOP CDM 5.3"
    assert done.session["driver"] == "sqlite3"
    assert done.session["snapshot"].startswith("none: a later overlap")  # of the reading, not of the look before it
