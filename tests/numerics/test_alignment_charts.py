# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Charts of weights, overlap and balance say what the numbers say, in both languages."""

from __future__ import annotations

import polars as pl

from rwe import compare as cp
from rwe.figures.bars import Bars, bars
from rwe.figures.svg import Caption
from tests.numerics.alignment import FRAMES, scores


def test_weights_and_their_balance() -> None:
    found = cp.weight(scores("gbsg"), estimand="ato")

    weights, balance = found.plot().svg, found.balance.plot(language="bg").svg

    assert f"686 persons with a weight, worth {found.effective_sample_size:.1f} persons" in weights
    assert "Абсолютна стандартизирана разлика" in balance
    assert all(f">{name}<" in balance for name in scores("gbsg").covariates.columns)


def test_overlap_tells_the_arms_apart_by_place_and_name() -> None:
    svg = cp.overlap(scores("gbsg")).plot().svg

    assert ">treated<" in svg
    assert ">controls<" in svg


def test_published_moments_are_rows_of_the_chart() -> None:
    frame = FRAMES["gbsg"].with_columns(grade=pl.col("grade").cast(pl.String))

    found = cp.maic(frame, {"age": {"mean": 55, "sd": 9}, "grade": {"1": 20, "2": 60, "3": 20}})

    svg = found.balance.plot().svg
    assert all(f">{row}<" in svg for row in ("age = mean", "age = sd", "grade = 1", "grade = 3"))
    assert found.plot(language="bg").svg.count("Тегло") > 0


def test_bars_of_two_groups_hang_on_both_sides() -> None:
    shown = Bars([0, 1, 2], [3, 0], [1, 2], ("up", "down"), "x", [0, 1, 2], lambda x: f"{x:g}")

    one, again = (bars(shown, Caption("k", "t", "d")) for _ in range(2))

    assert one == again
    assert one.count("rect") >= 3
