# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Residuals, test of proportional hazards and concordance of a Cox model equal R, definitions and sums by hand."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from rwe import survival as sv
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.survival.agreement import COUNTS

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
CASES = {case["case"]: case for case in json.loads((FOLDER / "diagnostics.json").read_text("utf-8"))["cases"]}
LUNG = {"formula": "age + sex + ph_ecog"}
MODELS: dict[str, dict[str, Any]] = {
    "lung": LUNG,
    "months": LUNG | {"time": "m", "cluster": "inst"},
    "strata": {"formula": "age + ph_ecog", "time": "m", "strata": "sex"},
    "wint": {"formula": "age + ph_ecog", "time": "m", "strata": "sex", "weights": "wt_int"},
    "wfrac": {"formula": "age + sex", "time": "m", "weights": "wt_frac"},
    "veteran": {"formula": "trt + karno + C(celltype)"},
    "heart": {"formula": "age + surgery + transplant", "entry": "start", "time": "stop", "cluster": "id"},
    "rossi": {"formula": "fin + age + prio + employed_lag1", "entry": "start", "time": "stop", "cluster": "id"},
    "simlt": {"formula": "arm + x", "entry": "entry"},
}
KINDS = {"scaledsch": "scaled_schoenfeld", "weighted_score": "score", "unweighted_dfbeta": "dfbeta"}
WEIGHTINGS: dict[str, Any] = {"n": "harrell", "n/G2": "uno", "S": "S", "S/G": "S/G", "I": "I"}


@cache
def _data(name: str) -> pl.DataFrame:
    file = CASES[f"zph.{name}"]["data"]
    frame = pl.read_csv(next(p for p in (FOLDER / file, FOLDER.parent / "r_cardata" / file) if p.exists()))
    if file == "lung.csv":
        if not name.startswith("lung"):
            frame = frame.drop_nulls(["ph_ecog", "inst"])
        frame = frame.drop_nulls("ph_ecog").with_columns(m=(pl.col("time") / 60).ceil())
    if name.startswith("heart"):
        frame = frame.with_columns(pl.col("start", "stop") * 2)  # halves of a day
    if name.startswith("simlt"):
        frame = frame.with_columns((pl.col("entry", "time") * 100).round())
    return frame


@cache
def _fit(name: str) -> sv.Cox:
    model, ties = name.split(".")
    more: dict[str, Any] = {"cluster": "inst"} if name == "wfrac.efron" else {}
    return sv.cox(_data(name), **{"time": "time", "event": "event", "ties": ties} | MODELS[model] | more)


def _told(found: pl.DataFrame, wanted: dict[str, Any], what: str) -> None:
    values = found.to_numpy()
    scale = np.sqrt(np.array(wanted["squares"]) / wanted["n"])
    place = np.arange(1, values.shape[0] + 1)[:, None]

    assert values.shape[0] == wanted["n"], what
    assert_allclose(values[:12] / scale, np.array(wanted["first"]) / scale, rtol=1e-8, atol=1e-8, err_msg=what)
    assert_allclose((values**2).sum(axis=0), wanted["squares"], rtol=1e-8, err_msg=what)
    atol = 1e-9 * float(place.sum())
    assert_allclose((values * place).sum(axis=0) / scale, np.array(wanted["placed"]) / scale, atol=atol, err_msg=what)


def _of(cases: str) -> list[str]:
    return [name.removeprefix(cases) for name in CASES if name.startswith(cases)]


@pytest.mark.parametrize("name", _of("residuals."))
def test_residuals_equal_r(name: str) -> None:
    fit = _fit(name)

    for what, wanted in CASES[f"residuals.{name}"]["expect"].items():
        collapse = what.startswith("collapsed_")
        kind: Any = KINDS.get(what, what.removeprefix("collapsed_"))
        weighted = True if what == "weighted_score" else False if what == "unweighted_dfbeta" else None
        found = fit.residuals(kind, weighted=weighted, collapse=collapse)
        terms = fit.design.names if kind not in ("martingale", "deviance") else [kind]
        _told(found.select(terms), wanted, what)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_residuals_of_tied_failures_equal_r(ties: Any) -> None:
    cases = {case["case"]: case for case in json.loads((FOLDER / "residuals_ties.json").read_text("utf-8"))["cases"]}
    case = cases[f"resid.edge_ties.{ties}"]
    fit = sv.cox(pl.read_csv(FOLDER / case["data"]), time="time", event="event", covariates=["arm"], ties=ties)

    for what, wanted in case["expect"].items():
        found = fit.residuals(KINDS.get(what, what)).to_series(-1)
        assert_allclose(found, wanted, rtol=case["tolerance"]["rel"], atol=case["tolerance"]["abs"], err_msg=what)


@pytest.mark.parametrize("name", _of("zph."))
def test_proportional_hazards_equal_r(name: str) -> None:
    wanted, fit = dict(CASES[f"zph.{name}"]["expect"]), _fit(name)
    terms = wanted.pop("terms")

    for transform, values in wanted.items():
        found = fit.proportional_hazards(transform)
        assert_allclose(found.table["statistic"], values["chisq"], rtol=1e-8, err_msg=transform)
        assert_allclose(found.table["p_value"], values["p"], rtol=1e-7, err_msg=transform)
        if transform in ("km", "rank") or not name.startswith(("heart", "simlt")):  # these are in another unit
            _told(found.residuals.select("transformed"), values["x"], transform)
    assert_allclose(fit.proportional_hazards(by_column=True).table["statistic"], terms, rtol=1e-8)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("zph.gbsg.efron", {"time": "rfstime", "event": "status", "covariates": ["hormon", "age", "nodes", "pgr"]}),
        ("zph.lung_strata.efron", {"event": "event", "covariates": ["age", "ph_ecog"], "strata": "sex"}),
    ],
)
def test_proportional_hazards_equal_r_at_its_own_stop(name: str, asked: dict[str, Any]) -> None:
    """R stopped at its default here, up to 1e-8 short of the maximum."""
    [case] = [c for c in json.loads((FOLDER / "cox.json").read_text("utf-8"))["cases"] if c["case"] == name]
    frame = pl.read_csv(FOLDER / case["data"]).drop_nulls(asked["covariates"])

    fit = sv.cox(frame, **{"time": "time", **asked})

    for transform, wanted in case["expect"].items():
        found = fit.proportional_hazards(transform).table
        assert_allclose(found["statistic"], wanted["chisq"], rtol=1e-6, err_msg=transform)
        assert_allclose(found["p_value"], wanted["p"], rtol=1e-6, err_msg=transform)


@pytest.mark.parametrize("name", _of("concordance."))
def test_concordance_equals_r(name: str) -> None:
    wanted, fit, model = dict(CASES[f"concordance.{name}"]["expect"]), _fit(name), MODELS[name.split(".")[0]]
    frame = _data(name)
    design = fit.design.matrix(frame) @ fit.coefficients["estimate"].to_numpy()
    scored = frame.with_columns(score=pl.Series(design).round(10))
    columns = {k: v for k, v in model.items() if k != "formula"} | (
        {"cluster": "inst"} if name == "wfrac.efron" else {}
    )
    columns = {"time": "time", "event": "event", "score": "score"} | columns
    half = wanted.pop("half")
    unit = {"heart": 2, "simlt": 1}.get(name.split(".")[0], 1)

    for weighting, values in wanted.items():
        found = sv.concordance(scored, **columns, weighting=WEIGHTINGS[weighting])
        assert found.concordance == pytest.approx(values["concordance"], rel=1e-12), weighting
        assert found.std_error == pytest.approx(values["se"], rel=1e-11), weighting
        assert_allclose(found.counts.select(COUNTS).to_numpy().ravel("F"), values["counts"], rtol=1e-12, atol=1e-9)
    until = sv.concordance(scored, **columns, tau=half["ymax"] * unit)
    assert until.concordance == pytest.approx(half["concordance"], rel=1e-12)
    compared = 3 if "entry" in model else 5  # with late entry R counts pairs tied in time beyond ymax too
    counts = np.array(half["counts"]).reshape(5, -1)[:compared]
    assert_allclose(until.counts.select(COUNTS[:compared]).to_numpy().T, counts, rtol=1e-12, atol=1e-9)
    assert fit.concordance == pytest.approx(wanted["n"]["concordance"], rel=1e-12)
    assert fit.concordance_std_error == pytest.approx(wanted["n"]["se"], rel=1e-11)


def test_what_cannot_be_said_is_refused_by_name() -> None:
    frame = pl.read_csv(FOLDER / "lung.csv").drop_nulls("ph_ecog")
    asked: dict[str, Any] = {"time": "time", "event": "event"}
    fit = sv.cox(frame, **asked, **LUNG)
    other: Any = "partial"
    exact = sv.cox(frame, **asked, covariates=["age"], ties="exact")
    firth = sv.cox(frame, **asked, covariates=["age"], penalty="firth")
    early = frame.with_columns(pl.when(pl.int_range(pl.len()) == 0).then(0).otherwise("time").alias("time"))

    with pytest.raises(DefinitionError, match="kind 'partial' is not one of"):
        fit.residuals(other)
    with pytest.raises(DefinitionError, match="collapse sums the residuals of a cluster"):
        fit.residuals("score", collapse=True)
    with pytest.raises(DefinitionError, match="schoenfeld residuals belong to events"):
        _fit("months.efron").residuals("schoenfeld", collapse=True)
    with pytest.raises(DefinitionError, match="no weighted form"):
        fit.residuals("deviance", weighted=True)
    with pytest.raises(DefinitionError, match="score residuals do not exist for exact ties"):
        exact.residuals("score")
    with pytest.raises(DefinitionError, match="do not exist for exact ties"):
        exact.proportional_hazards()
    with pytest.raises(DefinitionError, match="without a penalty"):
        firth.proportional_hazards()
    with pytest.raises(DefinitionError, match="transform 'partial' is not one of"):
        fit.proportional_hazards(other)
    with pytest.raises(NoValidAnswer, match="1 events at time 0 have no logarithm"):
        sv.cox(early, **asked, covariates=["age"]).proportional_hazards("log")
    with pytest.raises(DefinitionError, match=r"column \['row'\] has the name of a result column"):
        sv.cox(frame.rename({"age": "row"}), **asked, covariates=["row"]).residuals("score")


def test_rows_of_weight_0_have_no_residual_and_the_others_keep_their_place() -> None:
    frame = pl.read_csv(FOLDER / "lung.csv").with_columns(w=(pl.int_range(pl.len()) % 3).cast(pl.Int64))

    found = sv.cox(frame, time="time", event="event", covariates=["age"], weights="w").residuals("martingale")

    assert found["row"].to_list() == [i for i in range(frame.height) if i % 3]


def test_the_test_is_tidy_and_keeps_what_its_picture_needs() -> None:
    found = _fit("strata.efron").proportional_hazards()

    assert found.residuals.columns == ["sex", "row", "time", "transformed", "age", "ph_ecog"]
    table = found.to_result(population="all", outcome="os").table
    assert table.select("estimand", "stratum").rows() == [("proportional_hazards", t) for t in ("age", "ph_ecog", "")]
    assert table["statistic"].to_list() == found.table["statistic"].to_list()
    assert "Test of proportional hazards, time as km" in found._repr_html_()
    assert _fit("months.efron").proportional_hazards().notes == (
        "the test takes rows as independent and weights as counts",
    )


def test_the_curve_that_scales_time_is_that_of_all_strata_together() -> None:
    columns = {"t": [5, 1, 4, 2, 3, 6, 7, 8], "e": [1, 1, 0, 1, 1, 1, 0, 1], "s": [0, 1, 0, 1, 0, 1, 0, 1]}
    frame = pl.DataFrame(columns | {"x": [0.3, -1.0, 2.0, 0.1, 0.4, -0.6, 0.7, 0.2]})

    found = sv.cox(frame, time="t", event="e", covariates=["x"], strata="s").proportional_hazards("km").residuals

    assert found["time"].to_list() == [3, 5, 1, 2, 6, 8]
    assert_allclose(found["transformed"], [2 / 8, 3 / 8, 0, 1 / 8, 1 - 15 / 32, 1 - 10 / 32], rtol=1e-14)


@pytest.mark.parametrize("transform", ["km", "identity", "rank", "log"])
def test_slopes_that_the_events_cannot_tell_are_refused(transform: Any) -> None:
    one = pl.DataFrame({"t": [2, 4, 5, 6], "e": [1, 0, 0, 0], "x": [0.2, 0.5, -1.0, 0.3]})
    two = pl.DataFrame({"t": [1, 1, 1, 2, 2], "e": [1] * 5, "x": [1.0, 0.5, 2.0, 0.3, 1.1], "z": [0, 1, 0, 0, 1]})

    exact = sv.cox(one, time="t", event="e", covariates=["x"], ties="exact")
    fit = sv.cox(two, time="t", event="e", covariates=["x", "z"])

    with pytest.raises(DefinitionError, match="do not exist for exact ties"):
        exact.proportional_hazards(transform)
    with pytest.raises(NoValidAnswer, match=r"whether the effects of \['z'\] change"):
        fit.proportional_hazards(transform)
