# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Resources as rows of a stream: its view laid over them, each cell in its declared type, partial dates by rule."""

from __future__ import annotations

import difflib
import hashlib
import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from connectors.fhir_entries import Entry, Faults, entries
from connectors.fhir_options import StreamOptions, options_of, view_definition
from connectors.fhir_view import Row, View
from connectors.typed import DTYPES, typed
from rwe.errors import DataError, DefinitionError
from rwe.spec.source import Kind, Stream

_PARTIAL = re.compile(r"\d{4}(-\d{2})?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ZONED = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")


END = "end"


class Flattener:
    """Makes rows of one stream out of resources.

    Parameters
    ----------
    name, stream
        The declaration: ``table`` is a type of resource, ``key`` the view's column that holds the resource's id.
    mapping
        Folder of view definitions.
    base
        Address of the server, for references.

    Raises
    ------
    DefinitionError
        If options, view and columns do not fit together.
    """

    def __init__(self, name: str, stream: Stream, mapping: Path, base: str) -> None:
        self.name = name
        self.type = stream.table
        self._stream = stream
        self._options = options_of(StreamOptions, stream.options, f"stream '{name}', options")
        definition = view_definition(self._options.view, mapping)
        self._view = View(definition, base)
        self._refuse_misfits()
        said = json.dumps([definition, stream.model_dump()], sort_keys=True, default=str)
        self.mark = hashlib.sha256(said.encode()).hexdigest()[:12]
        self.remarks: Counter[str] = Counter()

    def frame(self, told: Sequence[Entry]) -> pl.DataFrame:
        """Return the rows of some resources, all rows of a resource together; what is gone bears ``_op`` delete.

        A resource that stands twice counts once, by ``meta.lastUpdated`` or else as told last. One of which the
        view keeps nothing is gone as well: it may have been corrected out of it.

        Raises
        ------
        DataError
            With counts, where ids are missing or values are not of their declared type.
        """
        newest = _newest(told, self.name)
        made = [(key, [] if entry.gone else list(self._view.rows(entry.resource))) for key, entry in newest.items()]
        keys = [key for key, rows in made for _ in rows]
        rows = [row for _, found in made for row in found]
        if wrong := sum(row[self._stream.key] != key for key, row in zip(keys, rows, strict=True)):
            raise DataError(f"{self.name}.{self._stream.key}: in {wrong} rows it is not the id of the resource")
        gone = [key for key, found in made if not found]
        return self._typed(keys, rows, gone)

    def tell(self, log: logging.Logger, site: str) -> None:
        """Log what was done to partial dates, by count, and begin to count anew."""
        for what, count in sorted(self.remarks.items()):
            log.info("site %s: %s: %d", site, what, count)
        self.remarks.clear()

    def empty(self) -> pl.DataFrame:
        """Return no rows, in their types."""
        return self._typed([], [], [])

    def _typed(self, keys: list[str], rows: list[Row], gone: list[str]) -> pl.DataFrame:
        nothing = [None] * len(gone)
        made = {"_key": pl.Series([*keys, *gone], dtype=pl.String)}
        for name, column in self._stream.columns.items():
            cells = [row.get(name) for row in rows]
            values = _Column(f"{self.name}.{name}", column.type, self._options, self.remarks).values(cells)
            made[name] = pl.concat([values, pl.Series(nothing, dtype=DTYPES[column.type])])
        if gone:
            made["_op"] = pl.Series(["upsert"] * len(keys) + ["delete"] * len(gone))
        return pl.DataFrame(made)

    def _refuse_misfits(self) -> None:
        stream, known = self._stream, self._view.columns
        if self._view.resource != stream.table:
            raise DefinitionError(f"stream '{self.name}' is of {stream.table}, its view of {self._view.resource}")
        needed = [stream.key, *(name for name, column in stream.columns.items() if not column.optional)]
        for name in needed:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                cure = f"; did you mean '{near[0]}'?" if near else f"; it has {', '.join(known)}"
                raise DefinitionError(f"stream '{self.name}': its view has no column '{name}'{cure}")


def parts(
    path: Path, flat: Flattener, size: int, *, only: bool = False, seen: Callable[[Sequence[Entry]], None] | None = None
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield the rows of a file, `size` resources at a time, under the number of the part; the last is named END.

    Parts without rows are passed over; `seen` is shown every resource. All rows of a resource are in one part.

    Raises
    ------
    DataError
        At the end of a file with lines that cannot be read, with counts; no part of it is then END.
    """
    faults = Faults()
    told = entries(path, flat.type, faults, only=only)
    number, held = 0, None
    while chunk := list(islice(told, size)):
        number += 1
        if seen:
            seen(chunk)
        rows = flat.frame(chunk)
        if rows.height:
            if held:
                yield held
            held = (str(number), rows)
    if held:
        yield held if faults.bad else (END, held[1])
    faults.refuse(f"stream '{flat.name}', file '{path.name}'")


def _newest(told: Iterable[Entry], stream: str) -> dict[str, Entry]:
    kept: dict[str, Entry] = {}
    without = 0
    for entry in told:
        key = entry.resource.get("id")
        if not isinstance(key, str) or not key:
            without += 1
            continue
        have = kept.get(key)
        if have is None or not _later(updated(have), updated(entry)):
            kept.pop(key, None)
            kept[key] = entry
    if without:
        raise DataError(f"stream '{stream}': {without} resources have no id; mend the source")
    return kept


def _later(one: str, other: str) -> bool:
    """Return whether one instant is after the other, as far as both are told."""
    try:
        return datetime.fromisoformat(one) > datetime.fromisoformat(other)
    except (ValueError, TypeError):
        return False


def updated(entry: Entry) -> str:
    """Return when a resource was changed, as the server wrote it; empty where it does not say."""
    meta = entry.resource.get("meta")
    told = meta.get("lastUpdated") if isinstance(meta, dict) else None
    return told if isinstance(told, str) else ""


class _Column:
    """The cells of one column, in its declared type or refused by count."""

    def __init__(self, where: str, kind: Kind, options: StreamOptions, remarks: Counter[str]) -> None:
        self._where = where
        self._kind = kind
        self._options = options
        self._remarks = remarks
        self._refused: Counter[str] = Counter()

    def values(self, cells: Sequence[Any]) -> pl.Series:
        made = [None if cell is None else _READ[self._kind](self, cell) for cell in cells]
        if self._refused:
            said = "; ".join(f"{n} of {len(cells)} values are {what}" for what, n in sorted(self._refused.items()))
            raise DataError(f"{self._where}: {said}")
        try:
            return typed(made, self._kind, self._where)
        except UnicodeEncodeError:
            raise DataError(
                f"{self._where}: a text holds half a character (a lone surrogate); mend the source"
            ) from None

    def text(self, cell: Any) -> Any:
        """Booleans in FHIR's spelling, collections as JSON; numbers are not text."""
        if isinstance(cell, bool):
            return "true" if cell else "false"
        return json.dumps(cell, ensure_ascii=False, default=str) if isinstance(cell, list) else cell

    def date(self, cell: Any) -> Any:
        if isinstance(cell, str) and _PARTIAL.fullmatch(cell):
            return self._part(cell, "")
        if not isinstance(cell, str) or not _ZONED.fullmatch(cell):
            return cell
        if self._options.time_as_date == "refuse":
            return self._refuse("times, not dates; declare the column a timestamp, or time_as_date: local")
        self._remarks[f"{self._where}: times of which the day was taken"] += 1
        return cell[:10]

    def timestamp(self, cell: Any) -> Any:
        if isinstance(cell, str) and (_PARTIAL.fullmatch(cell) or _DAY.fullmatch(cell)):
            return self._part(cell, "T00:00:00Z")
        return cell if isinstance(cell, str) and _ZONED.fullmatch(cell) else self._refuse("times without their zone")

    def same(self, cell: Any) -> Any:
        return cell

    def _part(self, cell: str, clock: str) -> Any:
        rule = self._options.date_partial
        if rule == "refuse":
            return self._refuse("dates with a part missing; say what they mean by date_partial: first or null")
        words = "taken as their first moment" if rule == "first" else "left empty"
        self._remarks[f"{self._where}: partial dates {words}"] += 1
        return f"{cell}{'-01-01'[len(cell) - 4 :] if len(cell) < 10 else ''}{clock}" if rule == "first" else None

    def _refuse(self, what: str) -> None:
        self._refused[what] += 1


_READ: dict[Kind, Callable[[_Column, Any], Any]] = {
    "text": _Column.text,
    "integer": _Column.same,
    "number": _Column.same,
    "date": _Column.date,
    "timestamp": _Column.timestamp,
}
