# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cox fits equal R carried to the optimum (eps 1e-13): estimates to 1e-10, errors to 1e-8, likelihoods to 1e-12."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from rwe import survival as sv

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
CASES = {case["case"]: case for case in json.loads((FOLDER / "converged.json").read_text("utf-8"))["cases"]}
LUNG = {"formula": "age + sex + ph_ecog"}
ROSSI_LONG = {"entry": "start", "time": "stop", "formula": "fin + age + prio + employed_lag1"}
GBSG = {"time": "rfstime", "event": "status"}
MODELS: dict[str, dict[str, Any]] = {
    "lung": LUNG,
    "veteran": {"formula": "trt + karno + C(celltype) + prior"},
    "rossi": {"time": "week", "event": "arrest", "formula": "fin + age + race + wexp + mar + paro + prio"},
    "edge_ties": {"formula": "arm"},
    "gbsg": GBSG | {"formula": "hormon + age + meno + size + C(grade) + nodes + pgr + er"},
    "lung_strata_sex": {"formula": "age + ph_ecog", "strata": "sex"},
    "rossi_tv": ROSSI_LONG,
    "lung_wint": {"formula": "age + sex", "weights": "wt_int"},
    "lung_wfrac_robust": {"formula": "age + sex", "weights": "wt_frac"},
    "sim_lt": {"entry": "entry", "formula": "arm + x"},
    "lung_cluster_inst": LUNG | {"cluster": "inst"},
    "rossi_tv_cluster": ROSSI_LONG | {"cluster": "id"},
    "colon_interaction": {"event": "death", "formula": "C(rx) * node4 + age"},
    "gbsg_logs": GBSG | {"formula": "hormon + log(nodes) + decades + decades2"},
    "lung_offset": {"formula": "sex", "offset": "known"},
    "edge_constant": {"formula": "y"},
    "edge_weights": {"formula": "x", "weights": "w"},
    "null_lung_nodrop": {"formula": "meal_cal + wt_loss + pat_karno"},
    "sim.cs1": {"time": "ftime", "formula": "arm + x"},
    "sim.cs2": {"time": "ftime", "formula": "arm + x"},
    "colon.cs1": {"time": "ftime", "formula": "age + sex + node4"},
    "colon.cs2": {"time": "ftime", "formula": "age + sex + node4"},
}
FITTED = {f"converged.{model}.{ties}": (model, ties) for model in MODELS for ties in ("efron", "breslow", "exact")}


def _frame(name: str, model: str) -> pl.DataFrame:
    """Return the rows that R used: with columns that its formula makes, without rows that it drops."""
    [path] = [
        p for p in (FOLDER / CASES[name]["data"], FOLDER.parent / "r_cardata" / CASES[name]["data"]) if p.exists()
    ]
    frame = pl.read_csv(path)
    if model.startswith("sim"):  # hundredths and quarters of a unit: whole numbers stand for days
        frame = frame.with_columns((pl.col("^(entry|time|ftime)$") * 100).round().cast(pl.Int64))
    if "cs" in model:
        frame = frame.with_columns(event=pl.col("fstatus") == int(model[-1]))
    if model == "gbsg_logs":
        frame = frame.with_columns(decades=pl.col("age") / 10, decades2=(pl.col("age") / 10) ** 2)
    if model == "lung_offset":
        frame = frame.with_columns(known=0.02 * pl.col("age"))
    if model == "edge_weights":
        frame = frame.with_columns(x=pl.Series([0, 1, 1, 0, 1, 0]))
    words = CASES[name]["call"]
    return frame.drop_nulls([column for column in frame.columns if column in words])


@pytest.mark.parametrize("name", [name for name in CASES if name in FITTED])
def test_equals_r_at_the_optimum(name: str) -> None:
    model, ties = FITTED[name]
    wanted = CASES[name]["expect"]

    fit = sv.cox(_frame(name, model), **{"time": "time", "event": "event", **MODELS[model]}, ties=ties)

    found = fit.coefficients
    assert (fit.n, fit.n_event) == (wanted["n"], wanted["n_event"])
    assert found["estimate"].to_list() == pytest.approx(wanted["coef"], rel=1e-10)
    assert found["std_error"].to_list() == pytest.approx(wanted["se_naive"], rel=1e-8)
    assert fit.robust == ("se_robust" in wanted)
    if fit.robust:
        assert found["robust_std_error"].to_list() == pytest.approx(wanted["se_robust"], rel=1e-8)
    error = np.sqrt(np.diag(wanted["vcov"]))
    assert_allclose(fit.covariance / np.outer(error, error), wanted["vcov"] / np.outer(error, error), atol=1e-8)
    assert [fit.loglik_null, fit.loglik] == pytest.approx([wanted["loglik_null"], wanted["loglik"]], rel=1e-12)
    if not fit.robust:
        assert fit.tests.filter(test="score")["statistic"].item() == pytest.approx(wanted["score"], rel=1e-10)
