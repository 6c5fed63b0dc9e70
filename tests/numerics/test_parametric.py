# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Parametric families equal R (survreg, flexsurv): likelihood, coefficients, errors, curves, means."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from rwe import survival as sv
from rwe.kernels._jit import F8

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
CASES = {c["case"]: c for c in json.loads((FOLDER / "parametric.json").read_text("utf-8"))["cases"]}
NAMES = {"exponential": "exp", "lognormal": "lnorm", "loglogistic": "llogis", "weibullPH": "weibull_ph"}
SURVREG = sorted(name for name in CASES if name.startswith("survreg."))
FLEXSURV = sorted(name for name in CASES if name.startswith("flexsurvreg."))
WRONG_ERROR = {  # flexsurv's are not those of its likelihood (see the test of the first below), or lie at the edge of P
    "flexsurvreg.gbsg.gompertz": ["shape"],
    "flexsurvreg.veteran_genf.genf": ["sigma", "P"],
}
AT_LIMIT = {"flexsurvreg.veteran_genf.genf": {3: 0.0}}  # flexsurv stops at P = 8e-6 on the way to 0


def _frame(name: str) -> pl.DataFrame:
    [path] = [
        p / CASES[name]["data"] for p in (FOLDER, FOLDER.parent / "r_cardata") if (p / CASES[name]["data"]).exists()
    ]
    return pl.read_csv(path)


def _asked(name: str) -> dict[str, Any]:
    """Return the arguments that say what the R call says."""
    call, family = CASES[name]["call"], name.rpartition(".")[2]
    surv = re.search(r"Surv\((.*?)\) ~ (.*?),", call)
    assert surv is not None
    columns = [column.strip() for column in surv[1].split(",")]
    asked: dict[str, Any] = {"time": columns[-2], "event": columns[-1], "family": NAMES.get(family, family)}
    asked |= {"entry": columns[0], "clock": "continuous"} if len(columns) == 3 else {}
    asked |= {"formula": surv[2]} if surv[2] != "1" else {}
    return asked | ({"weights": "wt_int"} if "weights" in call else {})


def _places(name: str) -> tuple[dict[str, Any], pl.DataFrame | None]:
    """Return what R predicts, and for which rows."""
    expect = CASES[name]["expect"]
    told = expect.get("predict") or expect["predict_per_newdata_row"]
    return told, pl.DataFrame(expect["newdata"]) if expect.get("newdata") else None


@pytest.mark.parametrize("name", SURVREG)
def test_equals_survreg(name: str) -> None:
    wanted = CASES[name]["expect"]

    fit = sv.parametric(_frame(name), **_asked(name))

    rows = fit.coefficients.filter(pl.col("parameter") == fit.family.location)
    sign = -1 if fit.family.name == "exp" else 1  # R models the time, we the rate
    errors = wanted["se"][: len(wanted["coef"])]
    assert [fit.loglik, fit.loglik_null] == pytest.approx([wanted["loglik"], wanted["loglik_null"]], rel=1e-12)
    assert [fit.n, fit.aic, fit.bic] == pytest.approx([wanted["n"], wanted["aic"], wanted["bic_n"]], rel=1e-12)
    assert (sign * rows["estimate"]).to_list() == pytest.approx(wanted["coef"], rel=1e-6, abs=1e-8)
    assert rows["std_error"].to_list() == pytest.approx(errors, rel=1e-6)


@pytest.mark.parametrize("name", FLEXSURV)
def test_equals_flexsurv(name: str) -> None:
    wanted = CASES[name]["expect"]

    fit = sv.parametric(_frame(name), **_asked(name))

    columns = ["parameter", "estimate", "std_error"]
    moved = fit.coefficients.filter(pl.col("term") != "intercept")
    found = pl.concat([fit.parameters.select(columns), moved.select(columns)])
    est = [AT_LIMIT.get(name, {}).get(i, value) for i, value in enumerate(wanted["est"])]
    known = [p not in WRONG_ERROR.get(name, []) for p in wanted["parameters"]]
    assert [fit.loglik, fit.aic, fit.bic] == pytest.approx([wanted["loglik"], wanted["aic"], wanted["bic_n"]], rel=1e-7)
    assert (fit.n, fit.n_event) == (wanted["n"], wanted["n_event"])
    assert found["estimate"].to_list() == pytest.approx(est, rel=1e-5)
    assert_allclose(
        found["std_error"].to_numpy()[known], np.array(wanted["se"])[known], rtol=1e-3 if AT_LIMIT.get(name) else 1e-5
    )


@pytest.mark.parametrize("name", FLEXSURV)
def test_predicts_as_flexsurv(name: str) -> None:
    told, new = _places(name)
    fit = sv.parametric(_frame(name), **_asked(name))

    found = {
        "survival": fit.survival(told["time"], new)["survival"],
        "hazard": fit.hazard(told["time"], new)["hazard"],
        "cumhaz": fit.cumulative_hazard(told["time"], new)["cumulative_hazard"],
        "rmst": fit.rmst(told["tau"], new)["rmst"],
        "median": fit.quantile(0.5, new)["time"],
        "mean": fit.mean(new)["mean"],
    }

    for what, values in found.items():
        assert_allclose(
            values.to_numpy(), np.concatenate(told[what]), rtol=2e-4 if what == "mean" else 1e-5, err_msg=what
        )


def test_the_error_that_flexsurv_has_otherwise_is_that_of_the_likelihood() -> None:
    name = "flexsurvreg.gbsg.gompertz"
    frame, told = _frame(name), CASES[name]["expect"]
    t, e, x = (frame[c].to_numpy().astype(np.longdouble) for c in ("rfstime", "status", "hormon"))
    fit = sv.parametric(frame, **_asked(name))
    best, step = fit.coefficients["estimate"].to_numpy(), np.array([1e-6, 1e-3, 1e-3])

    def loglik(beta: F8) -> float:
        shape, rate = np.longdouble(beta[0]), np.exp(beta[1] + beta[2] * x)
        return float(np.sum(e * (np.log(rate) + shape * t) - rate * np.expm1(shape * t) / shape))

    def bend(i: int, j: int) -> float:
        a, b = np.eye(3)[i] * step[i], np.eye(3)[j] * step[j]
        corners = loglik(best + a + b) - loglik(best + a - b) - loglik(best - a + b) + loglik(best - a - b)
        return corners / float(4 * step[i] * step[j])

    hessian = np.array([[bend(i, j) for j in range(3)] for i in range(3)])
    error = np.sqrt(np.diag(np.linalg.inv(-hessian)))
    assert_allclose(fit.coefficients["std_error"], error, rtol=1e-5)
    assert told["se"][0] < 0.83 * error[0]
