# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""National numbers by their check digits: counted and judged, never refused, because a wrong one still links a person.

ЕГН: YYMMDD (month plus 20 before 1900, plus 40 from 2000), three digits of order, a check digit. ЛНЧ, the number
of a foreigner: nine digits and a check digit. The weights are those of python-stdnum (``bg/egn.py``, ``bg/pnf.py``)
and of valvat (``checksum/bg.rb``), which agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from rwe.spec.source import Column

VALID, FOREIGNER, INVALID, OTHER, EMPTY = "valid", "foreigner", "invalid", "other", "empty"
FITS, RIGHT, CONTRADICTS, WRONG = "fits", "right", "contradicts", "wrong"
_TEN = "^[0-9]{10}$"
_CITIZEN = np.array((2, 4, 8, 5, 10, 9, 7, 3, 6))
_FOREIGN = np.array((21, 19, 17, 13, 11, 9, 7, 3, 1))
_DAYS = np.array((31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31))
Digits = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def national_kinds(rows: pl.DataFrame, columns: Mapping[str, Column]) -> Counter[str]:
    """Count the national numbers of a batch: valid (ЕГН), foreigner (ЛНЧ), invalid, other and empty.

    Parameters
    ----------
    rows
        Rows as the hospital holds them.
    columns
        The stream's columns; those of role ``national_id`` are counted.

    Examples
    --------
    >>> rows = pl.DataFrame({"no": ["7523169263", "7111042925", "7523169264", "AB12", None]})
    >>> sorted(national_kinds(rows, {"no": Column(type="text", role="national_id")}).items())
    [('empty', 1), ('foreigner', 1), ('invalid', 1), ('other', 1), ('valid', 1)]
    """
    counts: Counter[str] = Counter()
    for name, column in columns.items():
        if column.role == "national_id":
            counts.update(_kinds(rows[name]))
    return counts


def national_says(numbers: pl.Series, births: pl.Series | None = None) -> pl.Series:
    """Return what each number says of itself, beside the birth date of its row where there is one.

    Parameters
    ----------
    numbers
        Text in one spelling (`rwe.identity.normalise`).
    births
        Dates.

    Returns
    -------
    pl.Series
        ``fits`` (the number of a citizen, and the birth date is that of the row), ``right`` (such a number, and there
        is no date to compare), ``contradicts`` (such a number, with another birth date), ``wrong`` (ten digits that
        do not check), null for anything else, foreigners' numbers among them: one slip in ten turns the number of a
        citizen into what looks like one.

    Examples
    --------
    >>> from datetime import date
    >>> born = pl.Series([date(1875, 3, 16), date(2001, 1, 1), None])
    >>> national_says(pl.Series(["7523169263", "7523169263", "7523169264"]), born).to_list()
    ['fits', 'contradicts', 'wrong']
    """
    ten = numbers.str.contains(_TEN).fill_null(value=False)
    digits = _digits(numbers.filter(ten))
    named = pl.DataFrame(dict(zip(("year", "month", "day"), _birth(digits), strict=True)))
    born = births.filter(ten) if births is not None else pl.repeat(None, digits.shape[0], dtype=pl.Date, eager=True)
    parts = (born.dt.year(), born.dt.month(), born.dt.day())
    same = pl.all_horizontal(pl.col(name) == part for name, part in zip(named.columns, parts, strict=True))
    citizen = pl.when(same.is_null()).then(pl.lit(RIGHT)).when(same).then(pl.lit(FITS)).otherwise(pl.lit(CONTRADICTS))
    says = named.select(
        pl.when(pl.Series(_citizen(digits))).then(citizen).when(~pl.Series(_foreign(digits))).then(pl.lit(WRONG))
    )
    found = says.to_series().alias("says").to_frame().with_columns(place=ten.arg_true())
    places = pl.DataFrame({"place": pl.Series(range(numbers.len()), dtype=pl.UInt32())})
    return places.join(found, on="place", how="left", maintain_order="left")["says"]


def _kinds(numbers: pl.Series) -> dict[str, int]:
    bare = numbers.str.normalize("NFKC").str.replace_all(r"[\s\x00]", "")
    there = bare.filter(bare.str.len_chars() > 0)
    ten = there.filter(there.str.contains(_TEN))
    digits = _digits(ten)
    citizen, foreign = _citizen(digits), _foreign(digits)
    found = {
        VALID: int(citizen.sum()),
        FOREIGNER: int((foreign & ~citizen).sum()),
        INVALID: int((~foreign & ~citizen).sum()),
        OTHER: there.len() - ten.len(),
        EMPTY: numbers.len() - there.len(),
    }
    return {kind: n for kind, n in found.items() if n}


def _digits(ten: pl.Series) -> Digits:
    return np.frombuffer("".join(ten).encode(), np.uint8).reshape(-1, 10).astype(np.int64) - ord("0")


def _birth(digits: Digits) -> tuple[Digits, Digits, Digits]:
    """Return year, month and day as the first six digits tell them; they may name no day."""
    year, month, day = (10 * digits[:, i] + digits[:, i + 1] for i in (0, 2, 4))
    born = year + np.where(month > 40, 2000, np.where(month > 20, 1800, 1900))
    return born, month - np.where(month > 40, 40, np.where(month > 20, 20, 0)), day


def _citizen(digits: Digits) -> Flags:
    check = digits[:, :9] @ _CITIZEN % 11 % 10 == digits[:, 9]
    born, month, day = _birth(digits)
    named = (month >= 1) & (month <= 12)
    leap = (month == 2) & (born % 4 == 0) & ((born % 100 != 0) | (born % 400 == 0))
    real: Flags = check & named & (day >= 1) & (day <= _DAYS[np.where(named, month, 1) - 1] + leap)
    return real


def _foreign(digits: Digits) -> Flags:
    right: Flags = digits[:, :9] @ _FOREIGN % 10 == digits[:, 9]
    return right
