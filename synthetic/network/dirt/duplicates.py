# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Dirt of repetition: rows sent twice, stays cut in two, messages corrected, stays that were cancelled."""

from __future__ import annotations

import polars as pl

from synthetic.network.dirt.form import NEW, A, Form, days, whole, within

_START, _END = pl.col("start"), pl.col("end")
_LENGTH = (_END - _START).dt.total_seconds()
_HALF = _START + pl.duration(seconds=_LENGTH // 2)
_RESENT = {"modified": pl.col("modified") + days(whole(A, 1, 30))}
_SENT = ("diagnoses", "drugs", "labs", "assessments")

FORMS = (
    *(Form("exact", table, again={}) for table in _SENT),
    *(Form("sent again later", table, again=_RESENT) for table in _SENT),
    Form(
        "one stay as two",
        "stays",
        {"end": _HALF},
        again={"start": _HALF, "ward": pl.lit("intensive"), "stay": NEW},
        when=_LENGTH > 86_400,
    ),
    Form(
        "corrected message",
        "stays",
        {"end": _END + days(whole(A, 1, 5))},
        again={"end": _END, "modified": pl.col("modified") + days(whole(A, 1, 20))},
        when=within("D"),
    ),
    Form(
        "cancelled stay",
        "stays",
        again={"outcome_text": pl.lit("анулиран"), "stay": NEW, "start": _START + days(7), "end": _START + days(7)},
        when=within("A", "B", "C"),
    ),
)
