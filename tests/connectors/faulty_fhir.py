# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A Bulk Data server of our own that behaves well, and as badly as a test asks: any answer can be put in its mouth."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.connectors.fhir_clinic import ndjson

OUTCOME = {"resourceType": "OperationOutcome"}


@dataclass
class Say:
    """An answer put in the server's mouth; `cut` bytes of the body are sent before the line goes dead.

    `wait` holds the line until it is set; `then` is done before the answer is sent.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    wait: threading.Event | None = None
    then: Callable[[], None] | None = None


@dataclass
class Asked:
    """One request."""

    kind: str
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def parameters(self) -> dict[str, list[Any]]:
        """What a kick-off asks for, in the query or in the Parameters of the body."""
        if self.method == "GET":
            return {name: values[0].split(",") for name, values in self.query.items()}
        found = defaultdict(list)
        for one in json.loads(self.body)["parameter"]:
            found[one["name"]] += [value for key, value in one.items() if key != "name"]
        return dict(found)


def outcome(*severities: str, code: str = "exception", **more: Any) -> dict[str, Any]:
    """Return an OperationOutcome with an issue of each severity."""
    return {**OUTCOME, "issue": [{"severity": one, "code": code, **more} for one in severities]}


def now() -> str:
    """Return the server's time."""
    return datetime.now(UTC).isoformat()


class FaultyServer:
    """A server on 127.0.0.1 with resources that can be written, deleted and exported.

    Its transaction time is that of the last change, so that exports of the same rows are the same.

    ``say(kind, ...)`` queues answers for ``metadata``, ``smart``, ``token``, ``group``, ``kickoff``, ``status``,
    ``cancel`` or ``file``; where nothing is queued it does what is right.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.jobs: list[Any] = []
        self.rows_per_file = 1_000_000
        self.login = False
        self.needs_token = True
        self.token_seconds = 300
        self.host_of_files = ""
        self.counts = True
        self.takes_post = True
        self.algorithms: list[str] = []
        self.group: list[str] = []
        self.change_manifest: Callable[[dict[str, Any]], None] = lambda _manifest: None
        self.change_file: Callable[[bytes], bytes] = lambda body: body
        self.lock = threading.RLock()
        self._held: dict[tuple[str, str], tuple[str, dict[str, Any] | None]] = {}
        self._said: dict[str, list[Say]] = defaultdict(list)
        self._tokens: dict[str, float] = {}
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        self.root = f"http://127.0.0.1:{self._http.server_port}"
        self.base = f"{self.root}/fhir"

    def stop(self) -> None:
        """Answer nobody any more; again is no fault."""
        self._http.shutdown()
        self._http.server_close()

    def write(self, *resources: dict[str, Any]) -> None:
        """Write resources, or newer versions of them."""
        with self.lock:
            for one in resources:
                key = (one["resourceType"], one["id"])
                self._held.pop(key, None)
                self._held[key] = (now(), one)

    def delete(self, kind: str, key: str) -> None:
        with self.lock:
            self._held[(kind, key)] = (now(), None)

    def say(self, kind: str, *answers: Say) -> None:
        self._said[kind] += answers

    def revoke(self) -> None:
        """End every token."""
        self._tokens = dict.fromkeys(self._tokens, 0.0)

    def of(self, kind: str) -> list[Asked]:
        """Return the requests of one kind."""
        return [one for one in self.asked if one.kind == kind]

    def answer(self, asked: Asked) -> Say:
        with self.lock:
            self.asked.append(asked)
            if self._said[asked.kind]:
                return self._said[asked.kind].pop(0)
            if not self._may(asked):
                return Say(401, json.dumps(outcome("error", code="login")).encode())
            made: Say = getattr(self, f"_{asked.kind}")(asked)
            return made

    def _may(self, asked: Asked) -> bool:
        if not self.login or asked.kind in ("smart", "token") or (asked.kind == "file" and not self.needs_token):
            return True
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        return self._tokens.get(token, 0) > time.monotonic()

    def _metadata(self, _asked: Asked) -> Say:
        return _json({"resourceType": "CapabilityStatement"})

    def _smart(self, _asked: Asked) -> Say:
        told = {"token_endpoint_auth_signing_alg_values_supported": self.algorithms} if self.algorithms else {}
        return _json({"token_endpoint": f"{self.root}/token", **told})

    def _token(self, _asked: Asked) -> Say:
        token = f"token-{len(self._tokens)}"
        self._tokens[token] = time.monotonic() + self.token_seconds
        return _json({"access_token": token, "expires_in": self.token_seconds, "scope": "system/*.read"})

    def _group(self, _asked: Asked) -> Say:
        entries = [{"entity": {"reference": f"Patient/{one}"}} for one in self.group]
        return _json({"resourceType": "Group", "id": "g", "member": entries})

    def _kickoff(self, asked: Asked) -> Say:
        if asked.method == "POST" and not self.takes_post:
            return Say(403, json.dumps(outcome("error", code="forbidden")).encode())
        told = asked.parameters
        since = told.get("_since", [""])[0]
        patients = {one["reference"].removeprefix("Patient/") for one in told.get("patient", [])}
        if "/Group/" in asked.path:
            patients = patients or set(self.group)
        files: list[tuple[str, str, list[dict[str, Any]]]] = []
        for kind in told["_type"]:
            held = [(key, at, one) for (of, key), (at, one) in self._held.items() if of == kind and at > since]
            rows = [one for _, _, one in held if one is not None and (not patients or _person(one) in patients)]
            files += [
                ("output", kind, rows[i : i + self.rows_per_file]) for i in range(0, len(rows), self.rows_per_file)
            ]
            gone = [f"{kind}/{key}" for key, _, one in held if one is None] if since else []
            entry = [{"request": {"method": "DELETE", "url": url}} for url in gone]
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entry}
            files += [("deleted", "Bundle", [bundle])] if gone else []
        moment = max((at for at, _ in self._held.values()), default="2020-01-01T00:00:00Z")
        self.jobs.append({"time": moment, "files": files, "request": asked.path})
        return Say(202, headers={"Content-Location": f"{self.root}/status/{len(self.jobs) - 1}"})

    def _status(self, asked: Asked) -> Say:
        number = int(asked.path.rpartition("/")[2])
        if self.jobs[number] is None:
            return Say(404, json.dumps(outcome("error", code="not-found")).encode())
        job = self.jobs[number]
        manifest: dict[str, Any] = {"transactionTime": job["time"], "request": job["request"]}
        manifest |= {"requiresAccessToken": self.needs_token, "output": [], "deleted": [], "error": []}
        for place, (role, kind, rows) in enumerate(job["files"]):
            url = f"{self.host_of_files or self.root}/file/{number}/{place}"
            manifest[role].append({"type": kind, "url": url, **({"count": len(rows)} if self.counts else {})})
        self.change_manifest(manifest)
        return _json(manifest)

    def _cancel(self, asked: Asked) -> Say:
        self.jobs[int(asked.path.rpartition("/")[2])] = None
        return Say(202)

    def _file(self, asked: Asked) -> Say:
        number, place = map(int, asked.path.split("/")[-2:])
        body = self.change_file(ndjson(self.jobs[number]["files"][place][2]))
        return Say(200, body, {"Content-Type": "application/fhir+ndjson"})


def _person(resource: dict[str, Any]) -> str:
    told = resource.get("subject", {}).get("reference", f"Patient/{resource['id']}")
    return str(told.removeprefix("Patient/"))


def _json(told: Any) -> Say:
    return Say(200, json.dumps(told).encode(), {"Content-Type": "application/json"})


def _kind(method: str, path: str) -> str:
    if "$export" in path:
        return "kickoff"
    if "/status/" in path:
        return "cancel" if method == "DELETE" else "status"
    return next((kind for kind in ("metadata", "smart", "token", "file") if kind in path), "group")


def _handler(server: FaultyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            place = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            kind = _kind(self.command, place.path)
            say = server.answer(Asked(kind, self.command, place.path, parse_qs(place.query), headers, body))
            if say.then:
                say.then()
            self.send_response(say.status)
            for name, value in say.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(say.body)))
            self.end_headers()
            self.wfile.write(say.body[: say.cut] if say.cut is not None else say.body)
            self.wfile.flush()
            if say.wait:
                say.wait.wait(60)
            if say.cut is not None:
                self.close_connection = True

        def log_message(self, *_args: Any) -> None: ...

    for verb in ("GET", "POST", "DELETE"):
        setattr(Handler, f"do_{verb}", Handler._do)
    return Handler


@contextmanager
def faulty_server() -> Iterator[FaultyServer]:
    """Run a server for a while."""
    server = FaultyServer()
    try:
        yield server
    finally:
        server.stop()
