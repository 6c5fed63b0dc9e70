# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Units of a product as whole parts of a unit, so that money made of them is exact."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction

import polars as pl

from rwe.reimbursement.atoms import INT, fits, integers, narrow, one

DECIMALS = 6  # so that a finer unit that comes late does not change how earlier money was split
DIGITS = 30  # units have fewer before and after the point; what has more is no number of vials


def parts_of(units: pl.Series) -> tuple[pl.Series, int]:
    """Return units (integers, Decimal or exact text) as whole parts, and how many parts a unit has.

    Examples
    --------
    >>> parts, unit = parts_of(pl.Series(["2", "0.333"]))
    >>> parts.to_list(), unit
    ([2000000, 333000], 1000000)
    """
    decimals = _written(units.dtype)
    if decimals is not None:
        whole = (
            integers(units.to_physical()).to_frame("u").select(pl.col("u") * pl.lit(10 ** (DECIMALS - decimals), INT))
        )
        return narrow(whole["u"]), 10**DECIMALS
    texts = units.cast(pl.String)
    known = texts.unique().drop_nulls()
    numbers = [number_of(text) or Fraction(0) for text in known]
    decimals = max([DECIMALS, *map(_decimals, numbers)])
    values = [int(number * 10**decimals) for number in numbers]
    fits(max(map(abs, values), default=0), "units")
    if not values:
        return integers(texts), 10**decimals
    found = texts.replace_strict(known, pl.Series(values, dtype=INT), default=None, return_dtype=INT)
    return narrow(found), 10**decimals


def number_of(text: str) -> Fraction | None:
    """Return the number that a text says exactly; None where it says none, or one beyond all units."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    sane = number.is_finite() and (not number or abs(number.adjusted()) <= DIGITS)
    return Fraction(number) if sane and int(number.as_tuple().exponent) >= -2 * DIGITS else None


def _decimals(number: Fraction) -> int:
    return next(k for k in range(2 * DIGITS + 1) if 10**k % number.denominator == 0)


def whole_units(parts: pl.Series, unit: int) -> pl.Series:
    """Return parts of a unit rounded up to whole units."""
    up = (integers(parts) + one(unit - 1)) // one(unit) * one(unit)
    return narrow(up)


def _written(kind: pl.DataType) -> int | None:
    """Return the decimals of a type of number that is exact and has no more than are kept anyway."""
    scale = kind.scale if isinstance(kind, pl.Decimal) else 0
    return scale if (kind.is_integer() or kind.is_decimal()) and scale <= DECIMALS else None
