# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Dirt in dates: other forms of text, two digits for a year, placeholders, the future, ends before starts, clocks.

A day and a month that change places are planted only where the day is above 12: otherwise nothing in the row
tells, and no cleaner could. Placeholders and days to come are typed values that every schema can hold; forms of
text stand where a schema keeps dates as text.
"""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from synthetic.network.dirt.form import A, Form, days, whole, within

SOFIA = "Europe/Sofia"
_TEXT_DAYS = {"diagnoses": within("B"), "drugs": within("B", "D"), "assessments": within("B", "D")}
_DAY = pl.col("day")
_LOCAL = pl.col("moment").dt.convert_time_zone(SOFIA)
_EPOCH = 25_569  # 1970-01-01 as a spreadsheet counts days
_WRITTEN = {
    "iso": _DAY.dt.strftime("%Y-%m-%d"),
    "month first": _DAY.dt.strftime("%m.%d.%Y"),
    "spreadsheet serial": (_DAY.cast(pl.Int32) + _EPOCH).cast(pl.String),
    "year of two digits": _DAY.dt.strftime("%d.%m.%y"),
    "zero date": pl.lit("0000-00-00"),
}
_GAP, _TWICE = date(2020, 3, 29), date(2020, 10, 25)


def _near(day: date) -> pl.Expr:
    return (_LOCAL.dt.date() - pl.lit(day)).dt.total_days().abs() <= 7


def _text_days() -> list[Form]:
    legible = {"month first": _DAY.dt.day() > 12}
    return [
        Form(name, table, {"day_text": text}, when=where & legible.get(name, pl.lit(value=True)))
        for table, where in _TEXT_DAYS.items()
        for name, text in _WRITTEN.items()
    ]


def _typed_days() -> list[Form]:
    later = pl.date(_DAY.dt.year() + 20 + whole(A, 0, 60), 6, 15)
    return [
        Form(name, table, {"day": value})
        for table in ("diagnoses", "drugs", "assessments")
        for name, value in (("placeholder 1900-01-01", pl.lit(date(1900, 1, 1))), ("future", later))
    ]


FORMS = (
    *_text_days(),
    *_typed_days(),
    Form("end before start", "stays", {"end": pl.col("start") - days(whole(A, 1, 9))}),
    Form("iso", "labs", {"moment_text": _LOCAL.dt.strftime("%Y-%m-%d")}, when=within("B", "D")),
    Form(
        "hour that the clock left out",
        "labs",
        {"moment_text": pl.lit(f"{_GAP:%d.%m.%Y}"), "moment_clock_text": pl.lit("03:30:00")},
        when=within("B", "D") & _near(_GAP),
    ),
    Form(
        "hour that the clock showed twice",
        "labs",
        {"moment": pl.lit(datetime(2020, 10, 25, 1, 30)).dt.replace_time_zone("UTC")},
        when=within("B", "C", "D") & _near(_TWICE),
    ),
    Form(
        "after midnight in Sofia, before it in UTC",
        "labs",
        {"moment": pl.col("moment").dt.truncate("1d") - pl.duration(minutes=whole(A, 30, 90))},
        when=within("A"),
    ),
)
