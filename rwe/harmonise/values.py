# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How one source column is read into one field: the value, and what makes it unreadable.

Nothing is coerced: text that is not exactly a number or a date is a fault with a name, so that a
``<0.01`` is counted and never becomes a number by guessing. Results as laboratories write them are
read by `rwe.harmonise.results`, days by `rwe.harmonise.dates`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from rwe.harmonise.dates import Day, local, plain, written, written_moment
from rwe.harmonise.results import result
from rwe.spec.mapping import FieldRule
from rwe.spec.mapping_check import SPARE
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
    refused
        What keeps the row from making the record, by name.
    beside
        Other fields that are read from the same column.
    remarks
        What is to be said of the row, by name, and when.
    """

    raw: pl.Expr
    value: pl.Expr
    refused: Mapping[str, pl.Expr] = field(default_factory=dict)
    beside: Mapping[str, pl.Expr] = field(default_factory=dict)
    remarks: Mapping[str, pl.Expr] = field(default_factory=dict)


def held(name: str, column: Column) -> pl.Expr:
    """Return a source column with blank text, and the column's words for nothing, as null."""
    if column.type != "text":
        return pl.col(name)
    text = _text_of(name, column)
    there = text.str.strip_chars() != ""
    if column.nothing:
        there &= ~text.str.strip_chars().is_in(column.nothing)
    return pl.when(there).then(text)


def reading(rule: FieldRule, column: Column) -> Reading:
    """Return how `rule` reads its source column."""
    if rule.how == "birth_year":
        return Reading(pl.col("birth_year"), pl.col("birth_year").cast(pl.Int64))
    read = _READ[rule.how](held(rule.column, column), rule, column)
    if rule.missing == SPARE:
        read = _spared(read)
    return replace(read, remarks={**read.remarks, **_cleaned(rule.column, column)})


def _text_of(name: str, column: Column) -> pl.Expr:
    return pl.col(name).str.replace_all("\0", "", literal=True) if column.zero_bytes else pl.col(name)


def _cleaned(name: str, column: Column) -> dict[str, pl.Expr]:
    """Return what is said of text before it is read at all."""
    said = {}
    if column.nothing:
        said["word_for_nothing"] = _text_of(name, column).str.strip_chars().is_in(column.nothing)
    if column.zero_bytes:
        said["zero_bytes_removed"] = pl.col(name).str.contains("\0", literal=True)
    return said


def _spared(read: Reading) -> Reading:
    """Let what cannot be read be empty, and be said, where the record can do without it."""
    return replace(read, refused={}, remarks={**read.remarks, **read.refused})


def _unread(raw: pl.Expr, value: pl.Expr, rule: str) -> dict[str, pl.Expr]:
    return {rule: raw.is_not_null() & value.is_null()}


def _of_day(raw: pl.Expr, day: Day, rule: FieldRule, unread: str = "") -> Reading:
    """Return the reading of a day: a placeholder is nothing, which is refused by its own name where it must not be."""
    there = pl.when(~day.nothing.fill_null(value=False)).then(raw)
    placeholder = {"date_placeholder": day.nothing}
    refused = dict(day.faults) | (placeholder if rule.missing in ("reject", SPARE) else {})
    if unread:
        refused |= _unread(there, day.value, unread)
    said = placeholder if rule.missing == "keep" else {}
    return Reading(there, day.value, refused, remarks={**day.remarks, **said})


def _date(raw: pl.Expr, rule: FieldRule, _column: Column) -> Reading:
    return _of_day(raw, plain(raw.cast(pl.Date)), rule)


def _local_date(raw: pl.Expr, rule: FieldRule, _column: Column) -> Reading:
    return _of_day(raw, local(raw, rule.argument), rule)


def _text_date(raw: pl.Expr, rule: FieldRule, _column: Column) -> Reading:
    return _of_day(raw, written(raw, rule.argument), rule, "date_unparseable")


def _text_moment(raw: pl.Expr, rule: FieldRule, _column: Column) -> Reading:
    return _of_day(raw, written_moment(raw, rule.argument), rule, "date_unparseable")


def _number(raw: pl.Expr, rule: FieldRule, column: Column) -> Reading:
    digits = _digits(raw, column) if column.type == "text" else raw
    number = digits.cast(pl.Float64, strict=False)
    whole = omop_fields()[rule.table][rule.field].kind != "float"  # days of supply become a date
    fits = number.is_finite() & (number == number.floor()) if whole else number.is_finite()
    value = pl.when(fits).then(number).cast(pl.Int64 if whole else pl.Float64, strict=False)
    returned = {"quantity_negative": value < 0} if rule.field == "quantity" else {}
    return Reading(raw, value, _unread(raw, value, "number_unparseable"), remarks=returned)


def _digits(raw: pl.Expr, column: Column) -> pl.Expr:
    return pl.when(raw.str.contains(_NUMBER[column.decimal])).then(raw.str.replace(",", ".", literal=True))


def _result(raw: pl.Expr, _rule: FieldRule, column: Column) -> Reading:
    said = result(raw, column.decimal)
    beside = {
        "operator_concept_id": said.operator,
        "value_as_concept_id": said.words,
        "value_source_value": raw,
        **{f"_bare_{name}": value for name, value in said.bare.items()},
    }
    return Reading(raw, said.number, beside=beside, remarks=said.remarks)


def _text(raw: pl.Expr, _rule: FieldRule, _column: Column) -> Reading:
    return Reading(raw, raw.cast(pl.String))


_READ: dict[str, Callable[[pl.Expr, FieldRule, Column], Reading]] = {
    "code": _text,
    "date": _date,
    "local_date": _local_date,
    "number": _number,
    "result": _result,
    "supply_end": _number,
    "text": _text,
    "text_date": _text_date,
    "text_moment": _text_moment,
    "unit": _text,
}
