# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Server`: the intake as a process of its own, and what a hospital does with it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from ssl import create_default_context
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from rwe.serve.tokens import make_token

LISTENING = '{"event": "listening"'


class Answer(NamedTuple):
    """What a request was answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        """Its JSON."""
        return dict(json.loads(self.body))


@dataclass
class Server:
    """An intake over one folder; started again where it left off.

    Parameters
    ----------
    home
        Where folder and tokens are.
    options
        Further options of the command line.
    """

    home: Path
    options: tuple[str, ...] = ()
    token: str = field(init=False)
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    address: str = field(default="", init=False)
    starts: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.token = self.make_token("clinic")

    @property
    def folder(self) -> Path:
        """Where messages are kept."""
        return self.home / "intake"

    def make_token(self, hospital: str) -> str:
        """Make a token while it runs."""
        return make_token(self.home / "key" / "intake.json", hospital)

    @property
    def words(self) -> list[str]:
        """Its command line."""
        return ["serve", "intake", "--home", str(self.home), "--port", "0", *self.options]

    def start(self) -> Server:
        """Start it and wait until it listens."""
        line = [sys.executable, "-m", "rwe", *self.words, "--json"]
        with self.log.open("ab") as log:  # a pipe that nobody reads would fill and hold it up
            self.process = subprocess.Popen(line, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < end:
            told = [json.loads(one)["address"] for one in self.said.splitlines() if one.startswith(LISTENING)]
            if len(told) > self.starts:
                self.address, self.starts = told[-1], len(told)
                return self
            time.sleep(0.02)
        self.stop(signal.SIGKILL)
        raise AssertionError(self.said)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal and return its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=60)

    @property
    def log(self) -> Path:
        """Where it speaks to."""
        return self.home / "log.txt"

    @property
    def said(self) -> str:
        """All that it said."""
        return self.log.read_text("utf-8")

    def post(self, body: Any, *, token: str | None = None, **headers: str) -> Answer:
        """Post a message as the hospital does."""
        sent = {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/xml", **headers}
        return self.ask("POST", "/v1/messages", body, sent)

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """Send any request."""
        parts = urlsplit(self.address)
        assert parts.hostname is not None
        if parts.scheme == "https":
            context = create_default_context(cafile=str(self.home / "certificate.pem"))
            connection: HTTPConnection = HTTPSConnection(parts.hostname, parts.port, timeout=60, context=context)
        else:
            connection = HTTPConnection(parts.hostname, parts.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def kept(self) -> dict[str, bytes]:
        """Return the messages on disk by their id."""
        return {path.stem: path.read_bytes() for path in self.folder.rglob("*.xml")}
