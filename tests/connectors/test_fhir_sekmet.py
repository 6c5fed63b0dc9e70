# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The Bulk Data client against sekmet-fhir, a server that nobody here wrote: points 1 to 9, as far as it does them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import polars as pl
import pytest
import requests
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors import fhir_login
from connectors.fhir import connect
from connectors.fhir_login import Signer
from rwe.errors import Refused
from rwe.ports import Batch, Cursor
from rwe.spec.source import Source
from tests.connectors.fhir_clinic import site, stream

pytestmark = pytest.mark.ci  # the server takes seconds to start

PERSON = {"patient_no": "subject.getReferenceKey(Patient)"}
SOURCE = Source(
    source="sekmet",
    streams={
        "patient": stream("Patient", {"birth": "date"}, {"patient_no": "id", "birth": "birthDate"}),
        "encounter": stream("Encounter", {"status": "text"}, {**PERSON, "status": "status"}),
    },
)


@dataclass
class Sekmet:
    """The server, the keys of its clients, and where they are."""

    base: str
    keys: dict[str, Any]
    folder: Path

    @property
    def token_url(self) -> str:
        return self.base.removesuffix("/fhir") + "/auth/token"

    def options(self, algorithm: str = "RS384") -> dict[str, Any]:
        path = self.folder / f"{algorithm}.pem"
        return {"client_id": algorithm, "key_file": str(path), "pause_seconds": 0.05, "longest_pause_seconds": 0.5}

    def login(self, statement: str, scope: str = "system/*.read") -> requests.Response:
        form = {"grant_type": "client_credentials", "scope": scope, "client_assertion": statement}
        form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        return requests.post(self.token_url, data=form, timeout=10)

    def headers(self, scope: str) -> dict[str, str]:
        signer = Signer("writer", self.keys["RS384"], None)
        token = self.login(signer.statement(self.token_url), scope).json()["access_token"]
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}

    def put(self, resource: dict[str, Any]) -> None:
        url = f"{self.base}/{resource['resourceType']}/{resource['id']}"
        requests.put(url, json=resource, headers=self.headers("system/*.*"), timeout=10).raise_for_status()


def _settings(folder: Path, port: int, keys: dict[str, Any]) -> dict[str, Any]:
    public = {
        "RS384": jwt.algorithms.RSAAlgorithm.to_jwk(keys["RS384"].public_key(), as_dict=True),
        "ES384": jwt.algorithms.ECAlgorithm.to_jwk(keys["ES384"].public_key(), as_dict=True),
    }
    clients = [
        {"client_id": client, "jwks": {"keys": [public[kind]]}, "scopes": scopes}
        for client, kind, scopes in (
            ("RS384", "RS384", "system/*.read"),
            ("ES384", "ES384", "system/*.read"),
            ("writer", "RS384", "system/*.*"),
        )
    ]
    return {
        "base_url": f"http://127.0.0.1:{port}/fhir",
        "host": "127.0.0.1",
        "port": port,
        "data_dir": str(folder / "data"),
        "log_inbound": False,
        "validation": {"inbound": "off"},
        "simulator": {"enabled": False, "delay_seconds": 0.2},
        "server_auth": {"types": ["smart"], "token_lifetime": 3, "smart_clients": clients},
    }


@pytest.fixture(scope="module")
def sekmet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sekmet]:
    """Start the server with 5 patients on a free port; it is stopped by its own pid."""
    folder = tmp_path_factory.mktemp("sekmet")
    keys = {"RS384": rsa.generate_private_key(65537, 2048), "ES384": ec.generate_private_key(ec.SECP384R1())}
    for name, key in keys.items():
        path = folder / f"{name}.pem"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        path.chmod(0o400)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "settings.yaml"
    config.write_text(yaml.safe_dump(_settings(folder, port, keys)))
    program = [sys.executable, "-c", "from sekmet.cli import app; app()"]
    quiet: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*program, "seed", "--config", str(config), "--count", "5"], check=True, **quiet)
    with subprocess.Popen([*program, "serve", "--config", str(config)], **quiet) as process:
        made = Sekmet(f"http://127.0.0.1:{port}/fhir", keys, folder)
        try:
            _wait(f"{made.base}/metadata")
            yield made
        finally:
            process.terminate()


def _wait(url: str) -> None:
    for _ in range(240):
        try:
            requests.get(url, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.25)
        else:
            return
    pytest.fail("sekmet-fhir did not start within a minute")


def _read(sekmet: Sekmet, home: Path, since: Cursor | None = None, name: str = "patient", **more: Any) -> list[Batch]:
    with closing(connect(site(sekmet.base, **{**sekmet.options(), **more}), SOURCE, home)) as connector:
        connector.check()
        return list(connector.read(name, since))


def _rows(batches: list[Batch]) -> pl.DataFrame:
    return pl.concat([batch.rows for batch in batches], how="diagonal")


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_points_1_to_8_a_whole_export_with_either_key(sekmet: Sekmet, tmp_path: Path, algorithm: str) -> None:
    with closing(connect(site(sekmet.base, **sekmet.options(algorithm)), SOURCE, tmp_path)) as connector:
        first = list(connector.read("patient", None))
        second = list(connector.read("encounter", None))
        later = [*connector.read("patient", first[-1].cursor), *connector.read("encounter", second[-1].cursor)]
    patients, encounters = _rows(first), _rows(second)

    assert later == []
    assert patients.height >= 5
    assert patients["birth"].null_count() < patients.height
    assert set(encounters["patient_no"]) <= set(patients["_key"])
    assert list((tmp_path / "fhir" / "clinic").glob("*/")) == []


def test_point_2_the_server_refuses_wrong_statements_and_ours_only_once(sekmet: Sekmet) -> None:
    signer = Signer("RS384", sekmet.keys["RS384"], None)
    once = signer.statement(sekmet.token_url)
    told = [
        sekmet.login(statement).status_code
        for statement in (
            once,
            once,
            signer.statement(sekmet.token_url + "/"),
            signer.statement(sekmet.token_url, lifetime=900),
        )
    ]

    assert told == [200, 401, 401, 401]


@pytest.mark.parametrize("skew", [-60, 60])
def test_point_2_a_clock_a_minute_off_does_no_harm(sekmet: Sekmet, monkeypatch: pytest.MonkeyPatch, skew: int) -> None:
    class Clock:
        @staticmethod
        def time() -> float:
            return time.time() + skew

    monkeypatch.setattr(fhir_login, "time", Clock)

    assert sekmet.login(Signer("ES384", sekmet.keys["ES384"], "k").statement(sekmet.token_url)).status_code == 200


def test_point_2_a_client_that_may_write_is_refused(sekmet: Sekmet, tmp_path: Path) -> None:
    options = {"client_id": "writer", "scope": "system/*.read system/*.write"}

    with pytest.raises(Refused, match="the token may write"):
        _read(sekmet, tmp_path, **options)


def test_point_3_tokens_of_three_seconds_are_renewed_on_the_way(sekmet: Sekmet, tmp_path: Path) -> None:
    with closing(connect(site(sekmet.base, **sekmet.options()), SOURCE, tmp_path)) as connector:
        first = list(connector.read("patient", None))
        time.sleep(3.2)
        second = list(connector.read("patient", None))

    assert _rows(first)["_key"].sort().equals(_rows(second)["_key"].sort())


def test_point_4_the_server_wants_respond_async_and_a_scope_of_its_own(sekmet: Sekmet, tmp_path: Path) -> None:
    answer = requests.get(f"{sekmet.base}/$export", headers=sekmet.headers("system/*.read"), timeout=10)
    with pytest.raises(Refused, match=r"the server refuses the export: HTTP 403 \(forbidden\)"):
        _read(sekmet, tmp_path, scope="system/Patient.read")

    assert answer.status_code == 400


@pytest.mark.parametrize("level", [{"export": "patient"}, {"export": "group", "group": "cohort"}])
def test_point_4_levels(sekmet: Sekmet, tmp_path: Path, level: dict[str, Any]) -> None:
    everyone = _rows(_read(sekmet, tmp_path / "all"))["_key"].sort().to_list()
    members = [{"entity": {"reference": f"Patient/{key}"}} for key in everyone[:2]]
    sekmet.put({"resourceType": "Group", "id": "cohort", "type": "person", "actual": True, "member": members})

    got = _rows(_read(sekmet, tmp_path, **level))["_key"].sort().to_list()

    assert got == (everyone if level["export"] == "patient" else everyone[:2])


def test_points_6_to_8_only_what_changed_comes_next(sekmet: Sekmet, tmp_path: Path) -> None:
    first = _read(sekmet, tmp_path)
    sekmet.put({"resourceType": "Patient", "id": "late", "birthDate": "1950-02-01"})

    second = _read(sekmet, tmp_path, first[-1].cursor)
    third = _read(sekmet, tmp_path, second[-1].cursor)

    assert _rows(second)["_key"].to_list() == ["late"]
    assert second[-1].cursor.value > first[-1].cursor.value
    assert third == []


def test_point_9_a_warning_of_parameters_left_out_is_no_failure(sekmet: Sekmet, tmp_path: Path) -> None:
    batches = _read(sekmet, tmp_path, elements=["Patient.birthDate"])

    assert batches[-1].cursor.key == ""


def test_point_14_the_history_of_a_new_member_is_fetched(sekmet: Sekmet, tmp_path: Path) -> None:
    keys = _rows(_read(sekmet, tmp_path / "all"))["_key"].sort().to_list()
    group = {"resourceType": "Group", "id": "growing", "type": "person", "actual": True}
    level = {"export": "group", "group": "growing"}
    sekmet.put({**group, "member": [{"entity": {"reference": f"Patient/{keys[0]}"}}]})
    with closing(connect(site(sekmet.base, **sekmet.options(), **level), SOURCE, tmp_path)) as connector:
        first = list(connector.read("patient", None))
        list(connector.read("encounter", None))
    sekmet.put({**group, "member": [{"entity": {"reference": f"Patient/{key}"}} for key in keys[:2]]})

    second = _rows(_read(sekmet, tmp_path, first[-1].cursor, **level))

    assert _rows(first)["_key"].to_list() == keys[:1]
    assert keys[1] in second["_key"].to_list()
    assert keys[0] not in json.dumps((tmp_path / "fhir" / "clinic" / "state.json").read_text())
