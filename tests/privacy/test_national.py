# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""National numbers are told apart by their check digits and counted; none is refused."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rwe.national import national_kinds
from rwe.spec.source import Column

COLUMNS = {"no": Column(type="text", role="national_id")}


def _kind(number: str | None) -> str:
    (kind,) = national_kinds(pl.DataFrame({"no": [number]}, schema={"no": pl.String}), COLUMNS)
    return kind


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("7523169263", "valid"),  # python-stdnum, and by hand
        ("8032056031", "valid"),  # python-stdnum
        ("7542011030", "valid"),  # born in 2075: month plus 40
        ("0550290476", "valid"),  # petarov/bulgarian-control-numbers: born 29 October 2005
        (" 75231 69263 ", "valid"),
        ("７５２３１６９２６３", "valid"),
        ("7111042925", "foreigner"),  # python-stdnum
        ("7523169264", "invalid"),
        ("7111042922", "invalid"),
        ("8019010008", "invalid"),  # the check digit fits, the month does not
        ("752316926", "other"),
        ("75231692631", "other"),
        ("7552A10004", "other"),
        ("", "empty"),
        (" \x00", "empty"),
        (None, "empty"),
    ],
)
def test_kinds(number: str | None, kind: str) -> None:
    assert _kind(number) == kind


@given(st.dates(date(1800, 1, 1), date(2099, 12, 31)), st.integers(0, 999))
def test_every_day_of_three_centuries_is_a_birth_date(born: date, order: int) -> None:
    assert _kind(_egn(born.year, born.month, born.day, order)) == "valid"


@given(st.dates(date(1800, 1, 1), date(2099, 12, 31)), st.integers(0, 999), st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_is_seen_unless_it_makes_a_foreigner(born: date, order: int, place: int, by: int) -> None:
    right = _egn(born.year, born.month, born.day, order)
    digit = (int(right[place]) + by) % 10

    wrong = f"{right[:place]}{digit}{right[place + 1 :]}"

    # a sum of ten modulo eleven and a sum of zero have the same check digit
    assert _kind(wrong) in ("invalid", "foreigner") or _sum(wrong) + _sum(right) == 10


@pytest.mark.parametrize(("year", "month", "day"), [(1900, 2, 29), (2023, 2, 29), (2000, 4, 31), (1999, 13, 1)])
def test_a_day_that_never_was_is_no_birth_date(year: int, month: int, day: int) -> None:
    number = _egn(year, month, day, 7)

    assert _kind(number) != "valid"
    assert _kind(_egn(year, 1, 1, 7)) == "valid"


def test_counts_of_a_column_add_up() -> None:
    days = [date(1950, 1, 1) + timedelta(days=i) for i in range(1_000)]
    numbers = [_egn(d.year, d.month, d.day, 5) for d in days]
    rows = pl.DataFrame({"no": [*numbers, None, "x"]})

    assert national_kinds(rows, COLUMNS) == {"valid": 1_000, "empty": 1, "other": 1}


def _egn(year: int, month: int, day: int, order: int) -> str:
    """Return the number of a person by the rule as it is written, digit by digit."""
    shifted = month + (20 if year < 1900 else 40 if year >= 2000 else 0)
    bare = f"{year % 100:02}{shifted:02}{day:02}{order:03}"
    return f"{bare}{_sum(bare) % 10}"


def _sum(number: str) -> int:
    return sum(int(d) * w for d, w in zip(number, (2, 4, 8, 5, 10, 9, 7, 3, 6), strict=False)) % 11
