# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Dirt in assessments: stages that lack, come late or are written otherwise, ECOG of the dead, words for findings."""

from __future__ import annotations

import polars as pl

from synthetic.network.dirt.form import A, B, Form, days, one_of, whole

_KIND, _VALUE, _DAY = pl.col("kind"), pl.col("value"), pl.col("day")
_TNM = {"I": "T1N0M0", "II": "T2N1M0", "III": "T3N2M0", "IV": "T4N2M1"}
RECIST = {"CR": "пълен отговор", "PR": "частичен отговор", "SD": "стабилно заболяване", "PD": "прогресия"}
_GRADES = ("неутропения G3", "гадене gr. 2", "CTCAE 1", "диария III степен")
_STAGED = (_KIND == "stage") & _VALUE.is_in(list(_TNM))


def _words(value: pl.Expr, words: dict[str, str]) -> pl.Expr:
    return value.replace_strict(words, default=None, return_dtype=pl.String)


FORMS = (
    Form("stage missing", "assessments", gone=True, when=_STAGED),
    Form("stage at a later date", "assessments", {"day": _DAY + days(whole(A, 60, 400))}, when=_STAGED),
    Form("TNM for a stage", "assessments", {"value_text": _words(_VALUE, _TNM)}, when=_STAGED),
    Form("marker after treatment", "assessments", {"day": _DAY + days(whole(A, 30, 300))}, when=_KIND == "biomarker"),
    Form(
        "ECOG 5",
        "assessments",
        again={"value": pl.lit("5"), "day": pl.col("_died")},
        when=(_KIND == "ECOG") & pl.col("_died").is_not_null(),
    ),
    Form("RECIST in words", "assessments", {"value_text": _words(_VALUE, RECIST)}, when=_KIND == "RECIST"),
    Form(
        "toxicity in words",
        "assessments",
        again={"kind": pl.lit("CTCAE"), "kind_text": pl.lit("CTCAE"), "value_text": one_of(B, _GRADES)},
        when=_KIND == "RECIST",
    ),
    Form(
        "progression in free text",
        "assessments",
        {"value_text": pl.lit("данни за прогресия на заболяването"), "kind_text": pl.lit("бележка")},
        when=(_KIND == "RECIST") & (_VALUE == "PD"),
    ),
)
