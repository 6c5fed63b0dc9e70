# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Invented rows are those of their number and seed, in the types they are declared in."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from connectors.typed import DTYPES
from synthetic.rows import COLUMNS, TABLES, pieces, rows, source


@pytest.mark.parametrize("table", TABLES)
def test_a_row_is_the_same_whatever_stretch_it_comes_in(table: str) -> None:
    whole = rows(table, 1_000, seed=3)

    assert_frame_equal(pl.concat(pieces(table, 1_000, 301, seed=3)), whole)
    assert not whole.equals(rows(table, 1_000, seed=4))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("apart", [1, 2, 100])
def test_neighbouring_seeds_are_no_stretches_of_one_table(table: str, apart: int) -> None:
    values = ("birth_date", "family_name", "ward", "pathway", "outcome", "recorded_on", "code", "value", "amount")
    kept = [name for name in COLUMNS[table] if name in values]
    ours, theirs = rows(table, 400, seed=3).select(kept), rows(table, 400, seed=3 + apart).select(kept)

    for shift in range(-3, 4):
        moved = theirs.slice(max(shift, 0), 390)
        same = ours.slice(max(-shift, 0), 390).hash_rows() == moved.hash_rows()
        assert same.mean() < 0.1, shift


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_of_their_declared_types(table: str) -> None:
    made = rows(table, 50)

    assert {name: made[name].dtype for name in COLUMNS[table]} == {n: DTYPES[c.type] for n, c in COLUMNS[table].items()}
    assert made.columns == ["row_id", "modified_at", *source(table).streams[table].columns]
    assert made["modified_at"].is_sorted()
    assert made["modified_at"].n_unique() < 50


def test_national_numbers_check_and_agree_with_birth_and_sex() -> None:
    patients = rows("patient", 100_000, seed=11)

    for number, born, sex in patients.head(2_000).select("national_no", "birth_date", "sex").iter_rows():
        digits = [int(digit) for digit in number]
        weights = (2, 4, 8, 5, 10, 9, 7, 3, 6)
        assert digits[9] == sum(w * d for w, d in zip(weights, digits[:9], strict=True)) % 11 % 10
        assert number[:6] == f"{born.year % 100:02d}{born.month + 40 * (born.year >= 2000):02d}{born.day:02d}"
        assert (digits[8] % 2 == 0) == (sex == "M")
    assert patients["national_no"].n_unique() == patients["patient_no"].n_unique() == 100_000


def test_rows_are_of_the_patients_there_are() -> None:
    patients = set(rows("patient", 40)["patient_no"])

    assert set(rows("stay", 2_000, people=40)["patient_no"]) == patients
