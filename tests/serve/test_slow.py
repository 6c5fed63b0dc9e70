# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Who connects and says nothing, or says it a byte at a time, is cut off; hospitals are answered meanwhile."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from tests.serve.server import Server

HEAD = "POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/xml\r\nAuthorization: Bearer {token}\r\n"


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return an intake that waits half a second for a head, and as long for a body; nothing is left in it."""
    options = ("--head-seconds", "0.5", "--body-seconds", "0.5", "--at-once", "2")
    server = Server(tmp_path_factory.mktemp("hasty"), options).start()
    yield server
    server.stop(signal.SIGKILL)


def connected(server: Server) -> socket.socket:
    """Return a connection to the intake."""
    parts = urlsplit(server.address)
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


def dribbled(line: socket.socket, texts: Iterator[bytes]) -> tuple[bytes, float]:
    """Send piece by piece, a tenth of a second apart, until the other side ends; return what it said, and when."""
    began, said = time.monotonic(), b""
    line.settimeout(0.1)
    while time.monotonic() < began + 10:
        try:
            line.sendall(next(texts))
            if not (came := line.recv(65_536)):
                break
            said += came
        except TimeoutError:
            continue
        except OSError:
            break
    return said, time.monotonic() - began


def test_a_head_that_dribbles_is_cut_off(hasty: Server) -> None:
    with connected(hasty) as line:
        said, seconds = dribbled(line, iter([b"POST /v1/messages HTTP/1.1\r\nX: ", *[b"y"] * 200]))

    assert said == b""
    assert 0.3 < seconds < 3


def test_a_body_that_dribbles_is_answered_408_and_cut_off(hasty: Server) -> None:
    head = HEAD.format(token=hasty.token).encode() + b"Content-Length: 90000\r\n\r\n"
    with connected(hasty) as line:
        said, seconds = dribbled(line, iter([head, *[b" "] * 200]))

    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"the body took more than 0.5 seconds" in said
    assert 0.6 < seconds < 5
    assert hasty.kept() == {}


def test_what_was_turned_away_unread_cannot_hold_its_connection(hasty: Server) -> None:
    head = HEAD.format(token="wrong").encode() + b"Content-Length: 90000\r\n\r\n"
    with connected(hasty) as line:
        said, seconds = dribbled(line, iter([head, *[b" "] * 200]))

    assert said.startswith(b"HTTP/1.1 401 ")
    assert seconds < 4


def test_a_second_request_on_a_connection_has_the_same_time_for_its_head(hasty: Server) -> None:
    with connected(hasty) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        first = line.recv(65_536)
        while not first.endswith(b'{"status":"ok"}'):  # head and body may come in parts
            first += line.recv(65_536)
        said, seconds = dribbled(line, iter([b"GET /healthz HTTP/1.1\r\nX: ", *[b"y"] * 200]))

    assert first.startswith(b"HTTP/1.1 200 ")
    assert (said, seconds < 3) == (b"", True)


def test_silent_connections_do_not_keep_a_hospital_out(hasty: Server) -> None:
    with ExitStack() as stack:
        for _ in range(12):  # more than the intake takes
            stack.enter_context(connected(hasty))
        statuses = []
        end = time.monotonic() + 10
        while time.monotonic() < end and 422 not in statuses:
            statuses.append(hasty.post(b"no message").status)
            time.sleep(0.1)

    assert statuses[-1] == 422  # it was read
    assert set(statuses) <= {422, 503}
