# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cohorts have the truth they are said to have, and the answers in the kernel are the public ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from rwe import survival as sv
from rwe.errors import DefinitionError

SCENARIOS = {
    "plain": sv.Scenario(60, hazard_ratio=0.7, censoring=0.3),
    "ties": sv.Scenario(80, hazard_ratio=0.7, censoring=0.3, grid=90, follow_up=1800),
    "late entry": sv.Scenario(80, hazard_ratio=0.6, censoring=0.3, latest_entry=600),
    "covariates": sv.Scenario(90, hazard_ratio=0.7, effects=(0.5, -0.3), censoring=0.2, grid=30),
    "weights": sv.Scenario(90, confounder=1.0, censoring=0.2),
    "weights, ties and late entry": sv.Scenario(90, confounder=0.7, censoring=0.2, grid=60, latest_entry=300),
    "late effect": sv.Scenario(90, hazard_ratio=0.4, delay=500, rates=(0.001, 0.002), cuts=(300.0,), shape=1.3),
}


def _given(frame: pl.DataFrame) -> dict[str, Any]:
    there = {
        name: column for name, column in {"entry": "entry", "weights": "weight"}.items() if column in frame.columns
    }
    return {"time": "time", "event": "event", **there}


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("robust", [False, True])
def test_curves_in_the_kernel_are_those_of_the_estimators(name: str, *, robust: bool) -> None:
    scenario, at = SCENARIOS[name], 500
    curve = sv.simulate(scenario, "kaplan_meier", at=at, replicates=6, seed=3, robust=robust).replicates
    mean = sv.simulate(scenario, "rmst_difference", at=at, replicates=6, seed=3, robust=robust).replicates

    for b in range(6):
        frame = scenario.cohort(b, seed=3)
        km = sv.kaplan_meier(frame, **_given(frame), by="arm", robust=robust)
        wanted = km.at(at).filter(arm=1).select("survival", "std_error", "conf_low", "conf_high").row(0)
        assert curve.row(b)[1:5] == pytest.approx(wanted, rel=1e-10)
        means = km.rmst(at)
        difference = means["rmst"][1] - means["rmst"][0], np.hypot(*means["std_error"])
        assert mean.row(b)[1:3] == pytest.approx(difference, rel=1e-10)


@pytest.mark.parametrize("name", SCENARIOS)
def test_cox_in_the_kernel_is_the_public_one(name: str) -> None:
    scenario = SCENARIOS[name]
    naive, robust = (sv.simulate(scenario, "cox", replicates=6, seed=5, robust=r).replicates for r in (False, True))

    for b in range(6):
        frame = scenario.cohort(b, seed=5)
        terms = ["arm", *[c for c in frame.columns if c.startswith("x")]]
        fit = sv.cox(frame, **_given(frame), covariates=terms, robust=True).coefficients.row(0, named=True)
        assert naive.row(b)[1:3] == pytest.approx((fit["estimate"], fit["std_error"]), rel=1e-10)
        assert robust.row(b)[1:3] == pytest.approx((fit["estimate"], fit["robust_std_error"]), rel=1e-10)


@pytest.mark.parametrize("name", ["plain", "ties", "late entry", "late effect"])
def test_log_rank_in_the_kernel_is_the_public_one(name: str) -> None:
    scenario = SCENARIOS[name]
    found = sv.simulate(scenario, "log_rank", replicates=6, seed=7).replicates

    for b in range(6):
        frame, row = scenario.cohort(b, seed=7), found.row(b, named=True)
        given = {k: v for k, v in _given(frame).items() if k != "weights"}
        test = sv.log_rank(frame, **given, by="arm")
        assert (row["estimate"] / row["std_error"]) ** 2 == pytest.approx(test.statistic, rel=1e-10)
        assert row["rejected"] == (test.p_value < 0.05)


@pytest.mark.parametrize("name", SCENARIOS)
def test_same_bits_for_any_number_of_threads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []

    for threads in ("1", "2", "3"):
        monkeypatch.setenv("RWE_THREADS", threads)
        found.append(sv.simulate(SCENARIOS[name], "cox", replicates=200, robust=True).replicates)

    assert found[0].equals(found[1])
    assert found[0].equals(found[2])
    assert sv.simulate(SCENARIOS[name], "cox", replicates=100, robust=True).replicates.equals(found[0].head(100))


@pytest.mark.parametrize("arm", [0, 1])
@pytest.mark.parametrize("name", ["plain", "ties", "weights", "late effect"])
def test_cohorts_have_the_survival_they_are_said_to_have(name: str, arm: int) -> None:
    """One cohort of 40,000 rows: the weighted curve of each arm lies near the truth on several days."""
    scenario = SCENARIOS[name]
    large = sv.Scenario(**{f: getattr(scenario, f) for f in scenario.__dataclass_fields__} | {"n": 40_000})
    frame = large.cohort(seed=11)

    days = [90, 360, 900]
    got = sv.kaplan_meier(frame, **_given(frame), by="arm", robust=False).at(days).filter(arm=arm)

    true = large.survival(np.array(days, np.float64), arm)
    assert ((got["survival"] - true).abs() < 4.5 * got["std_error"]).all()


def test_the_share_asked_for_is_lost_and_entry_is_before_the_exit() -> None:
    lost = sv.Scenario(40_000, hazard_ratio=0.5, censoring=0.3).cohort()
    late = sv.Scenario(5_000, latest_entry=900, censoring=0.3).cohort()
    causes = sv.Scenario(40_000, other=0.0005).cohort()

    assert lost["event"].mean() == pytest.approx(0.7, abs=4 * np.sqrt(0.21 / 40_000))
    assert (late["entry"] < late["time"]).all()
    assert late["entry"].max() == 900
    assert causes.filter(cause=2).height / 40_000 == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / 40_000))


def test_times_within_arms_are_exponential() -> None:
    frame = sv.Scenario(20_000, hazard_ratio=0.5, grid=1).cohort(seed=2)

    for arm, rate in ((0, 0.001), (1, 0.0005)):
        days = frame.filter(arm=arm)["time"].to_numpy()
        assert stats.kstest(days, stats.geom(1 - np.exp(-rate)).cdf).pvalue > 1e-3


def test_replicates_without_an_answer_are_counted() -> None:
    few = sv.Scenario(6, censoring=0.6)

    done = sv.simulate(few, "cox", replicates=400)

    failed = done.table.row(0, named=True)
    assert failed["measure"] == "failed"
    assert 0.1 < failed["value"] < 0.9
    assert failed["value"] == done.replicates["estimate"].null_count() / 400


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"estimator": "ridge"}, "estimator 'ridge' is not one of kaplan_meier"),
        ({"estimator": "kaplan_meier"}, "at is a day from 1"),
        ({"estimator": "cox", "at": 5}, "at is a day from 1"),
        ({"estimator": "cox", "replicates": 1}, "whole number from 2"),
        ({"estimator": "log_rank", "robust": True}, "its own variance"),
    ],
)
def test_refusals(given: dict[str, Any], says: str) -> None:
    with pytest.raises(DefinitionError, match=says):
        sv.simulate(SCENARIOS["plain"], **given)


def test_a_scenario_out_of_range_is_refused() -> None:
    with pytest.raises(DefinitionError, match="rates are above 0, one more than cuts; cuts ascend"):
        sv.Scenario(50, rates=(0.1, 0.2), cuts=(5.0, 3.0))
    with pytest.raises(DefinitionError, match="rates are above 0, one more than cuts is wanted"):
        sv.Scenario(50, rates=())
    with pytest.raises(DefinitionError, match="compares two arms"):
        sv.simulate(sv.Scenario(50, share=1.0), "cox")
    with pytest.raises(DefinitionError, match="no closed form"):
        SCENARIOS["covariates"].survival(np.array([1.0]), 0)
