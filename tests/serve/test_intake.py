# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The intake takes each message once, keeps it before it says so, and tells nobody what is in it."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from connectors.nhis import connect
from rwe.cli.app import main
from rwe.spec.base import read
from rwe.spec.site import load_site
from rwe.spec.source import Source
from synthetic.nhis import envelope, messages
from tests.serve.server import Answer, Server

CONFIGS = Path(__file__).parents[2] / "configs"
SENT = list(messages(6, seed=11, corrected=0.5))


def big(n: int) -> bytes:
    """Return a body of so many bytes that is no message."""
    return b" " * n


def test_a_message_is_kept_as_it_came_and_acknowledged_with_its_rows(server: Server) -> None:
    sent = SENT[0]

    answer = server.post(sent.data)

    (identity,) = server.kept()
    told = answer.told
    assert answer.status == 201
    assert server.kept()[identity] == sent.data
    assert told["messageId"] == identity == sent.name.removesuffix(".xml")
    assert (told["hospital"], told["messageType"], told["bytes"]) == ("clinic", "H002", len(sent.data))
    assert told["rows"] == {"hospitalization": 1}
    assert len(told["sha256"]) == 64
    assert told["receivedAt"].endswith("+00:00")


def test_rows_are_counted_by_the_streams_of_the_site(start: Callable[..., Server]) -> None:
    server = start("--site", str(CONFIGS / "sites" / "nhis.yaml"))
    token = server.make_token("nhis")
    sent = next(one for one in SENT if one.stay.procedures)

    answer = server.post(sent.data, token=token)

    rows = answer.told["rows"]
    assert rows["hospital_diagnosis"] == len(sent.stay.diagnoses)
    assert rows["hospital_procedure"] == len(sent.stay.procedures)
    assert rows["hospitalization"] == 1
    assert "examination" not in rows


def test_what_is_kept_is_what_the_connector_reads(server: Server) -> None:
    for one in SENT:
        assert server.post(one.data).status == 201

    site = load_site(CONFIGS / "sites" / "nhis.yaml").model_copy(update={"url": (server.folder / "clinic").as_uri()})
    connector = connect(site, read(CONFIGS / "mappings/nhis/source.yaml", Source), server.home)
    landed = [key for batch in connector.read("hospitalization", None) for key in batch.rows["_key"]]
    connector.close()

    assert set(landed) == {one.stay.number for one in SENT}


def test_the_same_message_again_is_told_the_same_though_the_intake_was_killed(server: Server) -> None:
    first = server.post(SENT[0].data)
    server.stop(signal.SIGKILL)
    server.start()

    second = server.post(SENT[0].data)

    assert (first.status, second.status) == (201, 200)
    assert second.body == first.body
    assert len(server.kept()) == 1


def test_the_same_id_with_other_content_is_refused_and_the_first_stays(server: Server) -> None:
    server.post(SENT[0].data)

    answer = server.post(SENT[0].data + b"\n")

    assert answer.status == 409
    assert list(server.kept().values()) == [SENT[0].data]


def test_one_message_sent_by_many_at_once_is_kept_once(server: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: server.post(SENT[1].data), range(12)))

    assert sorted(answer.status for answer in answers) == [200] * 11 + [201]
    assert len({answer.body for answer in answers}) == 1


def test_the_acknowledgement_is_xml_where_that_is_asked_for(server: Server) -> None:
    answer = server.post(SENT[0].data, Accept="application/xml")

    assert answer.headers["content-type"].startswith("application/xml")
    assert f'<messageId value="{SENT[0].name.removesuffix(".xml")}"/>' in answer.body.decode()
    assert '<stream name="hospitalization" value="1"/>' in answer.body.decode()


def chunks(size: int) -> Iterator[bytes]:
    """Yield a body whose length is not told before."""
    for _ in range(size // 1000):
        yield big(1000)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (SENT[0].data, {"Authorization": "Bearer wrong"}, 401),
        (SENT[0].data, {"Authorization": "Basic Y2xpbmljOng="}, 401),
        (SENT[0].data, {"Content-Type": "application/json"}, 415),
        (SENT[0].data, {"Content-Encoding": "gzip"}, 415),
        (big(100_001), {}, 413),
        (chunks(200_000), {}, 413),
        (SENT[0].data[:-20], {}, 422),
        (b"<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/'><a/>", {}, 422),
        (b"", {}, 422),
    ],
)
def test_what_is_turned_away_is_not_kept(strict: Server, body: bytes, headers: dict[str, str], status: int) -> None:
    answer = strict.post(body, **headers)

    assert answer.status == status
    assert set(answer.told) == {"error"}
    assert strict.kept() == {}


def test_too_many_messages_a_minute_are_told_when_to_come_again(start: Callable[..., Server]) -> None:
    server = start("--per-minute", "2")

    answers = [server.post(one.data) for one in SENT[:4]]

    assert [answer.status for answer in answers] == [201, 201, 429, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 31


def test_a_token_that_was_replaced_ends_and_the_new_one_counts_at_once(server: Server) -> None:
    before = server.token

    after = server.make_token("clinic")

    assert server.post(SENT[0].data, token=before).status == 401
    assert server.post(SENT[0].data, token=after).status == 201


def test_other_addresses_and_health(strict: Server) -> None:
    assert strict.ask("GET", "/healthz").told == {"status": "ok"}
    assert strict.ask("GET", "/v1/messages").status == 405
    assert strict.ask("GET", "/").status == 404


def test_folders_and_files_are_for_the_owner_only(server: Server) -> None:
    server.post(SENT[0].data)

    modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in [server.folder, *server.folder.rglob("*")]}
    assert modes == {(True, 0o700), (False, 0o600)}
    assert (server.home / "key" / "intake.json").stat().st_mode & 0o777 == 0o400
    assert server.token not in (server.home / "key" / "intake.json").read_text()


def test_what_is_kept_beside_a_message_says_nothing_of_its_patient(server: Server) -> None:
    server.post(SENT[0].data)

    (receipt,) = server.folder.rglob(".*.json")
    person = SENT[0].stay.person
    told = json.loads(receipt.read_text("utf-8"))
    names = {"messageId", "messageType", "hospital", "sha256", "bytes", "rows", "receivedAt"}
    assert set(told) == names
    assert not [name for name in ("national_no", "given_name", "family_name") if str(person[name]) in str(told)]
    assert SENT[0].stay.number not in str(told)


def test_nothing_of_a_body_is_told(server: Server) -> None:
    secret = "ТАЙНА4711"
    contents = {"hospitalization": {"nrnHospitalization": secret}, "subject": {"identifier": secret}}
    good = envelope("H002", contents, message_id="m1", created_on="2024-05-01T10:00:00Z")
    bad = envelope("H002", contents, message_id=f"m {secret}", created_on=secret)

    answers = [server.post(good), server.post(good + b" "), server.post(bad), server.post(good[:-30])]

    server.stop()
    assert [answer.status for answer in answers] == [201, 409, 422, 422]
    assert secret not in server.said + "".join(answer.body.decode() for answer in answers)
    assert server.token not in server.said


def test_a_stop_answers_what_is_being_answered(server: Server) -> None:
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(server.post, one.data) for one in SENT]
        answers = [one.result() for one in asked[:2]]
        code = server.stop(signal.SIGTERM)

    acknowledged = {a.told["messageId"] for a in (*answers, *answered(asked)) if a.status == 201}
    assert code == 143
    assert acknowledged <= server.kept().keys()


def answered(asked: list[Any]) -> list[Answer]:
    """Return the answers of those who got one."""
    return [one.result() for one in asked if one.exception() is None]


def make_certificate(home: Path) -> None:
    """Make a certificate of this test's own for 127.0.0.1."""
    line = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    line += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    line += ["-keyout", str(home / "key.pem"), "-out", str(home / "certificate.pem")]
    subprocess.run(line, check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl, which makes the certificate, is not installed")
def test_tls(start: Callable[..., Server], tmp_path: Path) -> None:
    make_certificate(tmp_path)
    server = start("--certificate", str(tmp_path / "certificate.pem"), "--key", str(tmp_path / "key.pem"))

    answer = server.post(SENT[0].data)

    assert server.address.startswith("https://")
    assert answer.status == 201


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--host", "0.0.0.0"], 7, "in clear"),
        (["--certificate", "none.pem"], 2, "go together"),
        (["--certificate", "none.pem", "--key", "none.pem"], 2, "cannot be used"),
        (["--host", "192.0.2.1", "--behind-proxy"], 8, "cannot listen"),
        (["--site", "none.yaml"], 2, "no such file"),
        (["--tokens", "none.json"], 2, "no file of tokens"),
        (["--port", "99999"], 2, "--port"),
        (["--port", "-1"], 2, "--port"),
        (["--at-once", "0"], 2, "--at-once"),
        (["--max-bytes", "-5"], 2, "--max-bytes"),
        (["--per-minute", "0"], 2, "--per-minute"),
        (["--head-seconds", "0"], 2, "--head-seconds"),
        (["--body-seconds", "-1"], 2, "--body-seconds"),
    ],
)
def test_what_cannot_be_served_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, said: str
) -> None:
    server = Server(tmp_path)

    done = main([*server.words, *options])

    assert done == code
    assert said in capsys.readouterr().err


def test_a_folder_or_a_token_file_that_others_may_read_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server(tmp_path)
    server.folder.mkdir(mode=0o755)
    first = main(server.words)
    server.folder.chmod(0o700)
    (tmp_path / "key" / "intake.json").chmod(0o444)
    second = main(server.words)

    said = capsys.readouterr().err
    assert (first, second) == (7, 7)
    assert "chmod 700" in said
    assert "chmod 400" in said


def test_a_token_is_shown_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["serve", "token", "clinic", "--home", str(tmp_path)])

    said = capsys.readouterr().out
    kept = json.loads((tmp_path / "key" / "intake.json").read_text())
    assert code == 0
    assert re.fullmatch(r"[\w-]{43}\n", said)
    assert [(one["hospital"], one["sha256"]) for one in kept] == [
        ("clinic", hashlib.sha256(said.strip().encode()).hexdigest())
    ]
