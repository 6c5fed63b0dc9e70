# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Tokens of hospitals are told apart by id, end at once when they are revoked, and none is lost to another."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rwe.cli.app import main
from rwe.serve.tokens import Tokens, make_token, read_tokens, revoke
from synthetic.nhis import messages
from tests.serve.server import Server

SENT = list(messages(3, seed=5))


def test_a_token_beside_another_ends_alone(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    second = make_token(server.home / "key" / "intake.json", "clinic", beside=True)
    first = server.post(SENT[0].data).status, server.post(SENT[1].data, token=second).status
    old = read_tokens(server.home / "key" / "intake.json")[0]

    code = main(["serve", "revoke", old.id, "--home", str(server.home)])

    assert (code, first) == (0, (201, 201))
    assert old.id in capsys.readouterr().out
    assert server.post(SENT[2].data).status == 401
    assert server.post(SENT[2].data, token=second).status == 201


def test_a_token_revoked_while_its_message_comes_leaves_nothing(server: Server) -> None:
    parts, body = urlsplit(server.address), SENT[0].data
    assert parts.hostname is not None
    connection = HTTPConnection(parts.hostname, parts.port, timeout=30)
    connection.putrequest("POST", "/v1/messages")
    for name, value in {"Authorization": f"Bearer {server.token}", "Content-Type": "application/xml"}.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:100])
    server.ask("GET", "/healthz")  # by now the head has been read
    assert main(["serve", "revoke", "clinic", "--home", str(server.home)]) == 0
    connection.send(body[100:])

    status = connection.getresponse().status

    connection.close()
    assert status == 401
    assert server.kept() == {}


def test_the_log_says_by_id_which_token_sent(server: Server) -> None:
    server.post(SENT[0].data)
    server.post(SENT[0].data, token="wrong")

    server.stop()
    (kept,) = read_tokens(server.home / "key" / "intake.json")
    told = [json.loads(line) for line in server.said.splitlines() if line.startswith('{"event": "message"')]
    assert [(one["hospital"], one["token"]) for one in told] == [("clinic", kept.id), ("", "")]


def test_tokens_are_listed_without_what_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = make_token(tmp_path / "key" / "intake.json", "clinic")

    code = main(["serve", "tokens", "--home", str(tmp_path), "--json"])

    (event,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"token"' in line]
    assert code == 0
    assert (event["hospital"], len(event["id"]), event["made"][-6:]) == ("clinic", 12, "+00:00")
    assert made not in str(event)


@pytest.mark.parametrize("name", ["nobody", "0123456789ab"])
def test_what_is_not_there_cannot_be_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    path = tmp_path / "key" / "intake.json"
    make_token(path, "clinic")

    code = main(["serve", "revoke", name, "--home", str(tmp_path)])

    assert code == 2
    assert "rwe serve tokens" in capsys.readouterr().err
    assert len(read_tokens(path)) == 1


@pytest.mark.parametrize("text", ["", "{}x", '{"clinic": "00"}', '[{"hospital": "clinic"}]', '["clinic"]'])
def test_a_file_of_something_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    path.chmod(0o400)

    code = main(["serve", "tokens", "--tokens", str(path), "--home", str(tmp_path)])

    assert code == 2
    assert "not a file of tokens" in capsys.readouterr().err


def test_tokens_made_and_revoked_at_once_do_not_undo_each_other(tmp_path: Path) -> None:
    path = tmp_path / "key" / "intake.json"
    make_token(path, "leaving")
    names = [f"clinic_{n}" for n in range(24)]

    with ThreadPoolExecutor(8) as pool:
        going = pool.submit(revoke, path, "leaving")
        made = dict(zip(names, pool.map(lambda name: make_token(path, name), names), strict=True))
        going.result()

    known = Tokens(path)
    assert {name for name, token in made.items() if (found := known.find(token)) and found.hospital == name} == {*names}
    assert {one.hospital for one in read_tokens(path)} == {*names}
    assert sorted(one.name for one in path.parent.iterdir()) == [".intake.json.lock", "intake.json"]
    assert {one.stat().st_mode & 0o077 for one in path.parent.iterdir()} == {0}


@pytest.mark.ci
def test_processes_at_once_do_not_undo_each_other(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "rwe", "serve", "token", "--home", str(tmp_path)]
    names = [f"clinic_{n}" for n in range(6)]
    started = [subprocess.Popen([*line, name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for name in names]

    codes = [process.wait(60) for process in started]

    assert codes == [0] * 6
    assert {one.hospital for one in read_tokens(tmp_path / "key" / "intake.json")} == {*names}
