# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Doses at the door: checked, their units as whole parts, in the one order that every settlement has."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import numpy as np
import polars as pl

from rwe.compare.people import require
from rwe.errors import DataError
from rwe.reimbursement.atoms import INT, fits, integers, largest

DECIMALS = 6  # so that a finer unit that comes late does not change how earlier money was split
CARRIED = ("site_id", "version")


def checked(frame: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Return the doses with ``units`` as whole parts of a unit, and how many parts a unit has.

    Raises
    ------
    DataError
        If a column is missing or holds what money cannot rest on; with the number of rows.
    """
    require(frame, ["person_id", "administered_on", "units"])
    if frame.schema["administered_on"] != pl.Date and frame.height:
        raise DataError("doses: 'administered_on' must hold plain dates")
    if frame.schema["units"].is_float():
        raise DataError("doses: 'units' are floating point; give Decimal or exact text, because money rests on them")
    if "record_id" not in frame.columns:
        frame = frame.with_columns(record_id=pl.lit(""))
    carried = [name for name in CARRIED if name in frame.columns]
    frame = frame.select("person_id", pl.col("administered_on").cast(pl.Date), "units", "record_id", *carried)
    if empty := [name for name in frame.columns[:4] if frame[name].null_count()]:
        raise DataError(f"doses: {empty} hold missing values")
    frame = frame.with_columns(pl.col("record_id").cast(pl.String))
    _once(frame["record_id"])
    units, parts = _parts(frame["units"])
    return frame.with_columns(units.alias("units")), parts


def _once(records: pl.Series) -> None:
    """Refuse a record that stands twice; the names are only compared where hashes of some are equal."""
    if records.hash().n_unique() == records.len():
        return
    named = records.filter(records != "")
    if twice := named.len() - named.n_unique():
        raise DataError(f"doses: 'record_id' repeats in {twice} rows; one record is paid for once")


def _parts(units: pl.Series) -> tuple[pl.Series, int]:
    if units.dtype.is_integer():
        parts = 10**DECIMALS
        return _narrow(integers(units).to_frame("u").select(pl.col("u") * pl.lit(parts, INT))["u"]), parts
    texts = units.cast(pl.String).unique()
    numbers = [_number(text) for text in texts]
    if odd := sum(number is None for number in numbers):
        raise DataError(f"doses: 'units' hold {odd} different values that are not numbers")
    known = [number for number in numbers if number is not None]
    decimals = max([DECIMALS, *(-int(number.as_tuple().exponent) for number in known)])
    whole = [int(number.scaleb(decimals)) for number in known]
    fits(max(map(abs, whole), default=0), "units")
    parts = pl.Series(whole, dtype=INT)
    found = units.cast(pl.String).replace_strict(texts, parts, return_dtype=INT) if texts.len() else integers(units)
    return _narrow(found), 10**decimals


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number.normalize() if number.is_finite() else None


def _narrow(values: pl.Series) -> pl.Series:
    """Return whole numbers in 64 bits where they fit: half the memory."""
    small = values.is_between(-(2**62), 2**62).all()
    return values.cast(pl.Int64) if small else values


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Sort by person, day, record and units: the order of the rows that came says nothing."""
    order = _by_person_and_day(frame)
    keys = frame.select("person_id", "administered_on")[order]
    same = keys.select((pl.all() == pl.all().shift(1)).fill_null(value=False)).select(pl.all_horizontal(pl.all()))
    same = same.to_series()
    ties = (same | same.shift(-1, fill_value=False)).arg_true()
    if ties.len():
        at = order.gather(ties)
        tied = frame[at].with_columns(at=at).sort("person_id", "administered_on", "record_id", "units")
        order = order.scatter(ties, tied["at"])
    return frame[order]


def _by_person_and_day(frame: pl.DataFrame) -> pl.Series:
    """Return the order of the rows; person, day and row packed into one number sort several times as fast."""
    person, day = _rank(frame["person_id"]), frame["administered_on"].to_physical().cast(pl.Int64)
    person, day = person - (person.min() or 0), day - (day.min() or 0)
    days, rows = 1 + largest(day), frame.height.bit_length()
    if (1 + largest(person)) * days << rows >= 2**63:
        return pl.select(pl.arg_sort_by(person, day)).to_series()
    packed = (person * days + day).to_numpy() << rows | np.arange(frame.height)
    packed.sort()
    return pl.Series(packed & (1 << rows) - 1).cast(pl.UInt32)


def _rank(ids: pl.Series) -> pl.Series:
    """Return whole numbers that sort as the ids do."""
    if ids.dtype.is_integer():
        return ids.cast(pl.Int64)
    known = ids.unique().sort()
    if ids.dtype == pl.String:
        return ids.cast(pl.Enum(known)).to_physical().cast(pl.Int64)
    return ids.rank("dense").cast(pl.Int64)
