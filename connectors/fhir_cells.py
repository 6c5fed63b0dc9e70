# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The cells of a view as typed columns: booleans, lists, partial dates and instants, by rule and never in silence."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from connectors.fhir_options import StreamOptions
from connectors.typed import typed
from rwe.errors import DataError
from rwe.spec.source import Kind

_PARTIAL = re.compile(r"\d{4}(-\d{2})?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ZONED = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")


class Cells:
    """The cells of one column, in its declared type or refused by count.

    Parameters
    ----------
    where, kind
        The stream and column, for messages, and the declared type.
    options
        The rules for dates with a part missing and for times in a date column.
    remarks
        Counts what was done by rule.
    """

    def __init__(self, where: str, kind: Kind, options: StreamOptions, remarks: Counter[str]) -> None:
        self._where = where
        self._kind = kind
        self._options = options
        self._remarks = remarks
        self._refused: Counter[str] = Counter()

    def values(self, cells: Sequence[Any]) -> pl.Series:
        """Return the cells in their type.

        Raises
        ------
        DataError
            With the number of cells that are not, by what they are, never with one of them.
        """
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
        """A day; a shorter or longer text by the stream's rules."""
        if isinstance(cell, str) and _PARTIAL.fullmatch(cell):
            return self._part(cell, "")
        if not isinstance(cell, str) or not _ZONED.fullmatch(cell):
            return cell
        if self._options.time_as_date == "refuse":
            return self._refuse("times, not dates; declare the column a timestamp, or time_as_date: local")
        self._remarks[f"{self._where}: times of which the day was taken"] += 1
        return cell[:10]

    def timestamp(self, cell: Any) -> Any:
        """An instant with its zone; a shorter text by the stream's rule."""
        if isinstance(cell, str) and (_PARTIAL.fullmatch(cell) or _DAY.fullmatch(cell)):
            return self._part(cell, "T00:00:00Z")
        return cell if isinstance(cell, str) and _ZONED.fullmatch(cell) else self._refuse("times without their zone")

    def same(self, cell: Any) -> Any:
        """Numbers are checked when they are typed."""
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


_READ: dict[Kind, Callable[[Cells, Any], Any]] = {
    "text": Cells.text,
    "integer": Cells.same,
    "number": Cells.same,
    "date": Cells.date,
    "timestamp": Cells.timestamp,
}
