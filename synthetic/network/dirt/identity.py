# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Dirt in who a person is: wrong, missing, foreign and borrowed numbers, names in two alphabets, several hospitals."""

from __future__ import annotations

from datetime import date

import polars as pl

from synthetic.network.dirt.form import NEW, NTH, A, B, Form, days, whole
from synthetic.network.persons import MOST

_NUMBER = pl.col("national_no")
_NUMBERED = _NUMBER.is_not_null()
_HOSPITALS = ("A", "B", "C", "D")
# Ordinance of the transliteration act of Bulgaria, letter by letter
_LETTERS = "абвгдежзийклмнопрстуфхцчшщъьюя"
_SOUNDS = "a,b,v,g,d,e,zh,z,i,y,k,l,m,n,o,p,r,s,t,u,f,h,ts,ch,sh,sht,a,y,yu,ya"
_LATIN = dict(zip(_LETTERS, _SOUNDS.split(","), strict=True))
_LATIN |= {small.upper(): latin.capitalize() for small, latin in _LATIN.items()}
_ALIKE = dict(zip("АВЕКМНОРСТХаеорсх", "ABEKMHOPCTXaeopcx", strict=True))


def _names(letters: dict[str, str]) -> dict[str, pl.Expr]:
    old, new = list(letters), list(letters.values())
    return {name: pl.col(name).str.replace_many(old, new) for name in ("given_name", "family_name")}


def _with_digit(place: pl.Expr, digit: pl.Expr) -> pl.Expr:
    return pl.concat_str(_NUMBER.str.slice(0, place), digit.cast(pl.String), _NUMBER.str.slice(place + 1))


def _typo() -> pl.Expr:
    place = whole(A, 0, 9)
    return _with_digit(place, (_NUMBER.str.slice(place, 1).cast(pl.Int64) + whole(B, 1, 9)) % 10)


def _swapped() -> pl.Expr:
    place = whole(A, 0, 8)
    pair = _NUMBER.str.slice(place, 2).str.reverse()
    return pl.concat_str(_NUMBER.str.slice(0, place), pair, _NUMBER.str.slice(place + 2))


def _next_hospital() -> pl.Expr:
    place = pl.col("hospital").replace_strict(_HOSPITALS, range(4), return_dtype=pl.Int64)
    return ((place + 1 + NTH) % 4).replace_strict(range(4), _HOSPITALS, return_dtype=pl.String)


def _foreign() -> pl.Expr:
    nine = 900_000_000 + pl.col("record") * 7 % 99_999_989
    weights = (21, 19, 17, 13, 11, 9, 7, 3, 1)
    check = pl.sum_horizontal(nine // 10 ** (8 - place) % 10 * weight for place, weight in enumerate(weights)) % 10
    return (nine * 10 + check).cast(pl.String)


_ADDED = {"died": pl.lit(None, dtype=pl.Date), "patient_no": pl.format("N{}", NEW)}
_MOTHER = (pl.col("sex") == "F") & (pl.col("born") > date(1965, 1, 1)) & _NUMBERED

FORMS = (
    Form("moved to another hospital", "patients", when=pl.col("_houses") > 1),
    Form(
        "known to further hospitals",
        "patients",
        again={"hospital": _next_hospital(), **_ADDED},
        when=pl.col("_houses") == 1,
        copies=whole(A, 1, 3),
    ),
    Form("typo in the number", "patients", {"national_no": _typo()}, when=_NUMBERED),
    Form("digits of the number swapped", "patients", {"national_no": _swapped()}, when=_NUMBERED),
    Form("number of a foreigner", "patients", {"national_no": _foreign()}, when=_NUMBERED),
    Form("no number", "patients", {"national_no": pl.lit(None, dtype=pl.String)}, when=_NUMBERED),
    Form("name in Latin letters", "patients", _names(_LATIN)),
    Form("letters that look alike", "patients", _names(_ALIKE)),
    Form(
        "newborn under the mother's number",
        "patients",
        again={
            "national_no": _NUMBER,
            "given_name": pl.lit("Бебе"),
            "born": pl.lit(date(2019, 1, 10)) + days(whole(B, 0, 1_800)),
            "person": MOST + pl.col("person"),
            **_ADDED,
        },
        when=_MOTHER,
    ),
    Form(
        "hospital's number used again", "patients", {"patient_no": pl.col("_neighbour")},
        when=pl.col("_neighbour").is_not_null(),
    ),
    Form("twin", "patients", when=pl.col("_twin")),
)  # fmt: skip
