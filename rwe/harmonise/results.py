# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A result as laboratories write it: ``5,4``, ``<0.01``, ``> 1000``, ``3 - 5``, or words.

A number becomes a number, a comparator an operator; nothing is guessed. A range has no one value, and ``1,234``
may be a thousand or one and a bit: where the column's decimal mark does not say which, the value is left out and
the row says why. What is no number is a result in words and is looked up as a code, unless it is a number with a
unit behind it (`rwe.harmonise.united`).

Concepts of operators: OMOP, domain "Meas Value Operator"; none is written for ``=``, as OMOP asks.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

OPERATORS = {"<": 4171756, "<=": 4171754, ">=": 4171755, ">": 4172704}
_SPELLINGS = {"≤": "<=", "≥": ">=", "=<": "<=", "=>": ">=", "⩽": "<=", "⩾": ">="}
_AMOUNT = r"[+-]?[0-9]+(?:[.,][0-9]+)?"
_NUMBER = rf"^(?:<=|>=|=<|=>|≤|≥|⩽|⩾|<|>|=)?\s*({_AMOUNT})$"
_OPERATOR = r"^(<=|>=|=<|=>|≤|≥|⩽|⩾|<|>)"
_UNITED = rf"^(?:<=|>=|=<|=>|≤|≥|⩽|⩾|<|>|=)?\s*({_AMOUNT})(?:\s+\S+|[%/\[\p{{L}}]\S*)$"
_BEHIND = rf"^(?:<=|>=|=<|=>|≤|≥|⩽|⩾|<|>|=)?\s*{_AMOUNT}\s*(\S+)$"
_RANGE = rf"^{_AMOUNT}\s*(?:-|–|—|÷|\.\.\.?|до|to)\s*{_AMOUNT}$"


@dataclass(frozen=True, slots=True)
class Result:
    """What a text says.

    Parameters
    ----------
    number, operator, words
        The value; the concept of its operator; the text where it is no number and no range.
    remarks
        By name, whether it holds of a row.
    bare
        ``number``, ``operator`` and ``unit`` of words that are a number and a word behind it, which may be a unit;
        whether its decimal mark was ``changed`` or is ``unclear``.
    """

    number: pl.Expr
    operator: pl.Expr
    words: pl.Expr
    remarks: dict[str, pl.Expr]
    bare: dict[str, pl.Expr]


def result(text: pl.Expr, decimal: str) -> Result:
    """Read a result.

    Parameters
    ----------
    text
        As the source has it; null where it holds nothing.
    decimal
        The mark before the decimals in this column, ``.`` or ``,``.
    """
    plain = text.str.replace_all(r"[\s\u{a0}\u{202f}]+", " ").str.strip_chars()
    amount = plain.str.extract(_NUMBER, 1)
    foreign, unclear, number = _amount(amount, decimal)
    changed, open_, bare = _amount(united := plain.str.extract(_UNITED, 1), decimal)
    sign = plain.str.extract(_OPERATOR, 1).replace(_SPELLINGS)
    operator = sign.replace_strict(OPERATORS, default=None, return_dtype=pl.Int64)
    ranged = plain.str.contains(_RANGE)
    return Result(
        number=number,
        operator=pl.when(number.is_not_null()).then(operator),
        words=pl.when(amount.is_null(), ~ranged).then(plain),
        remarks={
            "result_range": ranged,
            "decimal_mark_unclear": unclear,
            "decimal_mark_changed": foreign & ~unclear,
            "result_in_words": amount.is_null() & ~ranged,
        },
        bare={
            "number": bare,
            "changed": changed & ~open_,
            "unclear": open_,
            "operator": operator,
            "unit": pl.when(united.is_not_null() & ~ranged).then(plain.str.extract(_BEHIND, 1)),
        },
    )


def _amount(amount: pl.Expr, decimal: str) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Return whether digits have the other decimal mark, whether that leaves open what they say, and the number."""
    other = "," if decimal == "." else "."
    foreign = amount.str.contains(other, literal=True)
    unclear = foreign & amount.str.contains(rf"^[+-]?[1-9][0-9]{{0,2}}[{other}][0-9]{{3}}$")
    number = pl.when(~unclear).then(amount.str.replace(",", ".", literal=True)).cast(pl.Float64, strict=False)
    return foreign, unclear, number
