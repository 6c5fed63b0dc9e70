# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How one source column is read into one field: the value, and what makes it unreadable.

Nothing is coerced: text that is not exactly a number or a date is a fault with a name, so that a
``<0.01`` is counted and never becomes a number by guessing. Results as laboratories write them are
read by `rwe.harmonise.results`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import polars as pl

from rwe.harmonise.results import result
from rwe.spec.mapping import FieldRule
from rwe.spec.omop import omop_fields
from rwe.spec.source import Column

_NUMBER = {mark: rf"^[+-]?[0-9]+([{mark}][0-9]+)?$" for mark in (".", ",")}


@dataclass(frozen=True, slots=True)
class Reading:
    """A column as a mapping rule reads it.

    Parameters
    ----------
    raw
        What the source holds; null where it holds nothing (blank text counts as nothing).
    value
        What goes into the field; null where it cannot be read.
    rule
        Name of the fault of a row that holds something unreadable; ``""`` where all that it holds can be kept.
    beside
        Other fields that are read from the same column.
    remarks
        What is to be said of the row, by name, and when.
    """

    raw: pl.Expr
    value: pl.Expr
    rule: str = ""
    beside: Mapping[str, pl.Expr] = field(default_factory=dict)
    remarks: Mapping[str, pl.Expr] = field(default_factory=dict)

    @property
    def fault(self) -> pl.Expr:
        """Whether the source holds something that cannot be read."""
        return self.raw.is_not_null() & self.value.is_null()


def held(name: str, column: Column) -> pl.Expr:
    """Return a source column with blank text as null."""
    if column.type != "text":
        return pl.col(name)
    return pl.when(pl.col(name).str.strip_chars() != "").then(pl.col(name))


def reading(rule: FieldRule, column: Column) -> Reading:
    """Return how `rule` reads its source column."""
    if rule.how == "birth_year":
        return Reading(pl.col("birth_year"), pl.col("birth_year").cast(pl.Int64))
    return _READ[rule.how](held(rule.column, column), rule, column)


def _date(raw: pl.Expr, _rule: FieldRule, _column: Column) -> Reading:
    return Reading(raw, raw.cast(pl.Date))


def _text_date(raw: pl.Expr, rule: FieldRule, _column: Column) -> Reading:
    day = raw.str.to_date(rule.argument, strict=False)
    # The parser takes 5.3.85 for %d.%m.%Y and makes it the year 85: only text that prints back is a date.
    same = day.dt.strftime(rule.argument) == raw
    return Reading(raw, pl.when(same).then(day), "date_unparseable")


def _number(raw: pl.Expr, rule: FieldRule, column: Column) -> Reading:
    plain = _digits(raw, column) if column.type == "text" else raw
    number = plain.cast(pl.Float64, strict=False)
    whole = omop_fields()[rule.table][rule.field].kind == "integer"
    fits = number.is_finite() & (number == number.floor()) if whole else number.is_finite()
    value = pl.when(fits).then(number).cast(pl.Int64 if whole else pl.Float64, strict=False)
    return Reading(raw, value, "number_unparseable")


def _digits(raw: pl.Expr, column: Column) -> pl.Expr:
    return pl.when(raw.str.contains(_NUMBER[column.decimal])).then(raw.str.replace(",", ".", literal=True))


def _result(raw: pl.Expr, _rule: FieldRule, column: Column) -> Reading:
    said = result(raw, column.decimal)
    beside = {"operator_concept_id": said.operator, "value_as_concept_id": said.words, "value_source_value": raw}
    return Reading(raw, said.number, beside=beside, remarks=said.remarks)


def _text(raw: pl.Expr, _rule: FieldRule, _column: Column) -> Reading:
    return Reading(raw, raw.cast(pl.String))


_READ: dict[str, Callable[[pl.Expr, FieldRule, Column], Reading]] = {
    "code": _text,
    "date": _date,
    "number": _number,
    "result": _result,
    "text": _text,
    "text_date": _text_date,
    "unit": _text,
}
