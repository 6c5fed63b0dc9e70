# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Dirt in codes: spellings, alphabets, parents, codes retired and used again, of procedures, of one house; words."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from synthetic.network.dirt.form import A, Form, one_of, within

_CODE = pl.col("icd10")
_GLUCOSE, _LDL, _CHANGED = "14749-6", "22748-8", pl.lit(datetime(2019, 1, 1)).dt.replace_time_zone("UTC")
_REUSED = "ГЛ-1"  # glucose until the end of 2018, LDL since
_MEANT = (pl.col("analyte") == _GLUCOSE) & (pl.col("moment") < _CHANGED)
_MEANS = (pl.col("analyte") == _LDL) & (pl.col("moment") >= _CHANGED)
_WORDS = ("НДКБДК", "вероятно", "съмнение за малигнен процес", "за уточняване")

FORMS = (
    Form("without dot", "diagnoses", {"icd10_text": _CODE.str.replace(".", "", literal=True)}, when=within("A", "D")),
    Form("with dot", "diagnoses", {"icd10_text": _CODE}, when=within("B")),
    Form(
        "Cyrillic letter",
        "diagnoses",
        {"icd10_text": _CODE.str.replace_many(["C", "E", "I"], ["С", "Е", "І"])},
        when=_CODE.str.contains("^[CEI]"),
    ),
    Form("parent", "diagnoses", {"icd10_text": _CODE.str.slice(0, 3)}),
    Form("retired", "diagnoses", {"icd10_text": _CODE + "0"}, when=_CODE.str.contains("^C")),
    Form(
        "code of a procedure", "diagnoses", again={"icd10_text": one_of(A, ("99.25", "88.38", "38.93", "89.52"))},
        when=pl.col("main"),
    ),
    Form("words alone", "diagnoses", {"icd10_text": one_of(A, _WORDS)}, when=~pl.col("main")),
    Form("code of one laboratory", "labs", {"analyte_text": pl.format("Х{}", (A * 900).floor().cast(pl.Int64) + 100)}),
    Form("code with two meanings", "labs", {"analyte_text": pl.lit(_REUSED)}, when=within("C") & (_MEANT | _MEANS)),
)  # fmt: skip
