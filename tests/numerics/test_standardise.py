# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""G-computation and simulated treatment comparison: by hand, R's value, truth of a simulation, and refusals."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import compare as cp
from rwe import survival as sv
from rwe.compare.target import simulate
from rwe.errors import DataError, DefinitionError, NoValidAnswer
from tests.numerics.alignment import CASES, COVARIATES, FRAMES  # R's values: "propensity.json"

TABLE = pl.DataFrame({"x": [0] * 8 + [1] * 8, "a": ([0] * 4 + [1] * 4) * 2,
                      "y": [1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0]})  # fmt: skip


@pytest.mark.parametrize(("to", "value"), [(None, "g_computation_ATE"), ("treated", "g_computation_ATT")])
def test_a_linear_model_an_arm_equals_r(to: str | None, value: str) -> None:
    found = cp.standardise(
        FRAMES["lalonde"], covariates=COVARIATES["lalonde"], model="linear", outcome="re78", treatment="treat", to=to,
        replicates=0,
    )  # fmt: skip

    difference = found.table.filter(group="difference")["estimate"][0]
    assert difference == pytest.approx(CASES["weighted_mean_difference.lalonde.re78"][value], rel=1e-6)
    assert found.table["std_error"].null_count() == 3


def test_a_saturated_model_by_hand_in_fractions() -> None:
    # risks: x = 0 treated 2/4, control 1/4; x = 1 treated 3/4, control 2/4; a population of which 1/5 has x = 1
    there = pl.DataFrame({"x": [0, 0, 0, 0, 1]})

    found = cp.standardise(
        TABLE, covariates=["x"], model="logistic", outcome="y", treatment="a", to=there, replicates=0
    )

    one = Fraction(4, 5) * Fraction(1, 2) + Fraction(1, 5) * Fraction(3, 4)
    other = Fraction(4, 5) * Fraction(1, 4) + Fraction(1, 5) * Fraction(1, 2)
    ratio = math.log(one / (1 - one)) - math.log(other / (1 - other))
    expected = [float(one), float(other), float(one - other), ratio]
    assert found.table["estimate"].to_list() == pytest.approx(expected, rel=1e-9)
    assert found.to_result("practice").table["n"].unique().to_list() == [16]


def test_survival_is_the_mean_of_the_curves() -> None:
    frame = FRAMES["gbsg"]
    there = frame.head(40)

    asked: dict[str, Any] = {"time": "rfstime", "event": "status", "covariates": ["age", "nodes"]}
    found = cp.standardise(frame, **asked, model="cox", milestones=[365, 1096], to=there, replicates=20, seed=2)

    fit = sv.cox(frame, **asked)
    base = fit.baseline()
    beta = fit.coefficients["estimate"].to_numpy()
    risk = np.exp(there.select("age", "nodes").to_numpy() @ beta)
    for day, estimate in found.table.select("time", "estimate").iter_rows():
        hazard = base.filter(pl.col("time") <= day)["cumulative_hazard"][-1]
        assert estimate == pytest.approx(float(np.exp(-hazard * risk).mean()), rel=1e-9)
    assert (found.table["std_error"] > 0).all()
    assert (found.table["conf_low"] < found.table["estimate"]).all()


def test_drawn_persons_have_the_margins_and_the_dependence_of_practice() -> None:
    rng = np.random.default_rng(6)
    age = rng.gamma(20, 3, 2000)
    frame = pl.DataFrame({"age": age, "severe": (rng.random(2000) < 1 / (1 + np.exp(-(age - 60) / 8))).astype(int),
                          "stage": np.where(age + rng.normal(0, 15, 2000) > 60, "II", "I")})  # fmt: skip
    targets: dict[str, Any] = {"age": {"mean": 50, "sd": 6}, "severe": 0.3, "stage": {"I": 70, "II": 30}}

    drawn = simulate(frame, targets, 20_000, seed=1)

    x = drawn["age"].to_numpy()
    assert (x.mean(), x.std()) == pytest.approx((50, 6), abs=0.15)
    assert float((drawn["stage"] == "II").to_numpy().mean()) == pytest.approx(0.3, abs=0.01)
    assert float(drawn["severe"].to_numpy().mean()) == pytest.approx(0.3, abs=0.01)
    ours, theirs = (np.corrcoef(f["age"], f["severe"])[0, 1] for f in (drawn, frame))
    assert 0.6 * theirs < ours < 1.2 * theirs


def test_simulated_comparison_recovers_the_truth_that_the_crude_rate_misses() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(0, 1, 6000)
    frame = pl.DataFrame({"x": x, "y": (rng.random(6000) < 1 / (1 + np.exp(0.5 - x))).astype(int)})
    there = rng.normal(1, 0.5, 200_000)
    truth = float((1 / (1 + np.exp(0.5 - there))).mean())

    found = cp.standardise(
        frame, covariates=["x"], model="logistic", outcome="y", to={"x": {"mean": 1, "sd": 0.5}}, replicates=30, seed=5,
    )  # fmt: skip

    estimate, error = found.table.select("estimate", "std_error").row(0)
    assert abs(estimate - truth) < 4 * error
    assert abs(float(frame["y"].to_numpy().mean()) - truth) > 10 * error


def test_the_same_seed_gives_the_same_bits() -> None:
    asked: dict[str, Any] = {"covariates": ["x"], "model": "linear", "outcome": "y", "replicates": 10, "seed": 4}

    first, again = (cp.standardise(TABLE, **asked).table for _ in range(2))

    assert first.equals(again)


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"model": "forest"}, DefinitionError, "unknown model 'forest'"),
    ({"model": "cox"}, DefinitionError, "a cox model needs time, event and milestones"),
    ({"time": "y"}, DefinitionError, "a logistic model needs an outcome, and no time"),
    ({"to": "controls"}, DefinitionError, "to: give 'treated'"),
    ({"to": {"age": 1}}, DefinitionError, r"targets leave out the covariates \['x'\]"),
    ({"to": TABLE.head(0)}, NoValidAnswer, "nobody is in the population"),
    ({"to": pl.DataFrame({"z": [1]})}, DataError, r"columns \['x'\] are missing"),
    ({"treatment": "none"}, NoValidAnswer, "'none': nobody is treated"),
    ({"outcome": "x"}, NoValidAnswer, "no finite estimate"),
    ({"replicates": 40}, NoValidAnswer, "of 40 replicates: fewer covariates"),
]


@pytest.mark.parametrize(("asked", "error", "words"), WRONG)
def test_what_has_no_answer_is_refused_by_name(asked: dict[str, Any], error: type[Exception], words: str) -> None:
    frame = TABLE.with_columns(none=pl.lit(0))
    if "replicates" in asked:
        frame = frame[[0, 1, 4, 8, 9, 12, 15]]

    with pytest.raises(error, match=words):
        cp.standardise(frame, **({"covariates": ["x"], "model": "logistic", "outcome": "y", "replicates": 0} | asked))
