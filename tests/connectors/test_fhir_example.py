# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The example site and its views read what hospitals send, as a server and as a folder."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from connectors.fhir import connect
from rwe.spec.base import read
from rwe.spec.site import load_site
from rwe.spec.source import Source
from tests.connectors.faulty_fhir import faulty_server
from tests.connectors.fhir_clinic import condition, ndjson

CONFIGS = Path(__file__).parents[2] / "configs"
SOURCE = read(CONFIGS / "mappings" / "fhir" / "source.yaml", Source)
SUBJECT = {"reference": "Patient/p1"}
RESOURCES: list[dict[str, Any]] = [
    {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [{"value": "77"}, {"type": {"coding": [{"code": "NI"}]}, "value": "7523169263"}],
        "name": [{"use": "maiden", "family": "Петрова"}, {"family": "Иванова", "given": ["Мария", "Ана"]}],
        "birthDate": "1975-03",
        "gender": "female",
        "deceasedDateTime": "2024-05-06T10:00:00+03:00",
    },
    condition("c1", code="x") | {"code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "C50.4"}]}},
    condition("c2", verificationStatus={"coding": [{"code": "entered-in-error"}]}),
    {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "subject": SUBJECT,
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "effectiveDateTime": "2024-05-06",
        "valueQuantity": {"value": 132.0, "code": "g/L"},
    },
]


def _rows(url: str, home: Path, **options: Any) -> dict[str, pl.DataFrame]:
    site = load_site(CONFIGS / "sites" / "fhir.yaml").model_copy(
        update={"url": url, "url_env": None, "options": options}
    )
    with closing(connect(site, SOURCE, home)) as connector:
        read = {name: list(connector.read(name, None)) for name in connector.streams()}
    return {name: pl.concat([batch.rows for batch in batches], how="diagonal") for name, batches in read.items()}


def test_the_example_reads_a_folder_and_a_server_alike(tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "all.ndjson").write_bytes(ndjson(RESOURCES))
    with faulty_server() as server:
        server.write(*RESOURCES)
        served = _rows(server.base, tmp_path, pause_seconds=0.01)

    folder = _rows((tmp_path / "drop").as_uri(), tmp_path)

    for name, rows in folder.items():
        assert rows.equals(served[name]), name
    assert folder["patient"].row(0) == (
        *("p1", "p1", "7523169263", "Иванова", "Мария Ана", date(1975, 3, 1), "female"),
        datetime(2024, 5, 6, 7, tzinfo=UTC),
    )
    assert folder["condition"].select("_key", "icd10", "_op").rows() == [
        ("c1", "C50.4", "upsert"),
        ("c2", None, "delete"),
    ]
    assert folder["observation"].select("loinc", "number", "unit").row(0) == ("718-7", 132.0, "g/L")


def test_the_options_of_the_example_are_in_the_grammar(tmp_path: Path) -> None:
    site = load_site(CONFIGS / "sites" / "fhir.yaml")
    options = {name: value for name, value in site.options.items() if name not in ("client_id", "key_file")}

    with closing(connect(site.model_copy(update={"options": options}), SOURCE, tmp_path)) as connector:
        assert list(connector.streams()) == ["patient", "condition", "observation"]
