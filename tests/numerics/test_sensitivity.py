# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Runs side by side, hospitals left out, and confounders taken out: by hand and by laws."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rwe import compare as cp
from rwe import survival as sv
from rwe.errors import BrokenRows, DataError, DefinitionError, NoValidAnswer


def hazard(frame: pl.DataFrame) -> tuple[float, float]:
    fit = sv.cox(frame, time="t", event="e", covariates=["x"]).coefficients
    return float(fit["estimate"][0]), float(fit["std_error"][0])


def hospitals(n: int = 600, seed: int = 1) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    site, x = draw.integers(0, 3, n), draw.integers(0, 2, n)
    time = np.ceil(draw.exponential(100 * np.exp(0.5 * x))).astype(int)
    return pl.DataFrame({"t": time, "e": 1, "x": x, "site": np.array(["a", "b", "c"])[site]})


def failing() -> tuple[float, float]:
    raise NoValidAnswer("no events in an arm")


def test_a_failed_run_stands_with_its_reason() -> None:
    runs = {"as planned": lambda: (-0.3, 0.1), "washout 60": failing, "broken": lambda: (math.nan, 0.1)}

    found = cp.sensitivity(runs)

    assert found.table["run"].to_list() == list(runs)
    assert found.table["reason"].to_list() == [
        "",
        "no events in an arm",
        "no finite estimate with a positive error",
    ]
    assert found.table["ratio"][0] == pytest.approx(math.exp(-0.3))
    assert found.to_result().settings["notes"][0] == "washout 60: no events in an arm"
    with pytest.raises(DefinitionError, match="no run"):
        cp.sensitivity({})
    with pytest.raises(ZeroDivisionError):  # a fault of the run's own code is not an answer
        cp.sensitivity({"bug": lambda: (1 / 0, 1.0)})


@pytest.mark.ci
def test_the_forest_shows_failed_runs() -> None:
    chart = cp.sensitivity({"as planned": lambda: (-0.3, 0.1), "washout 60": failing}).plot()

    assert "no events in an arm" in chart.svg
    assert "1 gave no estimate" in chart.svg


def test_hospitals_alone_and_left_out() -> None:
    frame = hospitals()

    found = cp.by_site(frame, hazard)

    assert found.within.table["run"].to_list() == ["a", "b", "c"]
    assert found.without.table["log_ratio"][1] == hazard(frame.filter(pl.col("site") != "b"))[0]
    again = cp.pool(*(found.within.table[name].to_list() for name in ("log_ratio", "std_error")))
    assert found.pooled.tau2 == again.tau2
    assert found.to_result().table.filter(pl.col("estimand") == "i2").height == 1


def test_a_hospital_on_which_the_estimator_fails_is_listed() -> None:
    frame = hospitals().with_columns(x=pl.when(pl.col("site") == "c").then(1).otherwise("x"))

    found = cp.by_site(frame, hazard)

    assert found.within.table["reason"][2] != ""
    assert found.pooled.table["label"].to_list() == ["a", "b"]
    with pytest.raises(NoValidAnswer, match="1 of 2 hospitals"):
        cp.by_site(frame.filter(pl.col("site") != "a"), hazard)
    with pytest.raises(BrokenRows, match="no hospital"):
        cp.by_site(frame.with_columns(site=pl.lit(None, dtype=pl.String)), hazard)


def test_a_confounder_in_fractions() -> None:
    p1, p0, g = Fraction(6, 10), Fraction(2, 10), Fraction(1, 2)
    bias = (1 + (g - 1) * p1) / (1 + (g - 1) * p0)

    row = cp.tipping_point(0.6, 0.45, 0.8, prevalences=[0.2, 0.6], strengths=[0.5]).table.row(1, named=True)

    assert bias == Fraction(7, 9)
    assert row["ratio"] == pytest.approx(float(Fraction(6, 10) / bias))
    assert row["conclusion"] == "lost"


@settings(deadline=None, max_examples=40)
@given(st.floats(0.1, 8), st.floats(1.05, 3), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_confounder_of_the_tipping_strength_leaves_no_effect(ratio: float, wide: float, p1: float, p0: float) -> None:
    low, high = ratio / wide, ratio * wide
    if abs(p1 - p0) < 1e-3:
        return

    tips = cp.tipping_point(ratio, low, high, prevalences=[p1, p0]).tips.row(0, named=True)

    for name, value in (("limit_tips", low if ratio > 1 else high), ("estimate_tips", ratio)):
        g = tips[name]
        if g is not None:
            assert (1 + (g - 1) * p1) / (1 + (g - 1) * p0) == pytest.approx(value, rel=1e-6)
            # neither ratio of a confounder that explains the effect away can be under the E-value's bias factor
            most = max(g, 1 / g) * max(p1 / p0, p0 / p1, (1 - p1) / (1 - p0), (1 - p0) / (1 - p1))
            assert most >= max(value, 1 / value) * (1 - 1e-6)


def test_conclusions_and_refusals() -> None:
    found = cp.tipping_point(0.9, 0.7, 1.1, prevalences=[0.1, 0.9], strengths=[5.0, 1.0]).table

    assert found["conclusion"].to_list() == ["arises", "holds", "arises", "holds"]
    reversed_ = cp.tipping_point(0.6, 0.45, 0.8, prevalences=[0.1, 0.9], strengths=[5.0]).table["conclusion"].to_list()
    assert reversed_ == ["reversed", "holds"]
    with pytest.raises(DataError):
        cp.tipping_point(0.6, 0.7, 0.8)
    with pytest.raises(DefinitionError):
        cp.tipping_point(0.6, 0.5, 0.8, prevalences=[1.2, 0.1])
