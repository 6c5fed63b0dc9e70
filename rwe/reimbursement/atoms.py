# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Whole money: the atoms in which an agreement counts exactly, and products of integers that cannot wrap."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import polars as pl

from rwe.errors import DataError

INT = pl.Int128()
LIMIT = 2**126  # half of what 128 bits hold, so that a sum of two still fits


@dataclass(frozen=True, slots=True)
class Scale:
    """In how many parts a unit of product, a unit of currency and a payable quantum are counted.

    Parameters
    ----------
    unit
        Parts of one unit of the product: a power of ten.
    money
        Atoms of one unit of currency: so many that every price of every part of a unit is whole.
    quantum
        Atoms of the smallest payable amount.
    """

    unit: int
    money: int
    quantum: int

    def atoms(self, amount: Fraction) -> int:
        """Return an amount of the agreement in atoms; all of them are whole."""
        return _whole(amount * self.money)

    def price(self, price: Fraction) -> int:
        """Return the atoms that the smallest part of a unit costs."""
        return _whole(price * self.money / self.unit)

    def quanta(self, amount: Fraction) -> int:
        """Round an amount of atoms >= 0 to whole quanta, a half going up."""
        return math.floor(amount / self.quantum + Fraction(1, 2))


def _whole(number: Fraction) -> int:
    if number.denominator != 1:
        raise ValueError("the scale does not hold this amount")
    return number.numerator


def scale_of(prices: Iterable[Fraction], amounts: Iterable[Fraction], unit: int, quantum: Decimal) -> Scale:
    """Return the coarsest scale on which prices of a part of a unit, amounts and the quantum are all whole."""
    whole = [price / unit for price in prices] + [*amounts, Fraction(quantum)]
    money = math.lcm(*(number.denominator for number in whole))
    return Scale(unit, money, _whole(Fraction(quantum) * money))


def integers(values: pl.Series) -> pl.Series:
    """Return whole numbers in 128 bits."""
    return values.cast(INT)


def narrow(values: pl.Series) -> pl.Series:
    """Return whole numbers in 32 or 64 bits where they fit: a quarter or half of the memory."""
    least, most = values.min() or 0, values.max() or 0
    for kind, limit in ((pl.Int32, 2**31), (pl.Int64, 2**62)):
        if isinstance(least, int) and isinstance(most, int) and -limit <= least and most < limit:
            return values.cast(kind)
    return values


def largest(values: pl.Series) -> int:
    """Return the largest of numbers >= 0; 0 where there are none."""
    found = values.max()
    return found if isinstance(found, int) else 0


def fits(bound: int, what: str) -> None:
    """Refuse a calculation whose largest number would not fit, before it is made."""
    if bound >= LIMIT:
        raise DataError(
            f"{what} need more than 128 bits: the units have too many decimals or the amounts are too large to settle "
            "exactly; round the units at their source"
        )


def portion(amount: pl.Series, part: pl.Series, whole: pl.Series) -> pl.Series:
    """Return ``amount * part // whole``, zeros where `whole` is zero."""
    return divided(amount, part, whole)[0]


def divided(amount: pl.Series, part: pl.Series, whole: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return what ``amount * part`` divided by `whole` is and leaves over, zeros where `whole` is zero.

    Where a product would not fit into 128 bits, Python's own integers take over: slower, and as exact.
    """
    if largest(amount) * largest(part) >= LIMIT:
        frame = pl.DataFrame([amount.alias("a"), part.alias("p"), whole.alias("w")])
        pairs = [divmod(a * p, w) if w else (0, 0) for a, p, w in frame.iter_rows()]
        return pl.Series([pair[0] for pair in pairs], dtype=INT), pl.Series([pair[1] for pair in pairs], dtype=INT)
    product, whole = integers(amount) * integers(part), integers(whole)
    if not (nothing := whole == 0).any():
        found = product // whole
        return found, product - found * whole
    found = where(~nothing, product // whole.zip_with(~nothing, one(1)))
    return found, where(~nothing, product - found * whole)


def where(told: pl.Series, values: pl.Series) -> pl.Series:
    """Return the values where it is told, zeros elsewhere."""
    return integers(values).zip_with(told, one(0))


def one(number: int) -> pl.Series:
    """Return one number in 128 bits; beside a column it stands for itself on each row."""
    return pl.Series([number], dtype=INT)


def least(some: pl.Series, other: pl.Series) -> pl.Series:
    """Return the smaller of two amounts, row by row; 0 where one is negative."""
    smaller = some.zip_with(some < other, other)
    return where(smaller > 0, smaller)


def rounded(atoms: pl.Series, share: Fraction | int, quantum: int) -> pl.Series:
    """Return a share of amounts >= 0 in whole quanta, a half going up: the one place where money is rounded."""
    over, under = 2 * share.numerator, 2 * share.denominator * quantum
    half = share.denominator * quantum
    fits(largest(atoms) * over + half, "shares of the amounts")
    return (integers(atoms) * one(over) + one(half)) // one(under)


def money(quanta: pl.Series, quantum: Decimal) -> pl.Series:
    """Return whole quanta as exact decimals."""
    scale = max(0, -int(quantum.as_tuple().exponent))
    kind = pl.Decimal(38, scale)
    fits(largest(quanta) * 10 ** (2 * scale + 1), "amounts")
    return (quanta.cast(kind) * pl.Series([quantum], dtype=kind)).cast(kind)
