# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Resources out of files: NDJSON and Bundles, plain or gzip, line by line, each fault counted and none shown."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from rwe.errors import DataError

SUFFIXES = (".ndjson", ".ndjson.gz", ".json", ".json.gz")
LONGEST_LINE = 1 << 30
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Entry:
    """A resource, or the type and id of one that the source says is gone."""

    resource: dict[str, Any]
    gone: bool = False


@dataclass(slots=True)
class Faults:
    """What could not be read in one file: lines by what is wrong with them, and how many lines there were."""

    lines: int = 0
    resources: int = 0
    bad: dict[str, int] = field(default_factory=dict)
    first: int = 0

    def add(self, what: str) -> None:
        """Count the line being read as faulty."""
        self.bad[what] = self.bad.get(what, 0) + 1
        self.first = self.first or self.lines

    def refuse(self, where: str) -> None:
        """Raise what was counted, if anything was.

        Raises
        ------
        DataError
            With counts and the number of the first such line.
        """
        if self.bad:
            said = ", ".join(f"{n} of {self.lines} lines {what}" for what, n in sorted(self.bad.items()))
            raise DataError(f"{where}: {said} (the first is line {self.first}); the file must be sent again")


def entries(path: Path, wanted: str, faults: Faults, *, only: bool = False) -> Iterator[Entry]:
    """Yield the resources of one type in a file, in its order; the last of a history comes last.

    Parameters
    ----------
    path
        NDJSON or a Bundle; its name says which, and whether it is gzip.
    wanted
        The type of resource; others are passed over.
    faults
        Counts what cannot be read.
    only
        Whether the file should hold this type alone, so that others are faults.

    Raises
    ------
    DataError
        If the file is not gzip to its end, or has a line beyond any measure.
    """
    name = path.name
    mark = f'"{wanted}"'.encode()
    whole = ".ndjson" not in name.lower()
    try:
        with gzip.open(path) if name.lower().endswith(".gz") else path.open("rb") as file:
            for line in [file.read()] if whole else _lines(file):
                faults.lines += 1
                text = line.removeprefix(_BOM) if faults.lines == 1 else line
                if text.strip() and (only or mark in text or b'"Bundle"' in text or not _closed(text)):
                    yield from _of_line(text, wanted, faults, only=only)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise DataError(
            f"file '{name}': its compressed data end too early or are damaged; it must be sent again"
        ) from None


def _closed(line: bytes) -> bool:
    """Return whether a line begins and ends as an object does; another is damaged, whatever it names."""
    bare = line.strip()
    return bare.startswith(b"{") and bare.endswith(b"}")


def _lines(file: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise DataError(f"a line is longer than {LONGEST_LINE} bytes")
        yield line


def _of_line(line: bytes, wanted: str, faults: Faults, *, only: bool) -> Iterator[Entry]:
    made = plain(line)
    kind = made.get("resourceType") if isinstance(made, dict) else None
    if not isinstance(made, dict) or not isinstance(kind, str):
        faults.add("are not JSON of a resource")
    elif kind == "Bundle":
        yield from _bundle(made, wanted)
    elif kind == wanted:
        faults.resources += 1
        yield Entry(made)
    elif only:
        faults.add("hold resources of another type")


def plain(line: bytes) -> Any:
    """Return the values of one JSON text, numbers exact; None where it is none."""
    try:
        return json.loads(line.decode(), parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None


def _no_number(_name: str) -> None:
    raise ValueError


def _bundle(bundle: dict[str, Any], wanted: str) -> Iterator[Entry]:
    """Yield the entries of a Bundle; references among them by urn:uuid lead to ids."""
    found = [one for one in bundle.get("entry") or () if isinstance(one, dict)]
    if bundle.get("type") == "history":
        found.reverse()
    ids = {
        str(one["fullUrl"]): _named(one) for one in found if "fullUrl" in one and isinstance(one.get("resource"), dict)
    }
    local = {url: f"{kind}/{key}" for url, (kind, key) in ids.items() if url.startswith("urn:") and kind and key}
    for one in found:
        made = _entry(one)
        if made and made.resource.get("resourceType") == wanted:
            yield made if made.gone else Entry(_rewritten(made.resource, local))


def _named(entry: dict[str, Any]) -> tuple[str, str]:
    resource, url = entry["resource"], str(entry["fullUrl"])
    key = resource.get("id") or url.rpartition(":")[2].rpartition("/")[2]
    return str(resource.get("resourceType") or ""), str(key)


def _entry(one: dict[str, Any]) -> Entry | None:
    request = one.get("request") or {}
    if isinstance(request, dict) and str(request.get("method")).upper() == "DELETE":
        parts = str(request.get("url") or "").split("?")[0].split("/_history")[0].rstrip("/").split("/")
        return Entry({"resourceType": parts[-2], "id": parts[-1]}, gone=True) if len(parts) > 1 and parts[-1] else None
    resource = one.get("resource")
    if not isinstance(resource, dict):
        return None
    return Entry(resource if "id" in resource or "fullUrl" not in one else {**resource, "id": _named(one)[1]})


def _rewritten(value: Any, local: dict[str, str]) -> Any:
    """Return a resource whose references into its own Bundle are relative ones."""
    if isinstance(value, dict):
        made = {key: _rewritten(one, local) for key, one in value.items()}
        target = made.get("reference")
        return {**made, "reference": local[target]} if isinstance(target, str) and target in local else made
    return [_rewritten(one, local) for one in value] if isinstance(value, list) else value
