# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""HTTP to one hospital: bounded tries, the server's pauses obeyed, and a token that never leaves for a stranger."""

from __future__ import annotations

import json
import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from connectors.fhir_options import ServerOptions
from rwe.errors import DataError, Refused, SourceUnreachable

_LOG = logging.getLogger(__name__)
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_MOST_BYTES = 256 << 20
_CODE = re.compile(r"[a-z-]{1,30}")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Late(SourceUnreachable):
    """The deadline of an export came before its end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON, None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def issues(self) -> list[str]:
        """Return the codes of an OperationOutcome; its words may hold a value and are left out."""
        told = self.json()
        found = told.get("issue") if isinstance(told, dict) and told.get("resourceType") == "OperationOutcome" else None
        codes = [one.get("code") for one in found or () if isinstance(one, dict)]
        return [code for code in codes if isinstance(code, str) and _CODE.fullmatch(code)]

    def __str__(self) -> str:
        kind = self.headers.get("Content-Type", "").split(";")[0]
        what = ", ".join(self.issues()) or (kind if re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", kind) else "")
        return f"HTTP {self.status}" + (f" ({what})" if what else "")


def transient(answer: Answer) -> bool:
    """Return whether a later try may succeed, by the status alone."""
    return answer.status in _TRANSIENT


def wait_said(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that Retry-After asks for, told as seconds or as a date; None where it says neither."""
    told = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", told):
        return float(told)
    try:
        when = parsedate_to_datetime(told)
    except ValueError:
        return None
    zoned = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (zoned - datetime.now(UTC)).total_seconds())


class Http:
    """Requests to the server of one site.

    Parameters
    ----------
    site, base
        Its name, for messages, and its address; the token goes to the host of `base` and to `token_hosts` only.
    options
        How patient to be.
    timeout
        Seconds that one answer may be silent.
    """

    def __init__(self, site: str, base: str, options: ServerOptions, timeout: float) -> None:
        self._site = site
        self._options = options
        self._timeout = timeout
        self._hosts = {urlsplit(base).netloc.lower(), *map(str.lower, options.token_hosts)}
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self.start()
        self.token: Callable[[str], str | None] = lambda _refused: None

    def start(self) -> None:
        """Begin to count towards the deadline: an export begins, or goes on."""
        self._deadline = time.monotonic() + self._options.deadline_seconds

    def close(self) -> None:
        """Give back connections."""
        while self._sessions:
            self._sessions.pop().close()

    def ask(self, method: str, url: str, *, retry: Callable[[Answer], bool] = transient, **how: Any) -> Answer:
        """Return an answer, tried again while `retry` says so; `how` goes to `once`.

        Raises
        ------
        SourceUnreachable
            If the last try fails as well, or the deadline comes first.
        """
        tries = 0
        while True:
            answer, what = self._tried(method, url, how)
            if answer is not None and not retry(answer):
                return answer
            tries += answer is None or answer.status != 429
            if tries >= self._options.tries:
                raise SourceUnreachable(f"site '{self._site}': {self._host(url)} does not answer: {what}")
            self.pause(tries, wait_said(answer.headers) if answer else None)

    def _tried(self, method: str, url: str, how: Mapping[str, Any]) -> tuple[Answer | None, str]:
        try:
            answer = self.once(method, url, **how)
        except requests.RequestException as exc:
            return None, type(exc).__name__
        return answer, str(answer)

    def once(self, method: str, url: str, **how: Any) -> Answer:
        """Return the answer to one request.

        Raises
        ------
        requests.RequestException
            If there is none.
        DataError
            If it is beyond any measure.
        """
        with self.stream(method, url, **how) as answer:
            body = bytearray()
            for piece in answer.iter_content(1 << 16):
                body += piece
                if len(body) > _MOST_BYTES:
                    raise DataError(f"site '{self._site}': an answer is longer than {_MOST_BYTES} bytes")
            return Answer(answer.status_code, answer.headers, bytes(body))

    @contextmanager
    def stream(self, method: str, url: str, *, login: bool = True, **how: Any) -> Iterator[requests.Response]:
        """Give the answer to one request with its body unread; redirects are followed without the token.

        A 401 is asked once more with a new token: the old one may have ended.
        """
        token = self.token("") if login and self.may_have_token(url) else None
        answer = self._sent(method, url, token, how)
        if answer.status_code == 401 and token:
            answer.close()
            answer = self._sent(method, url, self.token(token), how)
        try:
            yield answer
        finally:
            answer.close()

    def _sent(self, method: str, url: str, token: str | None, how: Mapping[str, Any]) -> requests.Response:
        at = url
        for _ in range(_MOST_REDIRECTS + 1):
            self.refuse_plain(at)
            mine = token if urlsplit(at)[:2] == urlsplit(url)[:2] else None
            answer = self._session().request(
                method, at, timeout=self._timeout, stream=True, allow_redirects=False, auth=_Bearer(mine), **how
            )
            if answer.status_code not in _REDIRECTS or "Location" not in answer.headers:
                return answer
            answer.close()
            if method != "GET":
                raise Refused(f"site '{self._site}': {self._host(url)} sends a {method} elsewhere; it is not followed")
            at = urljoin(at, answer.headers["Location"])
        raise DataError(f"site '{self._site}': {self._host(url)} redirects more than {_MOST_REDIRECTS} times")

    def may_have_token(self, url: str) -> bool:
        """Return whether the token may be sent there."""
        return urlsplit(url).netloc.lower() in self._hosts

    def refuse_plain(self, url: str) -> None:
        """Refuse an address without TLS, unless it is this machine or the site file allows it.

        Raises
        ------
        Refused
            Naming the host.
        """
        place = urlsplit(url)
        if place.scheme == "https" or (place.scheme == "http" and self._plain_is_fine(place.hostname)):
            return
        raise Refused(f"site '{self._site}': {self._host(url)} has no TLS (https); records do not go in the clear")

    def _plain_is_fine(self, host: str | None) -> bool:
        return self._options.plain_http or host in _LOOPBACK

    def pause(self, tries: int, said: float | None = None) -> None:
        """Wait as the server said, or twice as long at each try, never beyond the deadline.

        Raises
        ------
        Late
            If the deadline comes first.
        """
        longest = self._options.longest_pause_seconds
        grown = min(longest, self._options.pause_seconds * 2.0 ** max(0, tries - 1)) * random.uniform(0.75, 1.0)
        seconds = grown if said is None else said
        if time.monotonic() + seconds > self._deadline:
            raise Late(f"site '{self._site}': not done within deadline_seconds ({self._options.deadline_seconds})")
        time.sleep(seconds)

    def _session(self) -> requests.Session:
        """Return this thread's connections."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._sessions.append(self._local.session)
        made: requests.Session = self._local.session
        return made

    def _host(self, url: str) -> str:
        return urlsplit(url).hostname or "the server"


class _Bearer(requests.auth.AuthBase):
    """The token, or nothing: also where a .netrc would put something."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request
