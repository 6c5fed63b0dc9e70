# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The files of an export, fetched whole or again: few at a time, checked, noted one by one so that none comes twice."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import requests

from connectors.fhir_entries import plain
from connectors.fhir_export import Manifest
from connectors.fhir_http import Http, wait_said
from connectors.fhir_options import ServerOptions
from connectors.fhir_state import File
from rwe.chain import on_disk
from rwe.errors import SourceUnreachable

_DEAD = (401, 403, 404, 410)
_MOST_RENEWALS = 3
_HEADERS = {"Accept": "application/fhir+ndjson, application/ndjson, application/octet-stream;q=0.9"}
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND
_TAIL = 64 << 20
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is here: its content by sha256, and what is wrong with it though it came whole."""

    name: str
    size: int
    sha256: str
    fault: str = ""


class Downloads:
    """The files of one job.

    Parameters
    ----------
    http, options, site
        How to ask, how patiently, and the site's name for messages.
    folder, job
        Where to keep them, and the number of the job in its export.
    renew
        Gives the manifest anew, when its addresses are dead.
    """

    def __init__(
        self, http: Http, options: ServerOptions, site: str, folder: Path, job: int, renew: Callable[[], Manifest]
    ) -> None:
        self._http = http
        self._options = options
        self._site = site
        self._folder = folder
        self._job = job
        self._renew = renew
        self._lock = threading.Lock()
        self._manifest: Manifest | None = None
        self._ends = float("inf")

    def fetch(self, manifest: Manifest, wanted: Sequence[int]) -> None:
        """Fetch the files at some places of the manifest, but for those that are here.

        Raises
        ------
        Gone
            If their addresses are dead and the server knows the export no more.
        SourceUnreachable
            If one cannot be fetched by any try; those that were stay.
        """
        self._take(manifest)
        here = here_in(self._folder)
        todo = [place for place in wanted if self.name(place) not in here]
        with ThreadPoolExecutor(self._options.parallel) as pool:
            try:
                for _ in pool.map(self._one, todo):
                    pass
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def name(self, place: int) -> str:
        """Return the name here of the file at a place of the manifest."""
        return f"{self._job}-{place:06}.ndjson"

    def _take(self, manifest: Manifest) -> None:
        first = self._manifest is None
        self._manifest = manifest
        self._ends = time.monotonic() + manifest.expires if manifest.expires is not None and first else float("inf")

    def _fresh(self, dead: Manifest | None) -> Manifest:
        """Return the manifest, asked for anew where its addresses are dead; one thread asks for all."""
        with self._lock:
            if self._manifest is None or self._manifest is dead or time.monotonic() > self._ends:
                self._take(self._renew())
            assert self._manifest is not None
            return self._manifest

    def _one(self, place: int) -> None:
        manifest, tries, renewals = self._fresh(None), 0, 0
        while True:
            what, done, said = self._try(manifest, place)
            if done and (not done.fault or tries + 1 >= self._options.tries):
                return self._note(done)
            if what == "dead" and renewals < _MOST_RENEWALS:
                manifest, renewals = self._fresh(manifest), renewals + 1
                continue
            tries += what != "HTTP 429"
            if tries >= self._options.tries:
                raise SourceUnreachable(f"site '{self._site}': file {place + 1} of an export cannot be fetched: {what}")
            self._http.pause(tries, said)

    def _try(self, manifest: Manifest, place: int) -> tuple[str, Fetched | None, float | None]:
        url, login = manifest.urls[place], manifest.needs_token
        try:
            with self._http.stream("GET", url, login=login, headers=_HEADERS) as answer:
                if answer.status_code in _DEAD:
                    return "dead", None, None
                if answer.status_code != 200:
                    return f"HTTP {answer.status_code}", None, wait_said(answer.headers)
                if "html" in answer.headers.get("Content-Type", ""):
                    return "a page of HTML came in its place", None, None
                return self._save(answer, place, manifest.files[place])
        except requests.RequestException as exc:
            return type(exc).__name__, None, None

    def _save(self, answer: requests.Response, place: int, file: File) -> tuple[str, Fetched | None, None]:
        path, digest, size, lines = self._folder / self.name(place), hashlib.sha256(), 0, _Lines()
        draft = path.with_suffix(".part")
        with on_disk(draft):
            out = os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        with out:
            for piece in answer.iter_content(1 << 20):
                with on_disk(draft):  # the line's own faults are of OSError too, and are no faults of the disk
                    out.write(piece)
                digest.update(piece)
                lines.add(piece)
                size += len(piece)
        if lines.begin.removeprefix(_BOM).lstrip().startswith(b"<"):
            return "a page of HTML came in its place", None, None
        fault = lines.fault(file.count)
        with on_disk(draft):
            draft.replace(path)
        return fault, Fetched(path.name, size, digest.hexdigest(), fault), None

    def _note(self, done: Fetched) -> None:
        journal = self._folder / "done.ndjson"
        with self._lock, on_disk(journal), os.fdopen(os.open(journal, _APPEND, 0o600), "w") as out:
            out.write(json.dumps(asdict(done)) + "\n")


class _Lines:
    """Counts the lines of a stream that say something, and keeps the beginning and the last line."""

    def __init__(self) -> None:
        self.begin = b""
        self._count = 0
        self._blank = True
        self._tail = bytearray()
        self._cut = False

    def add(self, piece: bytes) -> None:
        self.begin = self.begin or piece[:64]
        *ended, rest = piece.split(b"\n")
        for line in ended:
            self._count += not (self._blank and not line.strip())
            self._blank = True
            self._tail.clear()
            self._cut = False
        self._blank = self._blank and not rest.strip()
        self._cut = self._cut or len(self._tail) + len(rest) > _TAIL
        self._tail += b"" if self._cut else rest

    def fault(self, count: int | None) -> str:
        """Return what is wrong: a last line that is torn, or another number of resources than was told."""
        last = bytes(self._tail).strip()
        if last and not self._cut and plain(last.removeprefix(_BOM)) is None:
            return "its last line is torn"
        lines = self._count + (not self._blank)
        return f"it holds {lines} resources, not {count}" if count is not None and lines != count else ""


def here_in(folder: Path, names: Container[str] | None = None) -> dict[str, Fetched]:
    """Return the files, or those of some names, that are here whole: noted, and of the size and sha256 noted."""
    journal = folder / "done.ndjson"
    if not journal.exists():
        return {}
    with on_disk(journal):
        told = [plain(line) for line in journal.read_bytes().splitlines()]
    noted = [Fetched(**one) for one in told if isinstance(one, dict) and (names is None or one["name"] in names)]
    return {one.name: one for one in noted if _is_whole(folder / one.name, one)}


def _is_whole(path: Path, noted: Fetched) -> bool:
    if not path.is_file() or path.stat().st_size != noted.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == noted.sha256
