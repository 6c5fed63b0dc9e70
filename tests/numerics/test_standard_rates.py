# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Standardised rates equal R and fractions by hand, keep to their laws, and refuse what has no answer."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rwe import compare as cp
from rwe.errors import DataError

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
CASE = json.loads((FOLDER / "standardised_rates.json").read_text("utf-8"))["cases"][0]
STRATA = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9000), st.integers(1, 500)), min_size=1, max_size=6)


def test_equals_r() -> None:
    strata, wanted = pl.read_csv(FOLDER / CASE["data"]), CASE["expect"]

    given_rates = strata["std_rate"].to_list()
    found = cp.standardised_rate(
        strata["events"].to_list(), strata["py"].to_list(), strata["std_pop"].to_list(), rates=given_rates
    )

    limits = found.table.select("estimate", "conf_low", "conf_high").rows()
    names = ("direct_rate", "normal_lower", "normal_upper"), ("direct_rate", "fay_feuer_lower", "fay_feuer_upper")
    for row, keys in zip(limits, (*names, ("smr", "smr_lower", "smr_upper")), strict=True):
        assert row == pytest.approx([wanted[key] for key in keys], rel=CASE["tolerance"]["rel"])


def test_by_hand() -> None:
    found = cp.standardised_rate([1, 3], [100, 200], [2, 1], rates=[0.02, 0.01]).table

    direct = Fraction(2, 3) * Fraction(1, 100) + Fraction(1, 3) * Fraction(3, 200)
    assert found["estimate"].to_list() == pytest.approx([float(direct), float(direct), 1.0], rel=1e-15)


@given(STRATA)
def test_law_a_standard_that_is_the_time_at_risk_gives_the_plain_rate(strata: list[tuple[int, int, int]]) -> None:
    events, time, _ = map(list, zip(*strata, strict=True))

    found = cp.standardised_rate(events, time, time).table

    plain = cp.rate(sum(events), sum(time)).table.row(0, named=True)
    assert found["estimate"][1] == pytest.approx(plain["estimate"], rel=1e-12)
    # weights that are all alike: limits of the gamma distribution are the exact ones
    assert found["conf_low"][1] == pytest.approx(plain["conf_low"], rel=1e-9, abs=1e-15)
    assert found["conf_high"][1] == pytest.approx(plain["conf_high"], rel=1e-9)


@given(STRATA, st.integers(2, 1000))
def test_law_order_of_strata_and_size_of_the_standard_change_nothing(
    strata: list[tuple[int, int, int]], times: int
) -> None:
    events, time, standard = map(list, zip(*strata, strict=True))
    first = cp.standardised_rate(events, time, standard).table

    other = cp.standardised_rate(events[::-1], time[::-1], [times * w for w in standard[::-1]]).table

    for column in ("estimate", "conf_low", "conf_high"):
        told = [values.fill_null(-1.0).to_list() for values in (other[column], first[column])]
        assert told[0] == pytest.approx(told[1], rel=1e-9, abs=1e-15)


def test_without_events_the_rate_is_0_and_its_upper_limit_is_not() -> None:
    found = cp.standardised_rate([0, 0], [100, 200], [1, 2], rates=[0.01, 0.02]).table

    assert found["estimate"].to_list() == [0, 0, 0]
    assert found["conf_low"].to_list() == [None, 0, 0]
    assert min(found["conf_high"].drop_nulls()) > 0


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (([1], [2, 3], [1]), "strata do not match"),
        (([-1], [2], [1]), "counts of at least 0"),
        (([1], [0], [1]), "times at risk above 0"),
        (([1], [2], [0]), "standard needs persons"),
        (([], [], []), "strata do not match"),
    ],
)
def test_what_has_no_answer_is_refused(asked: tuple[list[int], list[float], list[float]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        cp.standardised_rate(*asked)


def test_rates_of_the_standard_are_checked() -> None:
    with pytest.raises(DataError, match="a rate for each of 1 strata"):
        cp.standardised_rate([1], [2], [1], rates=[0])
