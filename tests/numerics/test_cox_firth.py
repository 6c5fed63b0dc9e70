# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Firth's penalty and profile limits equal coxphf, their definitions, and laws of copies and scales."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.optimize import brentq, minimize

from rwe import survival as sv
from rwe.errors import DefinitionError, NoValidAnswer

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
CASES = {case["case"]: case for case in json.loads((FOLDER / "cox_variants.json").read_text("utf-8"))["cases"]}
ASK: dict[str, Any] = {"time": "time", "event": "event"}
Z = 1.959963984540054
TIED = {
    "time": [1, 1, 2, 2, 2, 3, 4, 4, 5, 6],
    "event": [1, 1, 1, 0, 1, 1, 1, 0, 0, 1],
    "x": [1, 0, 2, 0, 1, 0, 1, 1, 0, 1],
    "z": [0, 1, 1, 0, 0, 1, 1, 0, 1, 0],
}


@pytest.mark.parametrize("name", [n for n in CASES if n.startswith("firth.")])
def test_equals_coxphf(name: str) -> None:
    wanted = CASES[name]["expect"]
    frame = pl.read_csv(FOLDER / CASES[name]["data"]).drop_nulls(wanted["terms"])
    x = frame.select(wanted["terms"]).to_numpy()

    fit = sv.cox(frame, covariates=wanted["terms"], ties="breslow", penalty="firth", **ASK)

    found = fit.coefficients
    for ours, theirs in {
        "estimate": "coef",
        "std_error": "se",
        "conf_low": "profile_hr_lower",
        "conf_high": "profile_hr_upper",
        "p_value": "profile_p",
    }.items():
        assert found[ours].to_list() == pytest.approx(wanted[theirs], rel=1e-6), ours
    unit = np.log(x.std(axis=0, ddof=1)).sum()  # coxphf states the information of standardised covariates
    assert [fit.loglik_null - unit, fit.loglik - unit] == pytest.approx(wanted["loglik_penalised"], rel=1e-9)
    assert fit.tests["test"].to_list() == ["likelihood_ratio", "wald"]


def test_complete_separation() -> None:
    frame = pl.DataFrame({"time": range(1, 9), "event": [1] * 8, "x": [1] * 4 + [0] * 4})

    found = sv.cox(frame, covariates=["x"], penalty="firth", **ASK).coefficients.row(0, named=True)

    assert found["estimate"] == pytest.approx(2.948199, abs=5e-7)
    assert math.log(found["conf_low"]) == pytest.approx(0.624945, abs=5e-7)
    assert math.log(found["conf_high"]) == pytest.approx(7.856570, abs=5e-7)
    with pytest.raises(NoValidAnswer, match=r"\['x'\] have no finite estimate .* or use penalty='firth'"):
        sv.cox(frame, covariates=["x"], **ASK)


def _penalised(frame: dict[str, list[int]], beta: Any, ties: str) -> float:
    """Return the penalised log likelihood as it is defined, failure by failure."""
    x = np.column_stack([frame["x"], frame["z"]]).astype(float)
    time, event = np.array(frame["time"]), np.array(frame["event"]) == 1
    risk, value, information = np.exp(x @ beta), 0.0, np.zeros((2, 2))
    for day in np.unique(time[event]):
        fails = event & (time == day)
        value += float((x[fails] @ beta).sum())
        for k in range(fails.sum()):
            out = k / fails.sum() if ties == "efron" else 0.0
            r = risk * (time >= day) * (1 - out * fails)
            mean = r @ x / r.sum()
            value -= math.log(r.sum())
            information += (x - mean).T @ ((r / r.sum())[:, None] * (x - mean))
    return value + math.log(np.linalg.det(information)) / 2


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_equals_the_definition(ties: Any) -> None:
    best = minimize(
        lambda b: -_penalised(TIED, b, ties), [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-14}
    )

    fit = sv.cox(pl.DataFrame(TIED), covariates=["x", "z"], ties=ties, penalty="firth", **ASK)

    assert fit.loglik == pytest.approx(-best.fun, rel=1e-12)
    assert fit.loglik_null == pytest.approx(_penalised(TIED, np.zeros(2), ties), rel=1e-12)
    assert fit.coefficients["estimate"].to_list() == pytest.approx(best.x, abs=2e-7)  # the optimiser's own precision

    def fall(b: float) -> float:
        nuisance = minimize(
            lambda c: -_penalised(TIED, np.array([b, c[0]]), ties), [0.0], method="BFGS", options={"gtol": 1e-9}
        )
        return 2 * (-best.fun + nuisance.fun) - Z**2

    low = brentq(fall, fit.coefficients["estimate"][0] - 8, fit.coefficients["estimate"][0], xtol=1e-10)
    assert math.log(fit.coefficients["conf_low"][0]) == pytest.approx(low, abs=1e-7)


def test_weights_are_copies_under_breslow_and_units_scale() -> None:
    frame = pl.DataFrame(TIED).with_columns(w=pl.Series([1, 2, 1, 3, 1, 1, 2, 1, 1, 2]))
    copies = frame[np.repeat(np.arange(10), frame["w"])]
    how: dict[str, Any] = ASK | {"ties": "breslow", "penalty": "firth"}

    weighted = sv.cox(frame, covariates=["x", "z"], weights="w", **how)
    copied = sv.cox(copies, covariates=["x", "z"], **how)
    scaled = sv.cox(copies.with_columns(x=pl.col("x") * 1000.0 + 5), covariates=["x", "z"], **how)

    for column in ("estimate", "std_error", "conf_low", "conf_high", "p_value"):
        assert weighted.coefficients[column].to_list() == pytest.approx(copied.coefficients[column].to_list(), rel=1e-9)
    assert scaled.coefficients["estimate"][0] * 1000 == pytest.approx(copied.coefficients["estimate"][0], rel=1e-9)
    assert scaled.coefficients["p_value"].to_list() == pytest.approx(copied.coefficients["p_value"].to_list(), rel=1e-8)
    assert scaled.loglik == pytest.approx(copied.loglik + math.log(1000), rel=1e-10)


def test_strata_and_late_entry_add_up() -> None:
    """Two strata that are copies of one cohort, its rows split in stretches, say the same as their weight of two."""
    one = pl.DataFrame(TIED).with_columns(enter=pl.lit(0), s=pl.lit(1), w=pl.lit(2))
    head = one.filter(pl.col("time") > 1).with_columns(time=pl.lit(1), event=pl.lit(0))
    tail = one.with_columns(enter=pl.when(pl.col("time") > 1).then(1).otherwise(0))
    split = pl.concat([head, tail.select(head.columns)], how="vertical_relaxed")
    twice = pl.concat([split, split.with_columns(s=pl.lit(2))], how="vertical_relaxed")
    how: dict[str, Any] = ASK | {"covariates": ["x", "z"], "ties": "efron", "penalty": "firth"}

    doubled = sv.cox(twice, strata="s", entry="enter", **how)
    gap = 2 * one["event"].sum() * math.log(2)  # a weight of two doubles each risk set inside the logarithm
    plain = sv.cox(one, weights="w", **how)

    assert doubled.coefficients["estimate"].to_list() == pytest.approx(
        plain.coefficients["estimate"].to_list(), rel=1e-9
    )
    assert doubled.loglik == pytest.approx(plain.loglik + gap, rel=1e-9)


def test_profile_intervals_of_an_ordinary_fit_equal_an_independent_optimiser() -> None:
    frame = pl.read_csv(FOLDER / "lung.csv").drop_nulls(["ph_ecog"]).head(60)
    fit = sv.cox(frame, covariates=["age", "sex"], **ASK)

    found = fit.profile_intervals()

    x = frame.select("age", "sex").to_numpy().astype(float)
    x -= x.mean(axis=0)
    time, event = frame["time"].to_numpy(), frame["event"].to_numpy() == 1

    def loglik(beta: Any) -> float:
        risk, value = np.exp(x @ beta), 0.0
        for day in np.unique(time[event]):
            fails = event & (time == day)
            value += float((x[fails] @ beta).sum())
            for k in range(fails.sum()):
                value -= math.log((risk * (time >= day) * (1 - k / fails.sum() * fails)).sum())
        return value

    def fall(b: float) -> float:
        best = minimize(lambda a: -loglik(np.array([a[0] / 100, b])), [1.0], method="BFGS", options={"gtol": 1e-7})
        return 2 * (fit.loglik + float(best.fun)) - Z**2

    middle = fit.coefficients["estimate"][1]
    limits = [brentq(fall, middle - 2, middle, xtol=1e-10), brentq(fall, middle, middle + 2, xtol=1e-10)]
    assert np.log(found.select("conf_low", "conf_high").row(1)) == pytest.approx(limits, abs=1e-7)
    without = sv.cox(frame, covariates=["age"], **ASK)
    assert found["statistic"][1] ** 2 == pytest.approx(2 * (fit.loglik - without.loglik), rel=1e-9)
    assert found.columns == ["term", "estimate", "hazard_ratio", "conf_low", "conf_high", "statistic", "p_value"]


def test_profile_of_one_term_is_the_likelihood_ratio_test() -> None:
    frame = pl.read_csv(FOLDER / "edge_ties.csv")

    for ties in ("efron", "breslow", "exact"):
        fit = sv.cox(frame, covariates=["arm"], ties=ties, **ASK)
        found = fit.profile_intervals().row(0, named=True)

        assert found["statistic"] ** 2 == pytest.approx(fit.tests["statistic"][0], rel=1e-9)
        assert found["p_value"] == pytest.approx(fit.tests["p_value"][0], rel=1e-9)
        assert found["conf_low"] < found["hazard_ratio"] < found["conf_high"]


def test_what_has_no_answer_is_refused() -> None:
    frame = pl.read_csv(FOLDER / "lung.csv").with_columns(two=2 * pl.col("age"), one=pl.lit(1))
    other: Any = "lasso"

    with pytest.raises(DefinitionError, match="weights that are counts"):
        sv.cox(frame, covariates=["age"], weights="wt_frac", penalty="firth", **ASK)
    with pytest.raises(DefinitionError, match="not exact"):
        sv.cox(frame, covariates=["age"], ties="exact", penalty="firth", **ASK)
    with pytest.raises(DefinitionError, match="penalty 'lasso' is not firth"):
        sv.cox(frame, covariates=["age"], penalty=other, **ASK)
    with pytest.raises(NoValidAnswer, match=r"\['two', 'one'\] are constant or a combination"):
        sv.cox(frame, covariates=["age", "two", "one"], penalty="firth", **ASK)
    with pytest.raises(NoValidAnswer, match="no events"):
        sv.cox(frame.with_columns(event=0), covariates=["age"], penalty="firth", **ASK)
    with pytest.raises(DefinitionError, match="robust variance"):
        sv.cox(frame, covariates=["age"], weights="wt_frac", **ASK).profile_intervals()
