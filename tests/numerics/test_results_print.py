# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Every result prints its figures in words and a table, and shows them in a notebook with labels escaped."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import polars as pl
import pytest

import rwe.survival as sv

TIMES = {"time": "days", "event": "died"}
ARM = {**TIMES, "by": "arm"}
CAUSE = {"time": "days", "cause": "cause"}
PERSON = {"age": "age", "sex": "sex", "date": "diagnosed"}
INPUTS = {"Scenario", "CoxNet", "CoxRegression", "CoxRidge", "FineGrayRegression", "KaplanMeierEstimator"}
TREATED = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
FRAME = pl.DataFrame(
    {
        "days": TREATED + PLACEBO,
        "died": [1] * 9 + [0] * 12 + [1] * 21,
        "arm": ["6-MP"] * 21 + ["<qplacebo>"] * 21,
        "cause": ["<qrelapse>"] * 9 + ["censored"] * 12 + ["<qrelapse>"] * 15 + ["death"] * 6,
    }
).with_columns(
    zero=0,
    mark=pl.int_range(pl.len()) * 7 % 11,
    later=pl.col("days") + 3,
    state=pl.lit("<qwell>"),
    then=pl.when(pl.col("died") == 1).then(pl.lit("dead")),
    sex=pl.lit("<qf>"),
    age=365.0 * 60,
    diagnosed=pl.date(2000, 1, 1),
)


def hazards() -> sv.LifeTable:
    cells = pl.DataFrame({"sex": ["<qf>", "m"], "year": 2000, "age": 0, "hazard": 1e-3})
    return sv.life_table(cells, sex="sex", year="year", age="age", hazard="hazard", outside="nearest")


def model() -> sv.Cox:
    return sv.cox(FRAME, **TIMES, covariates=["arm", "mark"])


RESULTS: dict[str, Callable[[], Any]] = {
    "Bootstrap": lambda: sv.bootstrap(FRAME, **ARM, statistic="rmst", at=10, replicates=20),
    "BrierScore": lambda: sv.brier_score(FRAME, **TIMES, model=model(), at=[5, 8]),
    "CauseSpecific": lambda: sv.cause_specific(FRAME, **CAUSE, covariates=["mark"]),
    "Concordance": lambda: sv.concordance(FRAME, **TIMES, score="mark"),
    "Cox": model,
    "CoxBootstrap": lambda: sv.bootstrap_cox(model(), replicates=20),
    "CumulativeIncidence": lambda: sv.cumulative_incidence(FRAME, **CAUSE, by="arm"),
    "Difference": lambda: sv.rmst_difference(FRAME, **ARM, tau=10),
    "ElasticNet": lambda: sv.elastic_net(FRAME, **TIMES, covariates=["arm", "mark"], folds=3),
    "Extrapolation": lambda: sv.extrapolate(FRAME, **TIMES, families=["exp", "weibull"], draws=20),
    "FineGray": lambda: sv.fine_gray(FRAME, **CAUSE, of="<qrelapse>", covariates=["arm"]),
    "FollowUp": lambda: sv.median_follow_up(FRAME, **ARM),
    "GrayTest": lambda: sv.gray_test(FRAME, **CAUSE, of="<qrelapse>", by="arm"),
    "KaplanMeier": lambda: sv.kaplan_meier(FRAME, **ARM),
    "LifeTable": hazards,
    "LogRank": lambda: sv.log_rank(FRAME, **ARM),
    "MaxCombo": lambda: sv.max_combo(FRAME, **ARM),
    "MultiState": lambda: sv.multi_state(FRAME, start="zero", stop="days", state_from="state", to="then", by="arm"),
    "NelsonAalen": lambda: sv.nelson_aalen(FRAME, **ARM),
    "NetSurvival": lambda: sv.net_survival(FRAME, **ARM, life_table=hazards(), **PERSON),
    "OneSample": lambda: sv.one_sample_log_rank(FRAME, **ARM, reference=hazards(), **PERSON),
    "Parametric": lambda: sv.parametric(FRAME, **TIMES, covariates=["arm"]),
    "Penalised": lambda: sv.ridge(FRAME, **TIMES, covariates=["arm"], theta=2),
    "RmstRegression": lambda: sv.rmst_regression(FRAME, **TIMES, covariates=["arm"], tau=10),
    "Simulation": lambda: sv.simulate(sv.Scenario(n=60), "log_rank", replicates=20),
    "SmoothedHazard": lambda: sv.smoothed_hazard(FRAME, **TIMES),
    "Tally": lambda: sv.tally(FRAME, **ARM),
    "TimeDependentAuc": lambda: sv.time_dependent_auc(FRAME, **TIMES, score="mark", at=[5, 8]),
    "Turnbull": lambda: sv.turnbull(FRAME, left="days", right="later", by="arm"),
}
UNNAMED = {
    "BrierScore", "Concordance", "ElasticNet", "Extrapolation", "MaxCombo", "Simulation", "SmoothedHazard",
    "TimeDependentAuc",
}  # fmt: skip


def test_no_result_is_left_out() -> None:
    classes = {name for name in sv.__all__ if inspect.isclass(getattr(sv, name))}

    assert classes == set(RESULTS) | INPUTS


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_reads_as_words_and_a_table(name: str) -> None:
    result = RESULTS[name]()

    words, html = repr(result), result._repr_html_()

    assert type(result).__name__ == name
    assert str(result) == words
    assert 2 < len(words.splitlines()) < 60
    assert max(map(len, words.splitlines())) <= 180
    assert not [dump for dump in ("array(", "shape:", name + "(", "object at") if dump in words]
    assert ET.fromstring(html.replace("&hellip;", "...")).tag == "div"
    assert "<q" not in html
    assert ("&lt;q" in html and "<q" in words) or name in UNNAMED


def test_a_long_table_is_cut_in_its_middle_with_the_rows_left_out_counted() -> None:
    frame = pl.DataFrame({"days": range(1, 101), "died": 1})

    words = repr(sv.nelson_aalen(frame, **TIMES)).splitlines()

    assert len(words) == 29
    assert "... 75 rows" in words
    assert words[-1].split()[0] == "100"
