# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cause-specific Cox models and their absolute risks equal R, Cox itself, and the curves where nothing is explained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from rwe import survival as sv
from rwe.errors import NoValidAnswer
from rwe.execute import Parts

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
CASES = {case["case"]: case for case in json.loads((FOLDER / "competing.json").read_text("utf-8"))["cases"]}
TERMS = {"sim": ["arm", "x"], "colon": ["age", "sex", "node4"]}


def _given(name: str) -> tuple[pl.DataFrame, dict[str, Any], int]:
    data = name.split(".")[1]
    frame, unit = pl.read_csv(FOLDER / CASES[name]["data"]), 4 if data == "sim" else 1
    frame = frame.with_columns((pl.col("ftime") * unit).round().cast(pl.Int64))
    return frame, {"time": "ftime", "cause": "fstatus", "covariates": TERMS[data]}, unit


@pytest.mark.parametrize("name", [n for n in CASES if ".cs" in n])
def test_coefficients_equal_coxph(name: str) -> None:
    frame, given, _ = _given(name)
    expect, cause = CASES[name]["expect"], int(name.split(".")[2][-1])

    found = sv.cause_specific(frame, **given).coefficients.filter(cause=cause)

    assert_allclose(found["estimate"], expect["coef"], rtol=1e-6)
    assert_allclose(found["std_error"], expect["se"], rtol=1e-6)


@pytest.mark.parametrize("name", [n for n in CASES if n.startswith("csc_absrisk.")])
def test_absolute_risks_equal_risk_regression(name: str) -> None:
    frame, given, unit = _given(name)
    expect = CASES[name]["expect"]

    fit = sv.cause_specific(frame, **given)
    found = fit.predict_incidence(pl.DataFrame(expect["newdata"], strict=False), [t * unit for t in expect["time"]])

    for cause in (1, 2):
        wanted = np.ravel(expect[f"abs_risk_cause{cause}_rows_newdata_cols_time"])
        assert_allclose(found.filter(cause=cause)["incidence"], wanted, rtol=1e-8)


def test_with_nothing_to_explain_risks_are_near_the_curves_and_their_errors() -> None:
    frame, given, _ = _given("csc_absrisk.colon")
    frame = frame.with_columns(nothing=np.random.default_rng(1).permutation(frame["age"].to_numpy()) - 59.75)

    fit = sv.cause_specific(frame, **given | {"covariates": ["nothing"]})
    found = fit.predict_incidence(pl.DataFrame({"nothing": [0.0]}), [365, 1825])

    wanted = sv.cumulative_incidence(frame, time="ftime", cause="fstatus").at([365, 1825])
    assert_allclose(found["incidence"], wanted["incidence"], rtol=0.02)
    assert_allclose(found["std_error"], wanted["std_error"], rtol=0.05)


def test_one_cause_is_cox() -> None:
    frame = pl.read_csv(FOLDER / "lung.csv").drop_nulls("ph_ecog")
    new = pl.DataFrame({"age": [60, 70], "sex": [1, 2]})

    risks = sv.cause_specific(frame, time="time", cause="event", covariates=["age", "sex"])
    cox = sv.cox(frame, time="time", event="event", covariates=["age", "sex"])

    found, wanted = risks.predict_incidence(new, [100, 365]), cox.predict_survival(new, [100, 365])
    assert risks.coefficients.drop("cause").equals(cox.coefficients)
    # Risks are products over days, the survival of a Cox model is exp(-H): it falls a little less.
    assert_allclose(1 - found["incidence"], wanted["survival"], atol=0.004)
    assert_allclose(found["std_error"], wanted["std_error"], rtol=0.03)


def test_continuous_times_are_days_in_another_unit_and_each_model_is_cox() -> None:
    frame, given, _ = _given("csc_absrisk.colon")
    years = frame.with_columns(pl.col("ftime") / 365.25)
    new = frame[[3, 40]]

    found = sv.cause_specific(years, **given, clock="continuous")

    wanted = sv.cause_specific(frame, **given)
    risks = found.predict_incidence(new, [0.5, 2.0, 300 / 365.25, 99.0])
    expected = wanted.predict_incidence(new, [182, 730, 300, 36_000])
    columns = ["incidence", "std_error", "conf_low", "conf_high"]
    assert risks["time"].to_list()[:4] == [0.5, 2.0, 300 / 365.25, 99.0]
    assert_allclose(risks.select(columns), expected.select(columns), rtol=1e-10)
    for cause in (1, 2):
        failed = years.with_columns(fstatus=pl.col("fstatus") == cause)
        alone = sv.cox(failed, time="ftime", event="fstatus", covariates=given["covariates"], clock="continuous")
        assert found.models[cause].coefficients.equals(alone.coefficients)
        assert found.models[cause].baseline().equals(alone.baseline())


def test_words_strata_robust_variance_result_and_page() -> None:
    frame, given, _ = _given("csc_absrisk.colon")
    words = frame.with_columns(fstatus=pl.col("fstatus").replace_strict({0: "censored", 1: "relapse", 2: "death"}))

    fit = sv.cause_specific(words, **given, strata="rx", cluster="id")
    found = fit.predict_incidence(pl.DataFrame({"age": [60], "sex": [1], "node4": [0], "rx": [1]}), [365, 99_999])

    assert list(fit.models) == ["death", "relapse"]
    assert found["incidence"].is_null().to_list() == [False, True, False, True]
    assert found["std_error"].null_count() == 4
    outcomes = fit.to_result(outcome="event").table["outcome"].unique(maintain_order=True)
    assert outcomes.to_list() == ["event death", "event relapse"]
    assert "2 causes" in fit._repr_html_()


def test_nobody_fails() -> None:
    frame, given, _ = _given("csc_absrisk.sim")

    with pytest.raises(NoValidAnswer, match="nobody fails"):
        sv.cause_specific(frame.with_columns(fstatus=0), **given)


@pytest.mark.parametrize("seed", range(4))
def test_parts_of_a_cohort_cut_at_random_give_the_models_of_the_whole(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    frame, given, _ = _given("csc_absrisk.colon")
    frame = frame.with_columns(w=pl.Series(rng.integers(0, 3, frame.height)), part=rng.integers(0, 6, frame.height))
    frame = frame.with_columns(words=pl.col("fstatus").replace_strict({0: "censored", 1: "relapse", 2: "death"}))
    given |= {"cause": ["fstatus", "words"][seed % 2], "weights": [None, "w"][seed // 2]}
    file = tmp_path / "rows.parquet"
    frame.write_parquet(file)
    lone = frame.filter(fstatus=0).head(5)  # a part that knows no cause
    held = [part for _, part in frame.join(lone, on=frame.columns, how="anti").group_by("part")]

    whole = sv.cause_specific(frame, **given)
    for rows in (Parts([lone, *held]), file, frame.lazy()):
        found = sv.cause_specific(rows, **given)

        assert list(found.models) == list(whole.models)
        assert_allclose(found.coefficients["estimate"], whole.coefficients["estimate"], rtol=1e-10)
        assert_allclose(found.coefficients["std_error"], whole.coefficients["std_error"], rtol=1e-10)
        risks = [fit.predict_incidence(frame.head(3), [365, 1825]) for fit in (found, whole)]
        assert_allclose(risks[0]["incidence"], risks[1]["incidence"], rtol=1e-10)
