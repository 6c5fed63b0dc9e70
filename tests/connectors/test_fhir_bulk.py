# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The Bulk Data client against a server of our own, points 1 to 9: discovery, login, kick-off, polling, manifest."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import jwt
import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors.fhir import connect
from connectors.fhir_http import wait_said
from rwe.errors import DataError, DefinitionError, Refused, RweError, SourceUnreachable
from rwe.ports import Batch, Cursor
from rwe.spec.source import Source
from tests.connectors.faulty_fhir import FaultyServer, Say, faulty_server, outcome
from tests.connectors.fhir_clinic import CONDITION, condition, ndjson, site, stream

SECRET = "s3cret-marker"
PATIENT = stream("Patient", {"sex": "text"}, {"patient_no": "id", "sex": "gender"})
SOURCE = Source(source="clinic", streams={"condition": CONDITION, "patient": PATIENT})
HTML = Say(502, f"<html>{SECRET}</html>".encode(), {"Content-Type": "text/html"})


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server() as made:
        made.write(*(condition(str(i)) for i in range(3)), {"resourceType": "Patient", "id": "p1", "gender": "female"})
        yield made


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    return {"RS384": rsa.generate_private_key(65537, 2048), "ES384": ec.generate_private_key(ec.SECP384R1())}


def _key_file(folder: Path, key: Any, form: str = "pem") -> Path:
    path = folder / f"key.{form}"
    if form == "jwk":
        algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
        path.write_text(json.dumps({**algorithm.to_jwk(key, as_dict=True), "kid": "from-jwk"}))
    else:
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o400)
    return path


def _read(
    server: FaultyServer, home: Path, since: Cursor | None = None, name: str = "condition", **options: Any
) -> list[Batch]:
    options = {"pause_seconds": 0.01, "tries": 3, **options}
    with closing(connect(site(server.base, **options), SOURCE, home)) as connector:
        return list(connector.read(name, since))


def _ids(batches: list[Batch]) -> list[str]:
    return pl.concat([batch.rows for batch in batches], how="diagonal")["_key"].to_list()


def _logged_in(server: FaultyServer, home: Path, key: Any, **options: Any) -> list[Batch]:
    server.login = True
    return _read(server, home, client_id="rwe", key_file=str(_key_file(home, key)), **options)


def test_point_1_the_token_address_is_discovered(server: FaultyServer, tmp_path: Path, keys: dict[str, Any]) -> None:
    assert len(_ids(_logged_in(server, tmp_path, keys["RS384"]))) == 3

    assert server.of("smart")[0].path == "/fhir/.well-known/smart-configuration"
    assert "authorization" not in server.of("smart")[0].headers


def test_point_1_the_configured_address_serves_where_none_is_told(
    server: FaultyServer, tmp_path: Path, keys: dict[str, Any]
) -> None:
    server.say("smart", Say(404))

    assert len(_ids(_logged_in(server, tmp_path, keys["RS384"], token_url=f"{server.root}/token"))) == 3


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (Say(404), "does not tell its token address; give token_url"),
        (Say(200, b"<html>"), "does not tell its token address"),
        (Say(200, b'{"token_endpoint": "http://example.org/token"}'), "example.org has no TLS"),
        (Say(200, b'{"token_endpoint_auth_signing_alg_values_supported": ["ES384"]}'), "does not take RS384"),
    ],
)
def test_point_1_no_usable_token_address_is_refused(
    server: FaultyServer, tmp_path: Path, keys: dict[str, Any], told: Say, said: str
) -> None:
    server.say("smart", told)

    with pytest.raises((DefinitionError, Refused), match=said):
        _logged_in(server, tmp_path, keys["RS384"])


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
@pytest.mark.parametrize("form", ["pem", "jwk"])
def test_point_2_the_statement_is_as_smart_wants_it(
    server: FaultyServer, tmp_path: Path, keys: dict[str, Any], algorithm: str, form: str
) -> None:
    server.login = True
    path = _key_file(tmp_path, keys[algorithm], form)
    server.say("status", Say(202, headers={"Retry-After": "0"}, then=server.revoke))

    _read(server, tmp_path, client_id="rwe", key_file=str(path), **({} if form == "jwk" else {"key_id": "k1"}))

    forms = [dict(pair.split("=") for pair in one.body.decode().split("&")) for one in server.of("token")]
    told = [
        jwt.decode(f["client_assertion"], keys[algorithm].public_key(), [algorithm], audience=f"{server.root}/token")
        for f in forms
    ]
    head = jwt.get_unverified_header(forms[0]["client_assertion"])
    assert head == {"alg": algorithm, "typ": "JWT", "kid": "from-jwk" if form == "jwk" else "k1"}
    assert told[0]["iss"] == told[0]["sub"] == "rwe"
    assert told[0]["aud"] == f"{server.root}/token"
    assert 0 < told[0]["exp"] - time.time() <= 300
    assert told[0]["jti"] != told[1]["jti"]
    assert forms[0]["grant_type"] == "client_credentials"
    assert forms[0]["client_assertion_type"] == "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
    assert forms[0]["scope"] == "system%2F%2A.read"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            Say(401, json.dumps({"error": "invalid_client", "error_description": SECRET}).encode()),
            "login: invalid_client",
        ),
        (Say(400, json.dumps({"error": f"{SECRET}!"}).encode()), "refuses the login: HTTP 400"),
        (Say(200, b'{"access_token": "t", "scope": "system/*.read system/Patient.write"}'), "the token may write"),
        (Say(200, b'{"access_token": "t", "scope": "system/*.cruds"}'), "the token may write"),
        (Say(307, headers={"Location": "http://localhost/token"}), "sends a POST elsewhere"),
    ],
)
def test_point_2_a_login_refused_or_too_strong_ends_it(
    server: FaultyServer, tmp_path: Path, keys: dict[str, Any], told: Say, said: str
) -> None:
    server.say("token", told)

    with pytest.raises(Refused, match=said) as caught:
        _logged_in(server, tmp_path, keys["RS384"])

    assert SECRET not in str(caught.value)


def test_point_2_a_key_that_others_may_read_is_refused(
    server: FaultyServer, tmp_path: Path, keys: dict[str, Any]
) -> None:
    path = _key_file(tmp_path, keys["ES384"])
    path.chmod(0o440)

    with pytest.raises(Refused, match="others may read"):
        _read(server, tmp_path, client_id="rwe", key_file=str(path))


def test_point_2_what_is_no_key_is_refused_without_it(server: FaultyServer, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text(SECRET)
    path.chmod(0o400)

    with pytest.raises(DefinitionError, match="no private key of RSA or P-384") as caught:
        _read(server, tmp_path, client_id="rwe", key_file=str(path))

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("when", ["status", "file"])
def test_point_3_a_token_that_ends_on_the_way_is_renewed(
    server: FaultyServer, tmp_path: Path, keys: dict[str, Any], when: str
) -> None:
    server.say(when, Say(202 if when == "status" else 503, headers={"Retry-After": "0"}, then=server.revoke))

    assert len(_ids(_logged_in(server, tmp_path, keys["ES384"]))) == 3
    assert len(server.of("token")) == 2


def test_point_3_a_token_near_its_end_is_renewed_before_it_is_refused(
    server: FaultyServer, tmp_path: Path, keys: dict[str, Any]
) -> None:
    server.token_seconds = 0

    with pytest.raises(Refused, match="HTTP 401"):
        _logged_in(server, tmp_path, keys["ES384"])

    assert len(server.of("token")) >= 2


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({}, "/fhir/$export"),
        ({"export": "patient"}, "/fhir/Patient/$export"),
        ({"export": "group", "group": "g"}, "/fhir/Group/g/$export"),
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_point_4_kick_off_of_every_level(
    server: FaultyServer, tmp_path: Path, options: dict[str, Any], path: str, method: str
) -> None:
    server.group = ["p1"]
    more = {"elements": ["Condition.code", "id"], "type_filter": ["Condition?code=C50"], "version": 4}
    first = _read(server, tmp_path, kick_off=method, **options, **more)
    _read(server, tmp_path, first[-1].cursor, kick_off=method, **options, **more)

    one, two = server.of("kickoff")[:2]
    assert one.method == method.upper()
    assert one.path == path
    assert one.headers["accept"].startswith("application/fhir+json")
    assert one.headers["prefer"] == "respond-async"
    assert one.parameters["_type"] == ["Condition", "Patient"]
    assert one.parameters["_elements"] == ["Condition.code", "id"]
    assert one.parameters["_typeFilter"] == ["Condition?code=C50"]
    assert one.parameters["_outputFormat"] == ["application/fhir+ndjson"]
    assert one.parameters["allowPartialManifests"] in (["true"], [True])
    assert "_since" not in one.parameters
    assert two.parameters["_since"] == [first[-1].cursor.value]


@pytest.mark.parametrize("status", [400, 405])
def test_point_4_a_get_that_is_not_taken_is_asked_as_post(server: FaultyServer, tmp_path: Path, status: int) -> None:
    server.say("kickoff", Say(status))

    assert len(_ids(_read(server, tmp_path))) == 3
    assert [one.method for one in server.of("kickoff")] == ["GET", "POST"]


def test_point_5_no_content_location_is_against_the_protocol(server: FaultyServer, tmp_path: Path) -> None:
    server.say("kickoff", Say(202))

    with pytest.raises(DataError, match="does not tell where its status is"):
        _read(server, tmp_path)


def test_point_5_a_server_that_is_busy_is_waited_for(server: FaultyServer, tmp_path: Path) -> None:
    server.say("kickoff", *[Say(429, headers={"Retry-After": "0"})] * 5)

    assert len(_ids(_read(server, tmp_path, tries=2))) == 3


@pytest.mark.parametrize(
    ("answer", "error", "said", "asked"),
    [
        (
            Say(403, json.dumps(outcome("error", code="forbidden", diagnostics=SECRET)).encode()),
            Refused,
            "forbidden",
            1,
        ),
        (Say(404, json.dumps(outcome("error", code="not-found")).encode()), DataError, r"HTTP 404 \(not-found\)", 1),
        (Say(422, f"<p>{SECRET}".encode(), {"Content-Type": "text/html"}), DataError, r"HTTP 422 \(text/html\)", 1),
        (HTML, SourceUnreachable, r"HTTP 502 \(text/html\)", 3),
        (Say(500, json.dumps(outcome("fatal")).encode()), SourceUnreachable, r"HTTP 500 \(exception\)", 3),
    ],
)
def test_point_5_what_the_server_says_is_told_by_its_codes_and_only_5xx_is_tried_again(
    server: FaultyServer, tmp_path: Path, answer: Say, error: type[RweError], said: str, asked: int
) -> None:
    server.say("kickoff", *[answer] * 3)

    with pytest.raises(error, match=said) as caught:
        _read(server, tmp_path)

    assert len(server.of("kickoff")) == asked
    assert SECRET not in str(caught.value)


def test_point_6_the_server_says_when_to_ask_again(
    server: FaultyServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    server.say("status", Say(202, headers={"X-Progress": f"50% done, now at {SECRET}", "Retry-After": "0"}))
    server.say("status", Say(202, headers={"Retry-After": soon}), Say(202), Say(429, headers={"Retry-After": "0"}))

    with caplog.at_level(logging.INFO, "connectors"):
        assert len(_ids(_read(server, tmp_path))) == 3

    assert len(server.of("status")) == 5
    assert "export: 50%\n" in caplog.text
    assert SECRET not in caplog.text


def test_point_6_pauses_told_as_seconds_or_date_are_understood() -> None:
    late = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)

    told = [wait_said({"Retry-After": one}) for one in ("120", late, "Wed, 21 Oct 2015 07:28:00 GMT", "soon", "")]

    assert told[0] == 120.0
    assert 55 < (told[1] or 0) <= 60
    assert told[2:] == [0.0, None, None]


def test_point_6_pauses_grow_up_to_the_longest(server: FaultyServer, tmp_path: Path) -> None:
    server.say("status", *[Say(202)] * 6)
    began = time.monotonic()

    _read(server, tmp_path, pause_seconds=0.02, longest_pause_seconds=0.08)

    assert 0.75 * (0.02 + 0.04 + 4 * 0.08) <= time.monotonic() - began < 3


@pytest.mark.parametrize("status", [500, 503])
def test_point_6_a_failure_called_transient_is_asked_again(server: FaultyServer, tmp_path: Path, status: int) -> None:
    server.say("status", Say(status, json.dumps(outcome("error", code="transient")).encode()), HTML)

    assert len(_ids(_read(server, tmp_path))) == 3


@pytest.mark.parametrize(
    "answer",
    [
        Say(500, json.dumps(outcome("fatal", diagnostics=SECRET)).encode()),
        Say(500, SECRET.encode()),
        Say(400),
        Say(200, headers={"X-Export-Status": "500"}),
    ],
)
def test_point_6_a_failed_export_is_told_and_asked_for_anew_next_time(
    server: FaultyServer, tmp_path: Path, answer: Say
) -> None:
    server.say("status", answer)

    with pytest.raises(SourceUnreachable, match="the export failed at the server: HTTP") as caught:
        _read(server, tmp_path)

    assert SECRET not in str(caught.value)
    assert len(server.of("cancel")) == 1
    assert len(_ids(_read(server, tmp_path))) == 3
    assert len(server.of("kickoff")) == 2


def test_point_6_the_status_may_stand_in_a_header_of_its_own(server: FaultyServer, tmp_path: Path) -> None:
    server.say("status", Say(200, headers={"X-Export-Status": "202", "Retry-After": "0"}))

    assert len(_ids(_read(server, tmp_path, version=4))) == 3
    assert server.of("status")[0].headers["prefer"] == "separate-export-status"


def test_point_7_an_export_that_takes_too_long_is_called_off(server: FaultyServer, tmp_path: Path) -> None:
    server.say("status", Say(202, headers={"Retry-After": "3600"}))

    with pytest.raises(SourceUnreachable, match=r"not done within deadline_seconds \(5\)"):
        _read(server, tmp_path, deadline_seconds=5)

    assert [one.path for one in server.of("cancel")] == ["/status/0"]


def test_point_7_after_success_the_server_may_forget_and_is_not_asked_again(
    server: FaultyServer, tmp_path: Path
) -> None:
    _read(server, tmp_path)

    assert server.jobs == [None]
    assert len(_ids(_read(server, tmp_path))) == 3
    assert len(server.of("status")) == 2


def test_point_7_an_export_the_server_forgot_is_asked_for_anew(server: FaultyServer, tmp_path: Path) -> None:
    server.say("status", Say(404))

    assert len(_ids(_read(server, tmp_path))) == 3
    assert len(server.of("kickoff")) == 2


def test_point_8_the_servers_own_time_is_the_next_since(server: FaultyServer, tmp_path: Path) -> None:
    def yesterday(manifest: dict[str, Any]) -> None:
        manifest.update(transactionTime="2024-05-01T00:00:00.123+03:00", unknown={"a": 1}, extension=[])

    server.change_manifest = yesterday

    assert _read(server, tmp_path)[-1].cursor == Cursor("2024-05-01T00:00:00.123+03:00", "")


def test_point_8_a_manifest_without_a_time_is_none(server: FaultyServer, tmp_path: Path) -> None:
    server.say("status", Say(200, b'{"output": []}'))

    with pytest.raises(DataError, match="its manifest has no transactionTime"):
        _read(server, tmp_path)


def test_point_8_files_that_want_no_token_get_none(server: FaultyServer, tmp_path: Path, keys: dict[str, Any]) -> None:
    server.needs_token = False
    server.host_of_files = server.root.replace("127.0.0.1", "localhost")

    assert len(_ids(_logged_in(server, tmp_path, keys["RS384"]))) == 3
    assert ["authorization" in one.headers for one in server.of("file")] == [False, False]
    assert all("authorization" in one.headers for one in server.of("status"))


def test_point_8_no_token_follows_a_redirect_to_another_host(
    server: FaultyServer, tmp_path: Path, keys: dict[str, Any]
) -> None:
    elsewhere = server.root.replace("127.0.0.1", "localhost")
    server.say("file", *[Say(307, headers={"Location": f"{elsewhere}/file/0/0"}), Say(200, ndjson([condition("9")]))])
    server.counts = False

    _logged_in(server, tmp_path, keys["RS384"], parallel=1)

    first, second = server.of("file")[:2]
    assert "authorization" in first.headers
    assert "authorization" not in second.headers
    assert second.headers["host"].startswith("localhost")


@pytest.mark.parametrize("where", ["status", "file"])
def test_point_8_a_token_for_a_stranger_is_refused(
    server: FaultyServer, tmp_path: Path, keys: dict[str, Any], where: str
) -> None:
    elsewhere = server.root.replace("127.0.0.1", "localhost")
    server.host_of_files = elsewhere
    if where == "status":
        server.say("kickoff", Say(202, headers={"Content-Location": f"{elsewhere}/status/0"}))

    with pytest.raises(Refused, match=r"sends us to localhost:.* name it in token_hosts"):
        _logged_in(server, tmp_path, keys["RS384"])
    (tmp_path / "key.pem").unlink()
    assert len(_ids(_logged_in(server, tmp_path, keys["RS384"], token_hosts=[elsewhere.removeprefix("http://")]))) == 3


def test_point_8_what_was_deleted_comes_first_and_as_such(server: FaultyServer, tmp_path: Path) -> None:
    first = _read(server, tmp_path)
    server.delete("Condition", "1")
    server.write(condition("7"))

    rows = pl.concat([batch.rows for batch in _read(server, tmp_path, first[-1].cursor)], how="diagonal")

    assert rows.select("_key", "_op").rows() == [("1", "delete"), ("7", None)]


def test_point_8_a_manifest_of_several_pages_is_read_to_its_end(server: FaultyServer, tmp_path: Path) -> None:
    server.rows_per_file = 1
    pages: list[dict[str, Any]] = []

    def paged(manifest: dict[str, Any]) -> None:
        output = manifest.pop("output")
        pages[:] = [{**manifest, "output": [one]} for one in output]
        manifest.update(pages[0], link=[{"relation": "next", "url": "/status/0/page"}])
        rest = [{**one, "link": [{"relation": "next", "url": "/status/0/page"}]} for one in pages[1:-1]]
        last = [Say(200, json.dumps(pages[-1]).encode())]
        server.say(
            "status", Say(202, headers={"Retry-After": "0"}), *(Say(200, json.dumps(o).encode()) for o in rest), *last
        )

    server.change_manifest = paged

    assert _ids(_read(server, tmp_path, version=4)) == ["0", "1", "2"]


def _with_issues(server: FaultyServer, role: str, *told: dict[str, Any]) -> None:
    place = len(server.jobs)

    def change(manifest: dict[str, Any]) -> None:
        manifest[role] = [{"type": "OperationOutcome", "url": f"{server.root}/file/{place}/{len(manifest['output'])}"}]
        server.jobs[place]["files"] = [*server.jobs[place]["files"][:2], ("output", "OperationOutcome", list(told))]
        manifest["output"] = manifest["output"][:2]

    server.change_manifest = change


@pytest.mark.parametrize("role", ["error", "outcome"])
def test_point_9_partial_success_keeps_the_rows_and_not_the_time(
    server: FaultyServer, tmp_path: Path, role: str
) -> None:
    _with_issues(server, role, outcome("error", "fatal", "error", diagnostics=SECRET), outcome("warning"))
    told: list[Batch] = []

    connector = connect(site(server.base, pause_seconds=0.01), SOURCE, tmp_path)
    with closing(connector), pytest.raises(DataError) as caught:
        told.extend(connector.read("condition", Cursor("2020-01-01T00:00:00Z", "")))

    said = "the export of Condition is incomplete: 2 issues of severity error, 1 issues of severity fatal"
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)
    assert _ids(told) == ["0", "1", "2"]
    assert {batch.cursor.value for batch in told} == {"2020-01-01T00:00:00Z"}
    server.change_manifest = lambda _manifest: None
    server.write(condition("3"))
    again = _read(server, tmp_path, told[-1].cursor)
    assert _ids(again) == ["0", "1", "2", "3"]
    assert again[-1].cursor.value > "2024"
    assert server.of("kickoff")[1].parameters["_since"] == ["2020-01-01T00:00:00Z"]


def test_point_9_the_time_moves_once_the_same_rows_are_whole(server: FaultyServer, tmp_path: Path) -> None:
    _with_issues(server, "error", outcome("error"))
    told: list[Batch] = []
    connector = connect(site(server.base, 2, pause_seconds=0.01), SOURCE, tmp_path)
    with closing(connector), pytest.raises(DataError):
        told.extend(connector.read("condition", None))
    server.change_manifest = lambda _manifest: None

    with closing(connect(site(server.base, 2, pause_seconds=0.01), SOURCE, tmp_path)) as connector:
        (again,) = connector.read("condition", told[-1].cursor)

    assert again.rows.equals(told[-1].rows)
    assert again.cursor.value > told[-1].cursor.value


def test_point_9_issues_that_name_a_type_hold_back_that_type_only(server: FaultyServer, tmp_path: Path) -> None:
    _with_issues(server, "error", outcome("error", expression=["Patient.name"]))

    with closing(connect(site(server.base, pause_seconds=0.01), SOURCE, tmp_path)) as connector:
        conditions = list(connector.read("condition", None))
        with pytest.raises(DataError, match="the export of Patient is incomplete: 1 issues of severity error"):
            list(connector.read("patient", None))

    assert re.match(r"20\d\d-", conditions[-1].cursor.value)


def test_point_9_information_alone_is_fine(server: FaultyServer, tmp_path: Path) -> None:
    _with_issues(server, "outcome", outcome("information", "warning"))

    assert _read(server, tmp_path)[-1].cursor.key == ""


@pytest.mark.parametrize(
    ("url", "options", "error", "said"),
    [
        ("http://hospital.example/fhir", {}, Refused, "hospital.example has no TLS"),
        ("https://user@hospital.example/fhir", {}, DefinitionError, "without account or query"),
        ("https://hospital.example/fhir?tenant=1", {}, DefinitionError, "without account or query"),
        ("ftp://hospital.example/fhir", {}, DefinitionError, "reads https://server/base and file:///folder"),
        ("https://h.example", {"exprot": "group"}, DefinitionError, "unknown key 'exprot'; did you mean 'export'"),
        ("https://h.example", {"export": "group"}, DefinitionError, "export: group needs the id of the group"),
        ("https://h.example", {"client_id": "x"}, DefinitionError, "client_id and key_file go together"),
    ],
)
def test_an_address_or_option_that_is_wrong_is_refused(
    tmp_path: Path, url: str, options: dict[str, Any], error: type[RweError], said: str
) -> None:
    with pytest.raises(error, match=said):
        connect(site(url, **options), SOURCE, tmp_path).check()
