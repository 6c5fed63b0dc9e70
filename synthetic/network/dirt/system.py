# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Dirt of systems: words for nothing, stray bytes, long texts, wider types, rows late, lost or sent by the month."""

from __future__ import annotations

from datetime import date

import polars as pl

from synthetic.network.dirt.form import A, Form, days, one_of, whole, within

_LONG = 65_536
_MONTH = (pl.col("moment").dt.date() >= date(2021, 5, 1)) & (pl.col("moment").dt.date() < date(2021, 6, 1))

FORMS = (
    Form("old time of change", "diagnoses", {"modified": pl.col("modified") - days(whole(A, 30, 300))}),
    Form("lost", "diagnoses", gone=True, when=~pl.col("main")),
    Form("word for nothing", "labs", {"unit_text": one_of(A, ("NULL", "null", "няма", "-", ""))}),
    Form("zero byte", "labs", {"unit_text": pl.concat_str("unit", pl.lit("\x00"))}, when=within("B")),
    Form("long text", "assessments", {"value_text": pl.lit("Ж" * (_LONG // 2))}, when=within("B")),
    Form("wider type", "drugs", {"units_text": pl.format("{},00", "units")}, when=within("D")),
    Form("month sent again", "labs", again={}, when=within("D") & _MONTH),
)
