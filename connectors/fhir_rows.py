# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Resources as rows of a stream: its view laid over them, each cell in its declared type, partial dates by rule."""

from __future__ import annotations

import difflib
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from connectors.fhir_cells import Cells
from connectors.fhir_entries import Entry, Faults, entries
from connectors.fhir_options import StreamOptions, options_of, view_definition
from connectors.fhir_view import Row, View
from connectors.typed import DTYPES
from rwe.errors import DataError, DefinitionError
from rwe.spec.source import Stream

END = "end"


@dataclass(frozen=True, slots=True)
class Laid:
    """A resource under a view: its id, when it was changed, as the server wrote it, and its rows."""

    key: str
    updated: str
    rows: list[Row]
    gone: bool


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
        self._elements: set[str] = set()

    def lay(self, entry: Entry) -> Laid:
        """Return what the view makes of a resource: no rows where it is gone, or the view keeps nothing of it.

        Raises
        ------
        DataError
            If a path gives several values where one was asked.
        """
        key = entry.resource.get("id")
        self._elements.update(() if entry.gone else entry.resource)
        rows = [] if entry.gone else list(self._view.rows(entry.resource))
        return Laid(key if isinstance(key, str) else "", _updated(entry.resource), rows, entry.gone)

    def frame(self, told: Sequence[Laid]) -> pl.DataFrame:
        """Return the rows of some resources, all rows of a resource together; what is gone bears ``_op`` delete.

        A resource that stands twice counts once, by ``meta.lastUpdated`` or else as told last. One of which the
        view keeps nothing is gone as well: it may have been corrected out of it.

        Raises
        ------
        DataError
            With counts, where ids are missing or values are not of their declared type.
        """
        newest = _newest(told, self.name)
        keys = [one.key for one in newest for _ in one.rows]
        rows = [row for one in newest for row in one.rows]
        if wrong := sum(row[self._stream.key] != key for key, row in zip(keys, rows, strict=True)):
            raise DataError(f"{self.name}.{self._stream.key}: in {wrong} rows it is not the id of the resource")
        return self._typed(keys, rows, [one.key for one in newest if not one.rows])

    def columns(self) -> dict[str, str]:
        """Return the columns of the view and the elements of the resources that were laid; nothing before the first."""
        elements = [f"{self.type}.{name}" for name in sorted(self._elements)]
        return dict.fromkeys([*self._view.columns, *elements], "") if elements else {}

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
            values = Cells(f"{self.name}.{name}", column.type, self._options, self.remarks).values(cells)
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
    path: Path, flat: Flattener, size: int, *, only: bool = False, seen: Callable[[Sequence[Laid]], None] | None = None
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield the rows of a file, `size` resources at a time, under the number of the part; the last is named END.

    Parts without rows are passed over; `seen` is shown every resource. All rows of a resource are in one part.

    Raises
    ------
    DataError
        At the end of a file with lines that cannot be read, with counts; no part of it is then END.
    """
    faults = Faults()
    told = map(flat.lay, entries(path, flat.type, faults, only=only))
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


def _newest(told: Iterable[Laid], stream: str) -> list[Laid]:
    kept: dict[str, Laid] = {}
    without = 0
    for one in told:
        without += not one.key
        have = kept.get(one.key)
        if have is None or not _later(have.updated, one.updated):
            kept.pop(one.key, None)
            kept[one.key] = one
    if without:
        raise DataError(f"stream '{stream}': {without} resources have no id; mend the source")
    return list(kept.values())


def _later(one: str, other: str) -> bool:
    """Return whether one instant is after the other, as far as both are told."""
    try:
        return datetime.fromisoformat(one) > datetime.fromisoformat(other)
    except (ValueError, TypeError):
        return False


def _updated(resource: dict[str, Any]) -> str:
    meta = resource.get("meta")
    told = meta.get("lastUpdated") if isinstance(meta, dict) else None
    return told if isinstance(told, str) else ""
