# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Arrow columns of a driver as typed columns: taken where nothing speaks against them, else not at all.

What is taken equals what `connectors.typed` makes of the same values one by one. Nothing is refused here: whatever
is not plain (another type, a value out of range, text that is not UTF-8) is left to that slower way, which
counts and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pyarrow as pa

from connectors.typed import DTYPES
from rwe.buffers import text_words
from rwe.kernels.iso_times import iso_times
from rwe.spec.source import Kind

_EXACT = 2**53
_TEXTS = {"text", "varchar", "bpchar", "name", ""}  # PostgreSQL's name of a type, or none
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"


def taken(table: pa.Table, kinds: Mapping[str, Kind]) -> pl.DataFrame | None:
    """Return the columns in the types of their kinds, or None where any value needs a closer look.

    Parameters
    ----------
    table
        What a driver gave; its columns in the order of `kinds`.
    kinds
        Name and kind of each column.

    Examples
    --------
    >>> taken(pa.table({"n": [1, None]}), {"n": "number"})["n"].to_list()
    [1.0, None]
    >>> taken(pa.table({"n": [2**53 + 1]}), {"n": "number"}) is None
    True
    """
    made = []
    for field, column, (name, kind) in zip(table.schema, table.columns, kinds.items(), strict=True):
        one = _taken(field, column, kind)
        if one is None:
            return None
        made.append(one.alias(name))
    return pl.DataFrame(made)


def _taken(field: pa.Field, column: pa.ChunkedArray, kind: Kind) -> pl.Series | None:
    if column.null_count == len(column):
        return pl.Series([None] * len(column), dtype=DTYPES[kind])
    called = (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode()
    if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
        try:
            column.validate(full=True)  # some drivers pass on whatever bytes the database holds
        except pa.ArrowInvalid:
            return None
        return _FROM_TEXT[kind](_series(column), called)
    return _FROM_VALUE[kind](_series(column)) if _plain(field.type) else None


def _plain(dtype: pa.DataType) -> bool:
    if pa.types.is_timestamp(dtype):
        return bool(dtype.unit != "ns" and dtype.tz in (None, "UTC"))
    number = pa.types.is_signed_integer(dtype) or pa.types.is_float64(dtype) or pa.types.is_decimal128(dtype)
    return bool(number or pa.types.is_date32(dtype))


def _series(column: pa.ChunkedArray) -> pl.Series:
    made = pl.Series(column)
    return made.rechunk()


def _all(holds: pl.Series) -> bool:
    return not holds.is_in([False]).any()  # nulls say nothing


def _text(texts: pl.Series, called: str) -> pl.Series | None:
    return texts if called in _TEXTS else None


def _day(texts: pl.Series, called: str) -> pl.Series | None:
    if called not in _TEXTS or not _all(texts.str.contains(_DAY + "$")):
        return None
    return _within(texts.str.to_date("%Y-%m-%d", strict=False), texts)


def _moment(texts: pl.Series, called: str) -> pl.Series | None:
    if called not in _TEXTS:
        return None
    (places, words), there = text_words(texts), texts.is_not_null()
    made = np.empty(texts.len(), np.int64)
    if not iso_times(words.astype("<u8", copy=False).view(np.uint8), places, there.to_numpy(), made):
        return None
    instants = pl.Series(made).cast(DTYPES["timestamp"])
    return pl.select(pl.when(there).then(instants)).to_series()


def _decimal(texts: pl.Series, called: str) -> pl.Series | None:
    return _near(texts.cast(pl.Float64(), strict=False), texts) if called == "numeric" else None


def _number(values: pl.Series) -> pl.Series | None:
    if values.dtype.is_integer():
        values = values.cast(pl.Int64())
        return values.cast(pl.Float64()) if _all(values.is_between(-_EXACT, _EXACT)) else None
    if values.dtype.is_decimal():
        return _near(values.cast(pl.String()).cast(pl.Float64(), strict=False), values)
    return _finite(values, values) if values.dtype == pl.Float64() else None


def _finite(made: pl.Series, source: pl.Series) -> pl.Series | None:
    return made if made.null_count() == source.null_count() and _all(made.is_finite()) else None


def _near(made: pl.Series, source: pl.Series) -> pl.Series | None:
    """Return decimals as doubles, unless one may have lost a whole unit."""
    return _finite(made, source) if _all(made.abs() < _EXACT) else None


def _within(made: pl.Series, source: pl.Series) -> pl.Series | None:
    """Return days or instants if all could be read and lie in the years that Python has."""
    if made.null_count() != source.null_count():
        return None
    if made.dtype == pl.Date():
        return made if _all(made.is_between(date.min, date.max)) else None
    return made if _all(made.is_between(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))) else None


def _instant(values: pl.Series) -> pl.Series | None:
    if not isinstance(values.dtype, pl.Datetime):
        return None
    made = values.cast(pl.Datetime("us", values.dtype.time_zone))
    return _within(made if values.dtype.time_zone else made.dt.replace_time_zone("UTC"), values)


def _integer(values: pl.Series) -> pl.Series | None:
    return values.cast(pl.Int64()) if values.dtype.is_integer() else None


def _nothing(_values: pl.Series, *_called: str) -> pl.Series | None:
    return None


_FROM_TEXT: dict[Kind, Callable[[pl.Series, str], pl.Series | None]] = {
    "text": _text,
    "integer": _nothing,
    "number": _decimal,
    "date": _day,
    "timestamp": _moment,
}
_FROM_VALUE: dict[Kind, Callable[[pl.Series], pl.Series | None]] = {
    "text": _nothing,
    "integer": _integer,
    "number": _number,
    "date": lambda values: _within(values, values) if values.dtype == pl.Date() else None,
    "timestamp": _instant,
}
