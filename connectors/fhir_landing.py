# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The files of an export as batches of one stream: deletions first; the cursor moves only where nothing is missing."""

from __future__ import annotations

import hashlib
import logging
import re
import sys
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.fhir_download import Fetched, here_in
from connectors.fhir_entries import Faults, entries
from connectors.fhir_rows import END, Flattener, parts
from connectors.fhir_seen import Versions
from connectors.fhir_state import Export, File
from rwe.errors import DataError, MachineError
from rwe.ports import Batch, Cursor

_LOG = logging.getLogger(__name__)
_BAD = ("fatal", "error")
_TYPE = re.compile(r"([A-Z][A-Za-z]+)(?:[./\[].*)?")


@dataclass(frozen=True, slots=True)
class _Here:
    """A file of this stream: where it is, whether it may hold one type only, and the files up to it as one hash."""

    fetched: Fetched
    path: Path
    only: bool
    gone: bool
    chain: str


class Landing:
    """The rows that an export brings to one stream.

    Parameters
    ----------
    site, folder
        The site's name, for messages, and where the files are.
    export, flat, page_rows
        What was exported, how it becomes rows, and how many resources make a batch.
    """

    def __init__(self, site: str, folder: Path, export: Export, flat: Flattener, page_rows: int) -> None:
        self._site = site
        self._folder = folder
        self._export = export
        self._flat = flat
        self._page_rows = page_rows
        self._versions = Versions()
        self._files = list(self._of_stream())

    def batches(self, since: Cursor | None, known: Container[str]) -> Iterator[Batch]:
        """Yield what has not landed; the last batch of a complete export bears the export's own time.

        Raises
        ------
        DataError
            At the end, with counts, if the export is not complete.
        """
        missing = self._missing()
        held: Batch | None = None
        torn: DataError | None = None
        try:
            for batch in self._parts(since, known):
                if held:
                    yield held
                held = batch
        except DataError as exc:
            torn = exc  # what stands before it lands, under a cursor before it
        if self._versions.conflicts:
            missing["resources in two versions"] += self._versions.conflicts
        if held:
            whole = Cursor(self._export.moment, "")
            yield held if missing or torn else Batch(held.stream, held.rows, whole, held.id)
        elif since is None and not torn:
            yield Batch(self._flat.name, self._flat.empty(), Cursor("", ""))
        self._flat.tell(_LOG, self._site)
        if torn:
            raise torn
        if missing:
            said = ", ".join(f"{n} {what}" for what, n in sorted(missing.items()))
            raise DataError(
                f"site '{self._site}': the export of {self._flat.type} is incomplete: {said}; what came has landed, "
                "the time from which to ask stays"
            )

    def _parts(self, since: Cursor | None, known: Container[str]) -> Iterator[Batch]:
        start, past = self._position(since)
        value = since.value if since else ""
        for place, file in enumerate(self._files):
            if place < start:
                continue
            seen = None if file.gone else self._versions.see
            for part, rows in parts(file.path, self._flat, self._page_rows, only=file.only, seen=seen):
                stem = f"{self._export.moment}.{file.fetched.sha256}.{self._flat.mark}.{self._page_rows}"
                batch = Batch(self._flat.name, rows, Cursor(value, f"{self._stem(file)}.{part}"), f"{stem}.{part}")
                landed = place == start and part != END and int(part) <= past
                if not landed and batch.id not in known:
                    yield batch

    def _stem(self, file: _Here) -> str:
        return f"{file.chain}.{self._flat.mark}.{self._page_rows}"

    def _position(self, since: Cursor | None) -> tuple[int, int]:
        """Return the first file that has not landed whole, and how many of its parts have.

        The cursor names files by what they and all before them hold, so that it finds its place in another export of
        the same rows, and none where anything before it is different.
        """
        stem, _, part = since.key.rpartition(".") if since else ("", "", "")
        for place, file in enumerate(self._files):
            if stem and stem == self._stem(file):
                if part != END:
                    return place, int(part)
                last = place + 1 == len(self._files)  # its last part comes again, for the cursor of a whole export
                return (place, sys.maxsize) if last else (place + 1, 0)
        return 0, 0

    def _of_stream(self) -> Iterator[_Here]:
        """Yield this stream's files in their order: what is gone, then what there is."""
        mine = [(role, name, file) for role in ("deleted", "output") for name, file in self._named(role)]
        mine = [one for one in mine if one[2].type in ("", self._flat.type)]
        here, chain = here_in(self._folder, {name for _, name, _ in mine}), ""
        for role, name, file in mine:
            if name not in here:
                raise MachineError(f"{self._folder / name}: this file of an export is gone or was changed; read again")
            chain = hashlib.sha256(f"{chain}{here[name].sha256}".encode()).hexdigest()[:32]
            yield _Here(here[name], self._folder / name, bool(file.type), role == "deleted", chain)

    def _named(self, role: str) -> Iterator[tuple[str, File]]:
        for number, job in enumerate(self._export.jobs):
            for place, file in enumerate(job.files):
                if file.role == role:
                    yield f"{number}-{place:06}.ndjson", file

    def _missing(self) -> Counter[str]:
        """Count what the server says it could not export of this type, and files that are not what was told."""
        found: Counter[str] = Counter()
        for name, _ in self._named("outcome"):
            for severity in self._severities(self._folder / name):
                found[f"issues of severity {severity}"] += 1
        for file in self._files:
            if file.fetched.fault:
                found[f"files where {file.fetched.fault}"] += 1
        return found

    def _severities(self, path: Path) -> Iterator[str]:
        faults = Faults()
        for entry in entries(path, "OperationOutcome", faults):
            for issue in entry.resource.get("issue") or ():
                if isinstance(issue, dict) and issue.get("severity") in _BAD and self._concerns(issue):
                    yield str(issue["severity"])
        if faults.bad:
            yield "unknown: its file cannot be read"

    def _concerns(self, issue: dict[str, object]) -> bool:
        """An issue is of the types it names; one that names none is of all."""
        told = issue.get("expression") or issue.get("location")
        named = [_TYPE.fullmatch(str(one)) for one in told] if isinstance(told, list) else []
        types = {match[1] for match in named if match}
        return not types or self._flat.type in types
