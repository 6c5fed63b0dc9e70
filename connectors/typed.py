# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Values of a source as typed columns: exact, or counted and refused; never converted in silence."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any

import polars as pl

from rwe.errors import DataError
from rwe.spec.source import Kind

DTYPES: dict[Kind, pl.DataType] = {
    "text": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us", "UTC"),
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})?")
_EXACT = 2**53


def typed(values: Sequence[Any], kind: Kind, where: str) -> pl.Series:
    """Return the values of one column in the type it was declared with; None stays null.

    Parameters
    ----------
    values
        Plain Python values, as a driver gives them.
    kind
        ``text``, ``integer`` (64 bits), ``number`` (a finite double), ``date`` or ``timestamp``
        (microseconds, UTC; without a zone it is taken as UTC). Dates and timestamps may come as ISO
        text, because some databases have no type for them.
    where
        The stream and column, for the message.

    Raises
    ------
    DataError
        With the number of values that are not of this type, never with one of them.

    Examples
    --------
    >>> typed(["1980-02-29", None], "date", "surgery.surgery_date").to_list()
    [datetime.date(1980, 2, 29), None]
    >>> typed(["29.02.1980"], "date", "surgery.surgery_date")
    Traceback (most recent call last):
    rwe.errors.DataError: surgery.surgery_date: 1 of 1 values are not a date (ISO, YYYY-MM-DD); \
mend the source or declare the column as what it holds
    """
    read = _READERS[kind]
    made = [None if value is None else read(value) for value in values]
    if wrong := sum(one is None and value is not None for one, value in zip(made, values, strict=True)):
        cure = "mend the source or declare the column as what it holds"
        raise DataError(f"{where}: {wrong} of {len(values)} values are not {_WORDS[kind]}; {cure}")
    return pl.Series(made, dtype=DTYPES[kind])


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _integer(value: Any) -> int | None:
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def _number(value: Any) -> float | None:
    if isinstance(value, float | Decimal) and not isfinite(value):
        return None
    if isinstance(value, bool) or not isinstance(value, float | int | Decimal):
        return None
    # beyond 2^53 a double would lose whole units of what is exact
    return float(value) if isinstance(value, float) or -_EXACT <= value <= _EXACT else None


def _date(value: Any) -> date | None:
    if isinstance(value, str) and _DATE.fullmatch(value):
        value = _try(date.fromisoformat, value)
    return value if type(value) is date else None


def _timestamp(value: Any) -> datetime | None:
    if isinstance(value, str) and _TIMESTAMP.fullmatch(value):
        value = _try(datetime.fromisoformat, value)
    if not isinstance(value, datetime):
        return None
    return _try(lambda when: when.astimezone(UTC), value) if value.tzinfo else value.replace(tzinfo=UTC)


def _try(parse: Callable[[Any], Any], value: Any) -> Any:
    try:
        return parse(value)
    except (ValueError, OverflowError):
        return None


_READERS: dict[Kind, Callable[[Any], Any]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "date": _date,
    "timestamp": _timestamp,
}
_WORDS: dict[Kind, str] = {
    "text": "text",
    "integer": "an integer",
    "number": "a finite number (whole and decimal ones up to 2^53)",
    "date": "a date (ISO, YYYY-MM-DD)",
    "timestamp": "a timestamp (ISO)",
}
