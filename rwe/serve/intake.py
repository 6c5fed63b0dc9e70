# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The intake: hospitals post messages, each is read, written to the disk, and only then acknowledged.

``POST /v1/messages`` with ``Authorization: Bearer TOKEN`` and an XML body answers 201, or 200 for a message that is
here already as it is, with an acknowledgement in JSON, or in XML where ``Accept`` says so. Nothing of a body goes
into an answer about a fault, a log or an error.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rwe.errors import DataError, RweError
from rwe.ports import Receipt
from rwe.serve.keep import Kept, OtherContent, keep
from rwe.serve.tokens import Token, Tokens

Reader = Callable[[bytes, str], Receipt]
_XML = ("application/xml", "text/xml")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_NOBODY = Token("", "", "")
_READERS = 4  # messages taken apart at once: each may need ten times its size


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sender may ask for: bytes a message, messages at once in all, messages a minute, seconds a body."""

    size: int = 16 * 2**20
    at_once: int = 16
    per_minute: int = 1200
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request, for the log: no word of its body; of the token, its id."""

    hospital: str
    token: str
    status: int
    size: int = 0
    sha256: str = ""


class Turned(Exception):
    """A request that is turned away: the status, why in words of ours, and when to come again."""

    def __init__(self, status: int, why: str, *, after: int = 0) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.after = after


@dataclass
class Intake:
    """The application.

    Parameters
    ----------
    folder
        Where messages are kept, a folder each hospital.
    tokens
        Who may send.
    reader
        Reads the message of a hospital; raises `DataError` where it is none.
    limits
        What a sender may ask for.
    tell
        Told of each request.
    """

    folder: Path
    tokens: Tokens
    reader: Reader
    limits: Limits
    tell: Callable[[Outcome], None]
    _busy: int = field(default=0, init=False)
    _allowance: dict[str, tuple[float, float]] = field(default_factory=dict, init=False)
    _readers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_READERS), init=False)

    def app(self) -> Starlette:
        """Return the application to serve."""
        routes = [
            Route("/v1/messages", self._messages, methods=["POST"]),
            Route("/healthz", self._health, methods=["GET"]),
        ]
        return Starlette(routes=routes)

    async def _health(self, _request: Request) -> Response:
        sound = os.access(self.folder, os.W_OK | os.X_OK)
        return JSONResponse({"status": "ok" if sound else "the folder cannot be written"}, 200 if sound else 503)

    async def _messages(self, request: Request) -> Response:
        token, body, self._busy = _NOBODY, b"", self._busy + 1
        try:
            token = self._who(request)
            self._admit(request, token.hospital)
            body = await self._body(request)
            async with self._readers:
                self._who(request)  # a token that ended meanwhile leaves nothing
                kept = await run_in_threadpool(self._take, token.hospital, body)
            answer = _acknowledge(request, kept)
        except ClientDisconnect:
            answer = _turn(Turned(400, "the connection ended before the message did"))
        except Turned as exc:
            answer = _turn(exc)
        except Exception as exc:
            answer = _turn(_fault(exc))
        finally:
            self._busy -= 1
        digest = hashlib.sha256(body).hexdigest() if body else ""
        self.tell(Outcome(token.hospital, token.id, answer.status_code, len(body), digest))
        return answer

    def _who(self, request: Request) -> Token:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        found = self.tokens.find(token.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            raise Turned(401, "no valid token: Authorization: Bearer TOKEN")
        return found

    def _admit(self, request: Request, hospital: str) -> None:
        if self._busy > self.limits.at_once:
            raise Turned(503, f"more than {self.limits.at_once} messages at once", after=1)
        now, rate = time.monotonic(), self.limits.per_minute / 60
        left, before = self._allowance.get(hospital, (float(self.limits.per_minute), now))
        left = min(float(self.limits.per_minute), left + (now - before) * rate)
        self._allowance[hospital] = max(left - 1, 0.0), now
        if left < 1:
            raise Turned(429, f"more than {self.limits.per_minute} messages a minute", after=1 + int((1 - left) / rate))
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in _XML:
            raise Turned(415, f"Content-Type must be {' or '.join(_XML)}")
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise Turned(415, "the body must not be compressed")

    async def _body(self, request: Request) -> bytes:
        told, parts, size = request.headers.get("content-length", "0"), list[bytes](), 0
        too_much = Turned(413, f"a message may have {self.limits.size} bytes")
        if told.isdecimal() and len(told) < 20 and int(told) > self.limits.size:
            raise too_much
        try:
            async with asyncio.timeout(self.limits.seconds):
                async for part in request.stream():
                    size += len(part)
                    if size > self.limits.size:
                        raise too_much
                    parts.append(part)
        except TimeoutError:
            raise Turned(408, f"the body took more than {self.limits.seconds:g} seconds") from None
        return b"".join(parts)

    def _take(self, hospital: str, body: bytes) -> Kept:
        return keep(self.folder, hospital, self.reader(body, hospital), body)


def _fault(exc: Exception) -> Turned:
    """Return the answer to a fault, in words of ours."""
    if isinstance(exc, OtherContent):
        return Turned(409, str(exc))
    if isinstance(exc, DataError):
        return Turned(422, str(exc))
    if isinstance(exc, OSError) and exc.errno in _FULL:
        return Turned(507, "the disk is full; nothing was kept", after=600)
    if isinstance(exc, RweError):
        return Turned(503, "the intake cannot read its tokens or definitions; nothing was kept", after=60)
    return Turned(500, f"a fault of the engine ({type(exc).__name__}); nothing was acknowledged", after=60)


def _turn(turned: Turned) -> Response:
    headers = {"Retry-After": str(turned.after)} if turned.after else {}
    if turned.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": turned.why}, turned.status, headers)


def _acknowledge(request: Request, kept: Kept) -> Response:
    status, told = 201 if kept.new else 200, kept.acknowledgement
    accept = request.headers.get("accept", "")
    if any(kind in accept for kind in _XML) and "application/json" not in accept:
        return Response(_as_xml(told), status, media_type="application/xml")
    return JSONResponse(told, status)


def _as_xml(told: Mapping[str, Any]) -> str:
    rows = "".join(f"<stream name={quoteattr(name)} value={quoteattr(str(n))}/>" for name, n in told["rows"].items())
    values = "".join(f"<{name} value={quoteattr(str(one))}/>" for name, one in told.items() if name != "rows")
    head = '<?xml version="1.0" encoding="utf-8"?>'
    return f"{head}\n<acknowledgement>{values}<rows>{rows}</rows></acknowledgement>\n"
