# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Ratios of restricted means, their regression and differences of medians equal R, or the definitions written out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv
from rwe.errors import DataError, DefinitionError, NoValidAnswer

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
CASES = {
    case["case"]: case
    for name in ("km.json", "curves.json")
    for case in json.loads((FOLDER / name).read_text("utf-8"))["cases"]
}
SETS: dict[str, dict[str, Any]] = {
    "veteran_trt": {"by": "trt", "time": "time", "event": "event"},
    "gbsg_hormon": {"by": "hormon", "time": "rfstime", "event": "status"},
    "edge_ties": {"by": "arm", "time": "time", "event": "event"},
    "sim_os": {"by": "arm", "time": "os_time", "event": "os_event", "clock": "continuous"},
}
GBSG: dict[str, Any] = {"time": "rfstime", "event": "status", "tau": 1825, "censoring": "hormon"}
COVARIATES = ["hormon", "age", "nodes", "grade"]


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("rmst2.")])
@pytest.mark.parametrize("of", ["rmst", "rmtl"])
def test_ratios_equal_survrm2(name: str, of: str) -> None:
    frame, given = pl.read_csv(FOLDER / CASES[name]["data"]), SETS[name.split(".")[1]]

    found = sv.rmst_ratio(frame, **given, tau=int(name.rpartition("tau")[2]), of=of)

    row, wanted = found.table.row(0, named=True), CASES[name]["expect"][f"{of}_ratio"]
    for ours, theirs in {"estimate": "est", "conf_low": "lower", "conf_high": "upper", "p_value": "p"}.items():
        assert row[ours] == pytest.approx(wanted[theirs], rel=1e-9), ours


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("milestone.")])
def test_milestones_tested_on_the_log_log_scale(name: str) -> None:
    frame, given, wanted = pl.read_csv(FOLDER / CASES[name]["data"]), SETS[name.split(".")[1]], CASES[name]["expect"]

    found = sv.milestone_difference(frame, **given, at=wanted["time"], test="log-log").table

    assert (found["statistic"] ** 2).to_list() == pytest.approx(wanted["chisq_cloglog"], rel=1e-9)
    assert found["p_value"].to_list() == pytest.approx(wanted["p_cloglog"], rel=1e-9)
    assert found["estimate"].to_list() == pytest.approx(wanted["diff"], rel=1e-9)


@pytest.mark.parametrize(
    ("kind", "link", "of"),
    [("difference", "identity", "rmst"), ("ratio", "log", "rmst"), ("rmtl_ratio", "log", "rmtl")],
)
def test_regression_equals_survrm2(kind: str, link: str, of: str) -> None:
    frame = pl.read_csv(FOLDER / "gbsg.csv")

    fit = sv.rmst_regression(frame, **GBSG, covariates=COVARIATES, link=link, of=of)

    wanted = CASES["rmst2_adjusted.gbsg_hormon.tau1825"]["expect"][kind]
    assert fit.coefficients["term"].to_list() == ["intercept", *COVARIATES]
    for row, r in zip(fit.coefficients.iter_rows(named=True), wanted.values(), strict=True):
        assert row["estimate"] == pytest.approx(r.get("exp(coef)", r["coef"]), rel=1e-9)
        assert row["std_error"] == pytest.approx(r["se(coef)"], rel=1e-9)
        assert row["conf_low"] == pytest.approx(r["lower .95"], rel=1e-6)  # survRM2 rounds its 1.96
        assert row["statistic"] == pytest.approx(r["z"], rel=1e-9)


def test_regression_on_the_group_alone_is_near_the_difference() -> None:
    """Without covariates the weighted means are the areas under the curves, but for ties with censorings."""
    frame = pl.read_csv(FOLDER / "gbsg.csv")

    fit = sv.rmst_regression(frame, **GBSG, covariates=["hormon"])
    plain = sv.rmst_difference(frame, time="rfstime", event="status", by="hormon", tau=1825).table

    slope = fit.coefficients.row(1, named=True)
    assert slope["estimate"] == pytest.approx(plain["estimate"].item(), rel=0.01)
    assert slope["std_error"] == pytest.approx(plain["std_error"].item(), rel=0.01)
    assert fit.to_result(outcome="os").table["estimand"].to_list() == ["rmst_difference"] * 2
    assert "identity link" in fit._repr_html_()


def test_without_censoring_the_regression_is_least_squares() -> None:
    rng = np.random.default_rng(7)
    frame = pl.DataFrame({"t": rng.integers(1, 400, 200), "e": 1, "x": rng.normal(size=200)})

    fit = sv.rmst_regression(frame, time="t", event="e", tau=300, covariates=["x"])

    x = np.column_stack([np.ones(200), frame["x"]])
    y = np.minimum(frame["t"].to_numpy(), 300)
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    bread = np.linalg.inv(x.T @ x)
    sandwich = bread @ (x * ((y - x @ beta) ** 2)[:, None]).T @ x @ bread
    assert fit.coefficients["estimate"].to_list() == pytest.approx(beta.tolist(), rel=1e-10)
    assert fit.covariance == pytest.approx(sandwich, rel=1e-10)


def test_medians_and_the_differences_the_curves_do_not_contradict() -> None:
    """The interval against every pair of days tried one by one."""
    frame = pl.read_csv(FOLDER / "veteran.csv")

    row = sv.median_difference(frame, time="time", event="event", by="trt").table.row(0, named=True)

    km = sv.kaplan_meier(frame, time="time", event="event", by="trt")
    fits: list[list[tuple[int, float]]] = []
    for arm in (0, 1):
        at = km.at(list(range(400))).filter(trt=arm)
        z = ((at["survival"] - 0.5) / at["std_error"]) ** 2
        fits.append([(t, v) for t, v in zip(at["time"], z, strict=True) if v is not None and v <= 3.8414588206941236])
    pairs = [t1 - t0 for t0, a in fits[0] for t1, b in fits[1] if a + b <= 3.8414588206941236]
    assert row["estimate"] == 52.5 - 103
    assert (row["conf_low"], row["conf_high"]) == (min(pairs) - 1, max(pairs) + 1)  # days are open at their end
    assert row["p_value"] is None


def test_a_median_that_is_not_reached_leaves_the_difference_open() -> None:
    frame = pl.DataFrame({"t": [1, 2, 3, 4, 5, 6, 7, 8], "e": [1, 1, 1, 1, 1, 0, 0, 0], "g": list("aaaabbbb")})

    found = sv.median_difference(frame, time="t", event="e", by="g")

    assert found.table.select("estimate", "conf_high").row(0) == (None, None)
    assert found.to_result().table.select("group", "estimand").row(0) == ("difference", "median")
    with pytest.raises(DefinitionError, match="holds 1"):
        sv.median_difference(frame.with_columns(g=1), time="t", event="e", by="g")


@pytest.mark.ci
def test_the_interval_of_medians_covers_in_600_trials() -> None:
    """Exponential arms of 80 with a third censored; the nominal 95 % within three binomial errors from below."""
    rng, hit = np.random.default_rng(12), 0
    for _ in range(600):
        fail = np.concatenate([rng.exponential(300, 80), rng.exponential(450, 80)])
        censor = rng.uniform(0, 1500, 160)
        t = np.ceil(np.minimum(fail, censor)).astype(np.int64)
        frame = pl.DataFrame({"t": t, "e": (fail <= censor).astype(np.int64), "g": np.repeat([0, 1], 80)})
        row = sv.median_difference(frame, time="t", event="e", by="g").table.row(0, named=True)
        truth = np.log(2) * 150
        hit += (row["conf_low"] is None or row["conf_low"] <= truth) and (
            row["conf_high"] is None or truth <= row["conf_high"]
        )
    assert hit / 600 > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 600)
    assert hit / 600 < 0.99


@pytest.mark.parametrize("unit", [1e-130, 1.0, 1e130])
def test_the_unit_of_a_covariate_is_no_matter_to_the_restricted_mean(unit: float) -> None:
    frame = pl.DataFrame({"t": [2, 3, 4, 5, 6, 7, 8, 9], "e": [1, 1, 0, 1, 1, 0, 1, 1], "x": [1, 4, 2, 3, 6, 5, 7, 9]})
    given: dict[str, Any] = {"time": "t", "event": "e", "tau": 8, "covariates": ["x"]}

    plain = sv.rmst_regression(frame, **given).coefficients
    found = sv.rmst_regression(frame.with_columns(pl.col("x") * unit), **given).coefficients

    assert found["p_value"].to_list() == pytest.approx(plain["p_value"].to_list(), rel=1e-9)
    assert found["estimate"][1] * unit == pytest.approx(plain["estimate"][1], rel=1e-12)


def test_a_term_without_error_has_no_statistic() -> None:
    """All of the group g = 0 live to tau: their mean is tau, without error; g = 1 lives (2 + 3 + 8) / 3."""
    frame = pl.DataFrame({"t": [9, 9, 9, 2, 3, 9], "e": [0, 0, 0, 1, 1, 0], "g": [0, 0, 0, 1, 1, 1]})

    found = sv.rmst_regression(frame, time="t", event="e", tau=8, covariates=["g"]).coefficients

    assert found["estimate"].to_list() == pytest.approx([8, 13 / 3 - 8], rel=1e-13)
    assert found.select("statistic", "p_value").row(0) == (None, None)
    assert found["p_value"][1] is not None


def test_a_restricted_mean_that_does_not_vary_or_cannot_be_squared_is_refused() -> None:
    frame = pl.DataFrame({"t": [9, 9, 9, 9], "e": [0, 1, 0, 0], "x": [0.1, 0.4, 0.3, 0.7]})
    given: dict[str, Any] = {"time": "t", "event": "e", "tau": 5, "covariates": ["x"]}

    with pytest.raises(NoValidAnswer, match="no error can be told"):
        sv.rmst_regression(frame, **given)
    with pytest.raises(NoValidAnswer, match="no error can be told"):
        sv.rmst_regression(frame.with_columns(t=0, e=1), **given)
    with pytest.raises(DataError, match=r"\['x'\] are too large or too small to be squared"):
        sv.rmst_regression(frame.with_columns(pl.col("x") * 1e200), **given)


def test_arguments_are_checked() -> None:
    frame = pl.DataFrame({"t": [3, 4, 5, 6], "e": [1, 0, 1, 1], "g": [0, 0, 1, 1], "h": [0, 0, 2, 2]})
    given: dict[str, Any] = {"time": "t", "event": "e"}

    with pytest.raises(DefinitionError, match="neither rmst nor rmtl"):
        sv.rmst_ratio(frame, **given, by="g", tau=3, of="mean")
    with pytest.raises(DefinitionError, match="neither plain nor log-log"):
        sv.milestone_difference(frame, **given, by="g", at=3, test="logit")
    with pytest.raises(NoValidAnswer, match="time lost up to tau is 0"):
        sv.rmst_ratio(frame, **given, by="g", tau=3, of="rmtl")
    with pytest.raises(DefinitionError, match="one of them"):
        sv.rmst_regression(frame, **given, tau=3)
    with pytest.raises(DefinitionError, match="identity or log"):
        sv.rmst_regression(frame, **given, tau=3, covariates=["g"], link="probit")
    with pytest.raises(NoValidAnswer, match="'h'"):
        sv.rmst_regression(frame, **given, tau=3, covariates=["g", "h"])
    with pytest.raises(NoValidAnswer, match="nobody is followed"):
        sv.rmst_regression(frame.with_columns(e=0), **given, tau=9, covariates=["g"])
