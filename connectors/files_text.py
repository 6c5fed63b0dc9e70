# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Columns of text read as their declared types: what does not fit is counted, never bent."""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl

from connectors.files_contract import Contract
from rwe.spec.source import Kind

_INTEGER = r"^[+-]?(?:0|[1-9][0-9]{0,18})$"
_ISO = "%Y-%m-%dT%H:%M:%S%.f"
_FRACTION = r"\.\d{1,6}0{0,3}"  # digits beyond a microsecond would be cut, unless they say nothing
_ISO_SHAPE = rf"^\d{{4}}-\d{{2}}-\d{{2}}[ T]\d{{2}}:\d{{2}}(?::[0-5]\d(?:{_FRACTION})?)?(?:Z|[+-]\d{{2}}:\d{{2}})?$"
_MINUTE = r"^(.{16})(Z|[+-]\d{2}:\d{2})?$"  # a time that tells no seconds
_ZONED = r"(?:Z|[+-]\d{2}:\d{2})$"

_Read = Callable[[pl.Series, Contract], pl.Series]


def from_text(values: pl.Series, kind: Kind, contract: Contract) -> tuple[pl.Series, int]:
    """Return a column of text in its declared type, and how many values do not fit it.

    Examples
    --------
    >>> comma = Contract(separator=";", decimal=",")
    >>> from_text(pl.Series(["0,5", "1.000,5", "0.5", None]), "number", comma)[1]
    2
    """
    read = _READERS[kind](values, contract)
    return read, read.null_count() - values.null_count()


def without_null_words(values: pl.Series, contract: Contract) -> pl.Series:
    """Return a column of text in which words for "no value" are null."""
    words = pl.Series(["", *contract.null_words], dtype=pl.String)
    return pl.select(pl.when(~values.is_in(words.implode())).then(values)).to_series()


def instants(values: pl.Series, contract: Contract) -> pl.Series:
    """Return timestamps without a zone as instants; null where the zone's clock never showed them, or twice."""
    wanted = "null" if contract.ambiguous == "refuse" else contract.ambiguous
    placed = values.dt.replace_time_zone(contract.time_zone, ambiguous=wanted, non_existent="null")
    return placed.dt.convert_time_zone("UTC").dt.cast_time_unit("us")


_EXACT = 2.0**53


def _text(values: pl.Series, _contract: Contract) -> pl.Series:
    return values


def _integer(values: pl.Series, _contract: Contract) -> pl.Series:
    return _fitting(values, _INTEGER).cast(pl.Int64, strict=False)


def _number(values: pl.Series, contract: Contract) -> pl.Series:
    mark = re.escape(contract.decimal)
    plain = _fitting(values, rf"^[+-]?(?:[0-9]+(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?$")
    made = plain.str.replace(contract.decimal, ".", literal=True).cast(pl.Float64, strict=False)
    whole = ~plain.str.contains(rf"{mark}|[eE]")  # a whole number beyond 2^53 would lose its last digits
    return pl.select(pl.when(made.is_finite() & (~whole | (made.abs() < _EXACT))).then(made)).to_series()


def _date(values: pl.Series, contract: Contract) -> pl.Series:
    made = values.str.to_date(contract.date_format, strict=False)
    return pl.select(pl.when(made.dt.to_string(contract.date_format) == values).then(made)).to_series()


def _timestamp(values: pl.Series, contract: Contract) -> pl.Series:
    if contract.timestamp_format is not None:
        return _formatted(values, contract.timestamp_format, contract)
    plain = _fitting(values, _ISO_SHAPE).str.replace(" ", "T", literal=True).str.replace(_MINUTE, "${1}:00${2}")
    zoned = plain.str.replace("Z$", "+00:00").str.to_datetime(
        f"{_ISO}%:z", time_unit="us", time_zone="UTC", strict=False
    )
    bare = plain.str.to_datetime(_ISO, time_unit="us", strict=False)
    return pl.select(pl.when(plain.str.contains(_ZONED)).then(zoned).otherwise(instants(bare, contract))).to_series()


def _formatted(values: pl.Series, shape: str, contract: Contract) -> pl.Series:
    made = values.str.to_datetime(shape, time_unit="us", strict=False)
    before, _, after = shape.partition("%.f")
    told = pl.select(values.str.strip_prefix(made.dt.to_string(before))).to_series()
    if after:
        told = pl.select(pl.lit(told).str.strip_suffix(made.dt.to_string(after))).to_series()
    # what is left is the fraction, which may be written in several ways; a second 60 is read as another minute's
    kept = told.str.contains(rf"^(?:{_FRACTION})?$")
    return instants(pl.select(pl.when(kept).then(made)).to_series(), contract)


def _fitting(values: pl.Series, pattern: str) -> pl.Series:
    return pl.select(pl.when(values.str.contains(pattern)).then(values)).to_series()


_READERS: dict[Kind, _Read] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "date": _date,
    "timestamp": _timestamp,
}
