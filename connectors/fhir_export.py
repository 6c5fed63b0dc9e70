# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The Bulk Data conversation: ask for an export, ask how far it is, get its manifest, say that it may go.

HL7 Bulk Data Access versions 1 to 3, and the ballot of 4.0 (Parameters, ``outcome``, partial manifests).
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from connectors.fhir_http import Answer, Http, transient, wait_said
from connectors.fhir_options import ServerOptions
from connectors.fhir_state import File
from rwe.errors import DataError, Refused, SourceUnreachable

_LOG = logging.getLogger(__name__)
_JSON = {"Accept": "application/fhir+json, application/json"}
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
_SHARE = re.compile(r"\d{1,3}(\.\d{1,2})? ?%")
_PROXIES = (502, 503, 504)
_MOST_PAGES = 100_000


class Gone(SourceUnreachable):
    """The server no longer knows the export, or it is not the one it was: it must be asked for anew."""


class Failed(SourceUnreachable):
    """The export failed at the server, and nothing of it can be fetched."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export holds and where.

    Parameters
    ----------
    transaction_time
        Up to when it is complete, by the server's clock.
    needs_token
        Whether its files want the token; where not, they must not be sent it.
    files, urls
        Side by side.
    expires
        Seconds from now after which the addresses may be dead; None where it is not told.
    """

    transaction_time: str
    needs_token: bool
    files: list[File]
    urls: list[str]
    expires: float | None


class Exporter:
    """Exports of one server.

    Parameters
    ----------
    http, site, base
        How to ask, the site's name for messages, and the server's address.
    options
        What to export.
    """

    def __init__(self, http: Http, site: str, base: str, options: ServerOptions) -> None:
        self._http = http
        self._site = f"site '{site}'"
        self._base = base
        self._options = options
        level = {"system": "", "patient": "/Patient", "group": f"/Group/{options.group}"}[options.export]
        self._url = f"{base}{level}/$export"

    def kick_off(self, since: str, types: Sequence[str], patients: Sequence[str] = ()) -> str:
        """Ask for an export and return where its status is told.

        Raises
        ------
        Refused
            If we may not.
        DataError
            If the server does not take such a request, or answers against the protocol.
        SourceUnreachable
            If it does not answer.
        """
        answer = self._asked(list(self._parameters(since, types, patients)), post=bool(patients))
        if answer.status in (401, 403):
            raise Refused(f"{self._site}: the server refuses the export: {answer}; it wants another scope or client")
        if answer.status != 202:
            raise DataError(f"{self._site}: the server does not take the export: {answer}")
        place = answer.headers.get("Content-Location")
        if not place:
            raise DataError(f"{self._site}: the server took the export but does not tell where its status is")
        return self._trusted(urljoin(self._url, place))

    def _asked(self, parameters: list[tuple[str, str, Any]], *, post: bool) -> Answer:
        headers = {**_JSON, "Prefer": "respond-async"}
        if not post and self._options.kick_off == "get":
            query = {name: _joined(parameters, name) for name, _, _ in parameters}
            answer = self._http.ask("GET", self._url, params=query, headers=headers)
            if answer.status not in (400, 405):
                return answer
        body = [{"name": name, f"value{kind}": value} for name, kind, value in parameters]
        headers["Content-Type"] = "application/fhir+json"
        return self._http.ask(
            "POST", self._url, json={"resourceType": "Parameters", "parameter": body}, headers=headers
        )

    def _parameters(self, since: str, types: Sequence[str], patients: Sequence[str]) -> Iterator[tuple[str, str, Any]]:
        yield "_outputFormat", "String", "application/fhir+ndjson"
        yield from (("_type", "String", one) for one in types)
        if since:
            yield "_since", "Instant", since
        yield from (("_elements", "String", one) for one in self._options.elements)
        yield from (("_typeFilter", "String", one) for one in self._options.type_filter)
        yield from (("patient", "Reference", {"reference": f"Patient/{one}"}) for one in patients)
        if self._options.version == 4:
            yield "allowPartialManifests", "Boolean", True

    def _trusted(self, url: str) -> str:
        self._http.refuse_plain(url)
        if self._options.client_id and not self._http.may_have_token(url):
            raise Refused(
                f"{self._site}: the server sends us to {urlsplit(url).netloc} with our token; if that host is the "
                "hospital's, name it in token_hosts"
            )
        return url

    def manifest(self, status_url: str) -> Manifest:
        """Wait until an export is done and return what it holds, over all pages.

        Raises
        ------
        Gone
            If the server does not know it any more.
        Failed
            If it failed.
        SourceUnreachable
            If it is not done in time.
        DataError
            If what is told is not a manifest.
        """
        files: list[File] = []
        urls: list[str] = []
        times: list[str] = []
        needs: list[bool] = []
        expires: list[float | None] = []
        page: str | None = status_url
        while page and len(times) < _MOST_PAGES:
            answer = self._page(self._trusted(page))
            told = answer.json()
            if not isinstance(told, dict) or not _INSTANT.fullmatch(str(told.get("transactionTime"))):
                raise DataError(f"{self._site}: the export is done, but its manifest has no transactionTime ({answer})")
            times.append(str(told["transactionTime"]))
            needs.append(told.get("requiresAccessToken") is not False)
            expires.append(_seconds_left(answer))
            for file, url in _files(told):
                files.append(file)
                urls.append(urljoin(page, url))
            page = _next(told, page)
        left = [one for one in expires if one is not None]
        made = Manifest(min(times), any(needs), files, urls, min(left, default=None))
        if made.needs_token:
            for url in {urljoin(one, "/") for one in urls}:
                self._trusted(url)
        return made

    def _page(self, url: str) -> Answer:
        """Ask for a status until it is a manifest, whole or with a next page."""
        headers = _JSON | ({"Prefer": "separate-export-status"} if self._options.version == 4 else {})
        asked = 0
        while True:
            answer = self._http.ask("GET", url, retry=_again, headers=headers)
            status = answer.status
            if status == 200 and re.fullmatch(r"\d{3}", told := answer.headers.get("X-Export-Status", "")):
                status = int(told)
            if status == 200 or (status == 202 and _next(answer.json(), url)):
                return answer
            if status in (404, 410):
                raise Gone(f"{self._site}: the server no longer knows the export; it must be asked for anew")
            if status != 202:
                raise Failed(f"{self._site}: the export failed at the server: {answer}; it is asked for anew next time")
            progress = _SHARE.search(answer.headers.get("X-Progress", "")[:100])  # its words may name somebody
            _LOG.info("%s: export: %s", self._site, progress[0] if progress else "in progress")
            asked += 1
            self._http.pause(asked, wait_said(answer.headers))

    def cancel(self, status_url: str) -> None:
        """Tell the server that an export and its files may go; whatever it answers."""
        with contextlib.suppress(requests.RequestException, Refused, DataError, SourceUnreachable):
            self._http.once("DELETE", status_url, headers=_JSON)


def _joined(parameters: list[tuple[str, str, Any]], name: str) -> str:
    found = [value for other, _, value in parameters if other == name]
    return ",".join(str(value).lower() if isinstance(value, bool) else str(value) for value in found)


def _again(answer: Answer) -> bool:
    """While polling: a pause asked for, a proxy's hiccup, or a failure that the server itself calls transient."""
    if answer.status == 429 or not transient(answer):
        return answer.status == 429
    codes = answer.issues()
    return "transient" in codes if codes else answer.status in _PROXIES


def _seconds_left(answer: Answer) -> float | None:
    told = answer.headers.get("Expires")
    return wait_said({"Retry-After": told}) if told else None


def _next(told: Any, page: str) -> str | None:
    links = told.get("link") if isinstance(told, dict) else None
    found = [one.get("url") for one in links or () if isinstance(one, dict) and one.get("relation") == "next"]
    return urljoin(page, found[0]) if found and isinstance(found[0], str) else None


def _files(told: dict[str, Any]) -> Iterator[tuple[File, str]]:
    for role in ("deleted", "output", "error", "outcome"):
        for one in told.get(role) or ():
            if not isinstance(one, dict) or not isinstance(one.get("url"), str):
                raise DataError(f"the manifest of an export has an entry without an address under '{role}'")
            kind, count = one.get("type"), one.get("count")
            number = count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None
            sort = "outcome" if role == "error" else role
            yield File(sort, kind if isinstance(kind, str) and role == "output" else "", number), one["url"]
