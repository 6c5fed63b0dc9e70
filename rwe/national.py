# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""National numbers by their check digits: counted, never refused, because a wrong one still links a person.

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


def _kinds(numbers: pl.Series) -> dict[str, int]:
    bare = numbers.str.normalize("NFKC").str.replace_all(r"[\s\x00]", "")
    there = bare.filter(bare.str.len_chars() > 0)
    ten = there.filter(there.str.contains("^[0-9]{10}$"))
    digits = np.frombuffer("".join(ten).encode(), np.uint8).reshape(-1, 10).astype(np.int64) - ord("0")
    citizen, foreign = _citizen(digits), _foreign(digits)
    found = {
        VALID: int(citizen.sum()),
        FOREIGNER: int((foreign & ~citizen).sum()),
        INVALID: int((~foreign & ~citizen).sum()),
        OTHER: there.len() - ten.len(),
        EMPTY: numbers.len() - there.len(),
    }
    return {kind: n for kind, n in found.items() if n}


def _citizen(digits: Digits) -> Flags:
    check = digits[:, :9] @ _CITIZEN % 11 % 10 == digits[:, 9]
    year, month, day = (10 * digits[:, i] + digits[:, i + 1] for i in (0, 2, 4))
    born = year + np.where(month > 40, 2000, np.where(month > 20, 1800, 1900))
    month = month - np.where(month > 40, 40, np.where(month > 20, 20, 0))
    named = (month >= 1) & (month <= 12)
    leap = (month == 2) & (born % 4 == 0) & ((born % 100 != 0) | (born % 400 == 0))
    real: Flags = check & named & (day >= 1) & (day <= _DAYS[np.where(named, month, 1) - 1] + leap)
    return real


def _foreign(digits: Digits) -> Flags:
    right: Flags = digits[:, :9] @ _FOREIGN % 10 == digits[:, 9]
    return right
