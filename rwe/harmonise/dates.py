# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Dates as hospitals write them: declared forms, placeholders that mean nothing, clocks, and what cannot be a day.

Only text that prints back in its form is a date. Where several forms are declared the first is the house's own;
what fits another is read and bears a remark, what fits two as different days is refused. Zero dates and the first
days of calendars (``PLACEHOLDERS``) stand for nothing, in text as in date columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from rwe.spec.hows import SERIAL
from rwe.spec.omop import dated_by, omop_fields

# Zero of spreadsheets, of SQL Server, of .NET and of programs that cannot store nothing; the last day of Oracle.
PLACEHOLDERS = (
    date(1, 1, 1),
    date(1753, 1, 1),
    date(1899, 12, 30),
    date(1899, 12, 31),
    date(1900, 1, 1),
    date(9999, 12, 31),
)
_ZERO = r"^[0.\-/ T:]*0[0.\-/ T:]*$"  # 0000-00-00, 00.00.0000 00:00:00
_WHOLE_DAYS = r"^[1-9][0-9]{4}(?:[.,]0+)?$"  # 10000 is 1927, 99999 is 2173
_EPOCH = 25_569  # 1970-01-01 as spreadsheets count, 1 being 1900-01-01 and 1900 a leap year
_SHORT = "%y"


@dataclass(frozen=True, slots=True)
class Day:
    """What a cell says.

    Parameters
    ----------
    value
        The day, null where the cell holds none.
    nothing
        Whether it holds a placeholder.
    faults, remarks
        By name, whether it holds of a row.
    """

    value: pl.Expr
    nothing: pl.Expr
    faults: Mapping[str, pl.Expr] = field(default_factory=dict)
    remarks: Mapping[str, pl.Expr] = field(default_factory=dict)


def plain(day: pl.Expr) -> Day:
    """Read a column of dates."""
    nothing = day.is_in(PLACEHOLDERS)
    return Day(pl.when(~nothing).then(day), nothing)


def local(moment: pl.Expr, zone: str) -> Day:
    """Read a column of instants as days of a zone: an hour after midnight in Sofia is the day before in UTC."""
    return plain(moment.dt.convert_time_zone(zone).dt.date())


def written(text: pl.Expr, forms: str) -> Day:
    """Read days as text.

    Parameters
    ----------
    text
        As the source has it; null where it holds nothing.
    forms
        Forms with ``|`` between, the house's own first: of ``strftime``, or ``serial``, the days of spreadsheets. A
        year of two digits is one from 1970 to 2069.
    """
    names = forms.split("|")
    return _of_forms(text, names, [_serial(text) if name == SERIAL else _day(text, name) for name in names])


def written_moment(text: pl.Expr, argument: str) -> Day:
    """Read days from local times as text; `argument` is the zone, a blank, and the forms with ``|`` between.

    An hour that the clock left out, or showed twice, is a day all the same; the row says so.
    """
    zone, _, forms = argument.partition(" ")
    names = forms.split("|")
    moments = [_moment(text, name) for name in names]
    read = _of_forms(text, names, [moment.dt.date() for moment in moments])
    moment = pl.coalesce(moments)
    there = moment.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    twice = moment.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
    clocks = {
        "hour_never_was": moment.is_not_null() & there.is_null(),
        "hour_twice": there.is_not_null() & twice.is_null(),
    }
    return Day(read.value, read.nothing, read.faults, {**read.remarks, **clocks})


def _of_forms(text: pl.Expr, names: list[str], days: list[pl.Expr]) -> Day:
    zero = text.str.contains(_ZERO)
    found = plain(pl.coalesce(days))
    nothing = zero | found.nothing.fill_null(value=False)
    value = pl.when(~nothing).then(found.value)
    if len(days) == 1:
        return Day(value, nothing)
    other = days[0].is_null() & value.is_not_null()
    two = pl.any_horizontal((a != b).fill_null(value=False) for i, a in enumerate(days) for b in days[:i])
    remarks = {"date_other_form": other}
    if whole := [day for name, day in zip(names, days, strict=True) if _SHORT not in name]:
        remarks["year_of_two_digits"] = value.is_not_null() & pl.coalesce(whole).is_null()
    return Day(pl.when(~two).then(value), nothing, {"date_ambiguous": two}, remarks)


def _day(text: pl.Expr, form: str) -> pl.Expr:
    day = text.str.to_date(form, strict=False)
    # The parser takes 5.3.85 for %d.%m.%Y and makes it the year 85: only text that prints back is a date.
    return pl.when(day.dt.strftime(form) == text).then(day)


def _moment(text: pl.Expr, form: str) -> pl.Expr:
    moment = text.str.to_datetime(form, strict=False, time_unit="us")
    return pl.when(moment.dt.strftime(form) == text).then(moment)


def _serial(text: pl.Expr) -> pl.Expr:
    count = pl.when(text.str.contains(_WHOLE_DAYS)).then(text.str.extract(r"^([0-9]+)", 1))
    return (count.cast(pl.Int32, strict=False) - _EPOCH).cast(pl.Date)


def in_order(drafts: pl.DataFrame, table: str) -> pl.DataFrame:
    """Refuse drafts that end before they start, or have a day that was still to come when their row was known.

    Parameters
    ----------
    drafts
        With ``rule``, the name of what keeps a row out already, and perhaps ``_known``, the day on which its source
        row was landed.
    table
        Of the common model.
    """
    fields = omop_fields()[table]
    names = [name for name in drafts.columns if name in fields and fields[name].kind == "date"]
    tests = []
    if "_known" in drafts.columns:
        tests += [pl.when(pl.col(name) > pl.col("_known")).then(pl.lit("date_in_future")) for name in names]
    ends = [name for name in names if name.endswith("_end_date") and dated_by(table) in names]
    tests += [pl.when(pl.col(end) < pl.col(dated_by(table))).then(pl.lit("end_before_start")) for end in ends]
    return drafts.with_columns(pl.coalesce("rule", *tests).alias("rule")) if tests else drafts


def supplied(start: pl.Expr, days: pl.Expr) -> pl.Expr:
    """Return the last day that a supply of so many days reaches; the first where it says none."""
    return start + pl.duration(days=days.clip(1).fill_null(1) - 1)
