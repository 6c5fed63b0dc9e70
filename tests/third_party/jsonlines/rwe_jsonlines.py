# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A folder of JSON lines as a source: each line a row, a later line of the same key the corrected row."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import polars as pl

from connectors.typed import typed
from rwe.errors import DataError, DefinitionError, SourceUnreachable
from rwe.ports import Batch, Cursor
from rwe.spec.site import Site
from rwe.spec.source import Source, Stream

Row = dict[str, Any]


def connect(site: Site, source: Source, home: Path) -> JsonLines:
    """Open the folder that the site's URL names, ``file:///...`` with ``{home}`` for the engine's folder."""
    folder = Path(unquote(urlsplit(site.address().replace("{home}", home.as_posix())).path))
    return JsonLines(site, source, folder)


class JsonLines:
    """A folder with a file ``<table>.jsonl`` for each stream."""

    def __init__(self, site: Site, source: Source, folder: Path) -> None:
        self._site, self._source, self._folder = site, source, folder

    def streams(self) -> Sequence[str]:
        """Return the names of the streams, in the order they are declared."""
        return tuple(self._source.streams)

    def check(self) -> None:
        """Read one row of each stream."""
        for name in self.streams():
            next(self.read(name, None))

    def read(self, stream: str, since: Cursor | None, _known: Container[str] = (), /) -> Iterator[Batch]:
        """Yield the rows after `since`, oldest first, a page at a time; an empty stream gives one empty batch."""
        spec, size = self._source.streams[stream], self._site.page_rows
        rows = [(self._cursor(stream, row), row) for row in self._rows(stream)]
        rest = sorted((pair for pair in rows if since is None or _order(pair[0]) > _order(since)), key=_first)
        for start in range(0, len(rest), size):
            page = rest[start : start + size]
            yield Batch(stream, _frame(stream, spec, [row for _, row in page]), page[-1][0])
        if since is None and not rest:
            yield Batch(stream, _frame(stream, spec, []), Cursor("", ""))

    def keys(self, stream: str) -> Iterator[pl.Series]:
        """Yield the key of every row."""
        key = self._source.streams[stream].key
        yield pl.Series([str(row[key]) for row in self._rows(stream)], dtype=pl.String())

    def close(self) -> None:
        """Nothing is held open."""

    def _cursor(self, stream: str, row: Row) -> Cursor:
        spec = self._source.streams[stream]
        try:
            return Cursor(str(row[spec.cursor or ""]), str(row[spec.key]))
        except KeyError:
            raise DataError(f"stream '{stream}': rows without '{spec.key}' or '{spec.cursor}'") from None

    def _rows(self, stream: str) -> list[Row]:
        """Return the newest row of each key."""
        spec = self._source.streams[stream]
        if spec.cursor is None:
            raise DefinitionError(f"stream '{stream}': JSON lines need a cursor")
        try:
            lines = (self._folder / f"{spec.table}.jsonl").read_text("utf-8").splitlines()
        except OSError as exc:
            raise SourceUnreachable(f"site '{self._site.site}': {spec.table}.jsonl: {type(exc).__name__}") from None
        found = {}
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                found[row[spec.key]] = row
            except (ValueError, KeyError, TypeError):
                raise DataError(f"stream '{stream}': line {number} is not a JSON object with '{spec.key}'") from None
        return list(found.values())


def _order(cursor: Cursor) -> tuple[str, str]:
    return cursor.value, cursor.key.zfill(20)  # numbers by size, as they are written in this source


def _first(pair: tuple[Cursor, Row]) -> tuple[str, str]:
    return _order(pair[0])


def _frame(stream: str, spec: Stream, rows: list[Row]) -> pl.DataFrame:
    columns = {"_key": pl.Series([str(row[spec.key]) for row in rows], dtype=pl.String())}
    for name, column in spec.columns.items():
        if missing := sum(name not in row for row in rows) * (not column.optional):
            raise DataError(f"stream '{stream}': {missing} rows lack '{name}'; mend the source or declare it optional")
        columns[name] = typed([row.get(name) for row in rows], column.type, f"{stream}.{name}")
    return pl.DataFrame(columns)
