# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Dirt in results: other units, wrong units, no units, decimal marks, limits, ranges, words, exchanged analytes."""

from __future__ import annotations

import polars as pl

from synthetic.network.dirt.form import A, Form, whole, within

_VALUE, _UNIT, _ANALYTE = pl.col("value"), pl.col("unit"), pl.col("analyte")
_HAEMOGLOBIN, _LEUKOCYTES, _CREATININE, _GLUCOSE, _LDL = "718-7", "6690-2", "14682-9", "14749-6", "22748-8"
_LEAST = 195  # g/L: a tenth of it is so little that nobody lives with it, of more nothing in the row would tell
# by LOINC: the other unit, and how many of it make one of ours
_OTHER = {
    _CREATININE: ("mg/dL", 0.011312),
    _GLUCOSE: ("mg/dL", 18.0156),
    _LDL: ("mg/dL", 38.665),
    _LEUKOCYTES: ("/uL", 1_000.0),
    _HAEMOGLOBIN: ("g/dL", 0.1),
}


def _in_other() -> pl.Expr:
    factor = _ANALYTE.replace_strict({code: by for code, (_, by) in _OTHER.items()}, return_dtype=pl.Float64)
    return (_VALUE * factor).round_sig_figs(5)


def _other_unit() -> pl.Expr:
    return _ANALYTE.replace_strict({code: unit for code, (unit, _) in _OTHER.items()}, return_dtype=pl.String)


def _text(value: pl.Expr) -> pl.Expr:
    return value.round(2).cast(pl.String).str.replace(r"\.0$", "")


def _other(name: str, *codes: str) -> Form:
    cells = {"unit": _other_unit(), "value": _in_other()}
    return Form(name, "labs", cells, when=_ANALYTE.is_in(codes) & within("A"))


FORMS = (
    _other("g/dL for g/L", _HAEMOGLOBIN),
    _other("mass for substance", _CREATININE, _GLUCOSE, _LDL),
    _other("/uL for 10*9/L", _LEUKOCYTES),
    Form("value of another unit", "labs", {"value": _VALUE / 10},
         when=(_ANALYTE == _HAEMOGLOBIN) & (_VALUE < _LEAST)),
    Form("decimal comma", "labs", {"value_text": _text(_VALUE).str.replace(".", ",", literal=True)},
         when=within("A") & (_VALUE.round(0) != _VALUE)),
    Form("decimal point", "labs", {"value_text": _text(_VALUE)}, when=within("D") & (_VALUE.round(0) != _VALUE)),
    Form("below the limit", "labs", {"value_text": pl.lit("<0.01")}),
    Form("above the limit", "labs", {"value_text": pl.lit(">1000")}),
    Form("words for a value", "labs", {"value_text": pl.lit("хемолизирана")}),
    Form("range", "labs", {"value_text": pl.concat_str(_text(_VALUE * 0.9), pl.lit(" - "), _text(_VALUE * 1.1))}),
    Form("unit beside the value", "labs",
         {"value_text": pl.concat_str(_text(_VALUE), pl.lit(" "), _UNIT), "unit_text": pl.lit("")}, when=within("A")),
    Form("no unit", "labs", {"unit": pl.lit(None, dtype=pl.String)}),
    Form("exchanged analytes", "labs", {"analyte": pl.lit(_LEUKOCYTES)}, when=_ANALYTE == _HAEMOGLOBIN),
    Form("negative", "labs", {"value": -_VALUE * whole(A, 1, 3)}),
)  # fmt: skip
