# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A folder of NDJSON files and Bundles, each a delivery: read once by its content, in the order of the names."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path

from connectors.fhir_entries import SUFFIXES
from connectors.fhir_options import FolderOptions, options_of
from connectors.fhir_rows import END, Flattener, parts
from connectors.folders import NO_FOLDER, passed_over
from rwe.errors import DefinitionError, SourceUnreachable
from rwe.ports import Batch, Cursor
from rwe.spec.site import Site
from rwe.spec.source import Source

_LOG = logging.getLogger(__name__)
_ALL = sys.maxsize


class FolderConnector:
    """Deliveries of FHIR resources that a hospital puts into a folder.

    A file is known by the sha256 of its content; one that comes again, under any name, lands once. Files that say
    something else of a resource replace it in the order in which they are read: by name, late ones when they come.

    Parameters
    ----------
    site, source
        Where it is and what it is declared to hold.
    folder
        Files ``*.ndjson`` and ``*.json``, plain or gzip, at any depth; what begins with a dot is passed over.

    Raises
    ------
    DefinitionError
        If options or views are wrong.
    """

    def __init__(self, site: Site, source: Source, folder: Path) -> None:
        self._site = site
        self._folder = folder
        options = options_of(FolderOptions, site.options, f"site '{site.site}', options")
        mapping = Path(site.mapping)
        self._flat = {name: Flattener(name, one, mapping, options.base) for name, one in source.streams.items()}
        self._hashes: dict[tuple[str, int, int], str] = {}

    def streams(self) -> Sequence[str]:
        """Return the names of the streams, in the order they are declared."""
        return tuple(self._flat)

    def check(self) -> None:
        """Make sure that the folder is there.

        Raises
        ------
        SourceUnreachable
            If it is not.
        """
        if not self._folder.is_dir():
            raise SourceUnreachable(f"site '{self._site.site}': there is no folder {self._folder}; {NO_FOLDER}")

    def read(self, stream: str, since: Cursor | None, known: Container[str] = (), /) -> Iterator[Batch]:
        """Yield the rows of files that have not landed, a file after the other.

        Raises
        ------
        SourceUnreachable
            If the folder is gone, or a file changes while it is read.
        DataError
            With counts, where a file cannot be read to its end; what could be read was yielded before, and the
            file is read again next time.
        """
        if stream not in self._flat:
            raise DefinitionError(f"site '{self._site.site}' has no stream '{stream}'")
        self.check()
        flat, came = self._flat[stream], False
        for path in self._files():
            for batch in self._file(path, flat, since, known):
                came = True
                yield batch
        flat.tell(_LOG, self._site.site)
        if since is None and not came:
            yield Batch(stream, flat.empty(), Cursor("", ""))

    def columns(self, stream: str) -> Mapping[str, str]:
        """Return the columns of a stream's view and the elements of the resources that were read just now."""
        return self._flat[stream].columns()

    def remarks(self, stream: str) -> Sequence[str]:
        """Return how many files are passed over because of their names, once for all streams."""
        return list(passed_over(self._folder, SUFFIXES)) if stream == next(iter(self._flat)) else []

    def keys(self, _stream: str) -> None:
        """Return None: a folder holds what was delivered, not what there is."""

    def close(self) -> None:
        """Nothing is held open."""

    def _files(self) -> list[Path]:
        found = [path for path in self._folder.rglob("*") if path.name.lower().endswith(SUFFIXES) and path.is_file()]
        inside = [path for path in found if not any(part.startswith(".") for part in self._parts(path))]
        return sorted(inside, key=self._parts)

    def _parts(self, path: Path) -> tuple[str, ...]:
        return path.relative_to(self._folder).parts

    def _file(self, path: Path, flat: Flattener, since: Cursor | None, known: Container[str]) -> Iterator[Batch]:
        """Yield the parts of a file that have not landed: by their ids, or by the cursor where no ids are known."""
        sha, name = self._sha256(path), "/".join(self._parts(path))
        stem = f"{sha}.{flat.mark}.{self._site.page_rows}"
        by_id = since is not None and since.key in known
        past = 0 if by_id else _past(name, stem, since)
        if past == _ALL or f"{stem}.{END}" in known:
            return
        for part, rows in parts(path, flat, self._site.page_rows):
            batch = Batch(flat.name, rows, Cursor(name, f"{stem}.{part}"), f"{stem}.{part}")
            if (part == END or int(part) > past) and batch.id not in known:
                yield batch
        if self._sha256(path) != sha:
            raise SourceUnreachable(
                f"site '{self._site.site}': file '{path.name}' changed while it was read; try later"
            )

    def _sha256(self, path: Path) -> str:
        try:
            state = path.stat()
            place = (str(path), state.st_size, state.st_mtime_ns)
            if place not in self._hashes:
                with path.open("rb") as file:
                    self._hashes[place] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as exc:
            what = type(exc).__name__
            raise SourceUnreachable(f"site '{self._site.site}': file '{path.name}' cannot be read ({what})") from None
        return self._hashes[place]


def _past(name: str, stem: str, since: Cursor | None) -> int:
    """Return how many parts of a file lie before the cursor."""
    if since is None or not since.value or name.split("/") > since.value.split("/"):
        return 0
    if name != since.value:
        return _ALL
    file, _, part = since.key.rpartition(".")
    if file != stem:
        return 0
    return _ALL if part == END else int(part)
