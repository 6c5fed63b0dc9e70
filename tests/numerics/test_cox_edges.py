# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Traps for a Cox model: each has the right answer, or is refused with the name of what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv
from rwe.errors import DataError, NoValidAnswer

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
ASK: dict[str, Any] = {"time": "time", "event": "event"}


@pytest.fixture(scope="module")
def lung() -> pl.DataFrame:
    return pl.read_csv(FOLDER / "lung.csv")


def test_rows_of_weight_0_are_left_out_and_counted(lung: pl.DataFrame) -> None:
    some = lung.with_columns(w=(pl.int_range(pl.len()) % 5 > 0).cast(pl.Int64))

    weighted = sv.cox(some, covariates=["age"], weights="w", **ASK)
    alone = sv.cox(some.filter(pl.col("w") > 0), covariates=["age"], **ASK)

    assert weighted.coefficients.equals(alone.coefficients)
    assert weighted.notes == ("46 rows of weight 0 left out",)


def test_separation_is_named_with_and_without_other_terms() -> None:
    quasi = pl.DataFrame({"time": [1, 2, 3, 4, 5, 6], "event": [1, 1, 1, 0, 1, 0], "x": [1, 1, 0, 0, 0, 0]})
    quasi = quasi.with_columns(z=pl.Series([1.0, 0, 2, 1, 0, 3]))

    with pytest.raises(NoValidAnswer, match=r"\['x'\] have no finite estimate .* penalty='firth'"):
        sv.cox(quasi, covariates=["x", "z"], **ASK)
    firth = sv.cox(quasi, covariates=["x", "z"], penalty="firth", **ASK).coefficients
    assert firth["estimate"].is_finite().all()
    assert firth["conf_high"].is_finite().all()


def test_collinear_and_constant_terms_are_named(lung: pl.DataFrame) -> None:
    frame = lung.with_columns(
        two=2 * pl.col("age") + 1, nearly=pl.col("age") + 1e-9 * pl.int_range(228), one=pl.lit(3.5)
    )
    late = pl.DataFrame({"time": [1, 2, 3, 4], "event": [0, 1, 1, 0], "x": [1, 0, 0, 0]})

    for model, named in ((["age", "two"], "two"), (["age", "nearly"], "nearly"), (["one", "age"], "one")):
        with pytest.raises(NoValidAnswer, match=rf"\['{named}'\] are constant or a combination"):
            sv.cox(frame, covariates=model, **ASK)
    for penalty in (None, "firth"):  # constant among those at risk when events happen
        with pytest.raises(NoValidAnswer, match=r"\['x'\] are constant"):
            sv.cox(late, covariates=["x"], penalty=penalty, **ASK)
    with pytest.raises(NoValidAnswer, match=r"\['x'\] are constant"):
        sv.cox(late.head(1).with_columns(event=1), covariates=["x"], **ASK)


@pytest.mark.parametrize("unit", [1e-130, 1e-10, 1e10, 1e130])
def test_any_unit_that_can_be_squared_gives_the_same_answer(lung: pl.DataFrame, unit: float) -> None:
    plain = sv.cox(lung, covariates=["age", "sex"], **ASK).coefficients

    scaled = sv.cox(lung.with_columns(pl.col("age") * unit), covariates=["age", "sex"], **ASK).coefficients

    assert scaled["estimate"][0] * unit == pytest.approx(plain["estimate"][0], rel=1e-10)
    assert scaled["std_error"][0] * unit == pytest.approx(plain["std_error"][0], rel=1e-10)
    assert scaled["p_value"].to_list() == pytest.approx(plain["p_value"].to_list(), rel=1e-9)


@pytest.mark.parametrize("unit", [1e-200, 1e160, 1e300])
def test_a_unit_that_cannot_be_squared_is_refused(lung: pl.DataFrame, unit: float) -> None:
    frame = lung.with_columns(pl.col("age") * unit)

    with pytest.raises(DataError, match=r"\['age'\] are too large or too small"):
        sv.cox(frame, covariates=["age", "sex"], **ASK)
    with pytest.raises(DataError, match=r"\['age'\] are too large or too small"):
        sv.ridge(frame, covariates=["age", "sex"], theta=1, **ASK)
    with pytest.raises(DataError, match=r"\['age'\] are too large or too small"):
        sv.elastic_net(frame, covariates=["age", "sex"], **ASK)


def test_one_event_has_an_answer_where_its_person_is_in_the_middle() -> None:
    """By hand: the score x - sum x exp(b x) / sum exp(b x) is 0 at b = 0 for the values 2 and 1, 2, 3."""
    frame = pl.DataFrame({"time": [1, 2, 3, 4], "event": [0, 1, 0, 0], "x": [1, 2, 3, 1]})

    found = sv.cox(frame, covariates=["x"], **ASK)

    assert found.coefficients["estimate"][0] == pytest.approx(0, abs=1e-12)
    assert found.covariance[0, 0] == pytest.approx(3 / 2, rel=1e-12)
    with pytest.raises(NoValidAnswer, match=r"\['x'\] have no finite estimate"):
        sv.cox(frame.with_columns(x=pl.Series([1, 4, 3, 1])), covariates=["x"], **ASK)


@pytest.mark.parametrize("more", [{}, {"ties": "breslow"}, {"ties": "exact"}, {"penalty": "firth"}, {"robust": True}])
def test_a_term_that_is_the_same_for_all_at_risk_together_is_named(more: dict[str, Any]) -> None:
    """Its information is the rounding of its mean, which once was a hazard ratio of 1e54 and once said to run away."""
    for seed in range(60):
        r = np.random.default_rng(seed)
        frame = pl.DataFrame({"time": r.integers(1, 50, 60), "event": r.integers(0, 2, 60), "s": r.integers(0, 3, 60)})
        frame = frame.with_columns(g=pl.Series(np.array([0.1, 0.7, 0.3])[frame["s"].to_numpy()]), x=r.normal(size=60))

        for terms in (["g"], ["x", "g"]):
            with pytest.raises(NoValidAnswer, match=r"\['g'\] are constant or a combination"):
                sv.cox(frame, covariates=terms, strata="s", **ASK, **more)


@pytest.mark.parametrize("value", [1e4, 1e5, 1e6])
def test_a_value_far_off_that_no_failure_meets_changes_nothing(value: float) -> None:
    """Its risk overflows, and those at risk differ by a thousandth of the spread of the column and less."""
    r = np.random.default_rng(1)
    frame = pl.DataFrame({"time": r.integers(2, 90, 200), "event": r.integers(0, 2, 200), "x": r.normal(60, 9, 200)})
    far = pl.DataFrame({"time": [1], "event": [0], "x": [value]})

    fits = [sv.cox(rows, covariates=["x"], **ASK) for rows in (pl.concat([frame, far]), frame)]
    found, plain = (fit.coefficients for fit in fits)

    assert found["estimate"][0] == pytest.approx(plain["estimate"][0], rel=1e-6)
    assert found["std_error"][0] == pytest.approx(plain["std_error"][0], rel=1e-6)
    assert fits[0].concordance == pytest.approx(fits[1].concordance)
    assert fits[0].residuals("martingale")["martingale"].to_list()[-1] == 0.0
    robust = sv.cox(pl.concat([frame, far]), covariates=["x"], robust=True, **ASK).coefficients
    assert robust["robust_std_error"].is_finite().all()
