# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Two arms of practice: what each way says is what its functions say, confounding goes, and few persons stay hidden."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from analyses.arm_comparison import ANALYSIS
from rwe import compare as cp
from rwe import survival as sv
from rwe.cohort import Cohort
from rwe.disclosure import protect
from rwe.errors import NoValidAnswer
from rwe.plugins import Inputs
from rwe.result import SCHEMA, Result
from rwe.spec.study import load_study

STUDY = Path(__file__).parents[2] / "configs" / "studies" / "network_breast.yaml"
TITLE = {"en": "a", "bg": "b"}
WAYS: list[dict[str, Any]] = [
    {"name": "overlap", "title": TITLE, "weights": "ato"},
    {"name": "pairs", "title": TITLE, "matching": "nearest", "caliper": 0.2},
    {"name": "model", "title": TITLE, "standardise": "all", "replicates": 100},
    {"name": "beyond", "title": TITLE, "weights": "ate", "trim": [0.001, 0.002]},
]
ASKED: dict[str, Any] = {
    "endpoint": "os", "treatment": "new", "covariates": ["age", "stage"], "milestones": [365], "tau": 730, "ways": WAYS,
}  # fmt: skip
EFFECT = math.log(0.6)


@cache
def people() -> pl.DataFrame:
    """Return invented persons of whom the sicker get the new medicine, which helps them."""
    rng, n = np.random.default_rng(5), 700
    age, stage = rng.integers(45, 85, n).astype(float), rng.integers(1, 5, n)
    new = rng.random(n) < 1 / (1 + np.exp(2.2 - 0.8 * stage))
    risk = 0.02 * (age - 65) + 0.5 * stage + EFFECT * new
    days = (rng.exponential(2500 * np.exp(-risk)) + 1).astype(int)
    end = rng.integers(800, 1500, n)
    return pl.DataFrame(
        {
            "age": age,
            "stage": stage.astype(str),
            "new": np.where(new, "yes", "no"),
            "os_days": np.minimum(days, end),
            "os_event": days <= end,
            "in_indicated": True,
            "arm": new.astype(int),
        }
    )


def run(rows: pl.DataFrame, **changed: Any) -> Result:
    cohort = Cohort(rows, Result(pl.DataFrame(schema=SCHEMA)))
    options = ANALYSIS.options.model_validate(ASKED | changed)
    return ANALYSIS.run(Inputs(load_study(STUDY), cohort, "indicated", None), options)


@cache
def found() -> Result:
    return run(people())


def one(way: str, estimand: str, group: str = "difference", outcome: str = "os") -> dict[str, Any]:
    rows = found().table.filter(stratum=way, estimand=estimand, group=group, outcome=outcome)
    return rows.row(0, named=True)


def test_as_it_is_the_arms_are_those_of_the_estimators() -> None:
    how: dict[str, Any] = {"time": "os_days", "event": "os_event"}
    fit = sv.cox(people(), **how, covariates=["arm"], robust=True).coefficients.row(0, named=True)
    mean = sv.rmst_difference(people(), **how, by="arm", tau=730).to_result().table

    ratio, rmst = one("unadjusted", "hazard_ratio"), one("unadjusted", "rmst")
    assert (ratio["estimate"], ratio["conf_low"]) == pytest.approx((fit["hazard_ratio"], fit["conf_low"]))
    assert rmst["estimate"] == pytest.approx(mean["estimate"][0])


def test_ways_take_away_what_confounding_hides() -> None:
    plain = one("unadjusted", "hazard_ratio")["estimate"]

    assert math.log(plain) > EFFECT + 0.3
    for way in ("overlap", "pairs"):
        row = one(way, "hazard_ratio")
        assert row["conf_low"] < math.exp(EFFECT) < row["conf_high"]
        assert (
            abs(one(way, "smd", "", "stage=4")["estimate"]) < 0.1 < one("unadjusted", "smd", "", "stage=4")["estimate"]
        )
    assert one("model", "milestone")["conf_low"] > 0


def test_pairs_count_as_one_in_the_error() -> None:
    score = cp.propensity(people(), treatment="arm", covariates=["age", "stage"])
    pairs = cp.match(score, caliper=0.2)
    rows = people().with_columns(pairs.weights, pair=pairs.group).filter(pl.col("weight") > 0)
    how: dict[str, Any] = {"time": "os_days", "event": "os_event", "covariates": ["arm"], "weights": "weight"}

    fit = sv.cox(rows, **how, cluster="pair").coefficients.row(0, named=True)

    row = one("pairs", "hazard_ratio")
    assert (row["estimate"], row["std_error"]) == pytest.approx((fit["hazard_ratio"], fit["robust_std_error"]))
    assert one("pairs", "events", "treated")["n"] == pairs.pairs.height


def test_errors_of_treatment_are_put_right_in_the_weighted_arms() -> None:
    errors = {
        "of": "exposure",
        "way": "overlap",
        "at": 365,
        "sensitivity": 0.9,
        "specificity": [0.98, 1.0],
        "draws": 100,
    }

    told = run(people(), ways=WAYS[:1], misclassified=errors).table.filter(stratum="bias")

    risk, size = (
        [one("overlap", kind, arm)["estimate"] for arm in ("treated", "control")]
        for kind in ("milestone", "effective_sample_size")
    )
    events = [n * (1 - alive) for n, alive in zip(size, risk, strict=True)]
    with_event = (events[0] - 0.02 * sum(events)) / 0.88  # those with the event who were treated in truth
    without = (size[0] - events[0]) / 0.9
    control = sum(events) - with_event, sum(size) - sum(events) - without
    wanted = with_event / (with_event + without) / (control[0] / sum(control))
    assert told.filter(group="systematic")["estimate"].item() == pytest.approx(wanted)
    plain = told.filter(group="conventional")["estimate"].item()
    assert plain == pytest.approx(events[0] / size[0] / (events[1] / size[1]))


def test_errors_that_contradict_the_data_are_told_without_counts() -> None:
    errors = {"of": "outcome", "at": 365, "sensitivity": 0.9, "specificity": 0.4}

    found_ = run(people(), ways=WAYS[:1], misclassified=errors)

    assert "contradict the data" in found_.settings["failed"]["misclassified"]
    assert found_.table.filter(stratum="bias").is_empty()


def test_a_way_that_fails_stands_there_with_its_reason_and_no_count() -> None:
    assert one("beyond", "hazard_ratio")["estimate"] is None
    assert "do not overlap" in found().settings["failed"]["beyond"]
    assert not any(sign.isdigit() for sign in found().settings["failed"]["beyond"])


def test_bins_of_weights_and_of_the_probability_hold_everybody_and_hide_few() -> None:
    table = found().table
    sizes = dict(people()["new"].value_counts().iter_rows())

    for arm, level in (("treated", "yes"), ("control", "no")):
        for outcome in ("probability", "equipoise"):
            assert table.filter(group=arm, outcome=outcome)["n"].sum() == sizes[level]
    assert table.filter(group="overlap", outcome="weight")["n"].sum() == people().height
    shown = protect(found()).table.filter(estimand="count")
    assert shown.filter(pl.col("n").is_between(1, 12)).is_empty()
    assert "n" in shown["masked"].to_list()


def test_a_small_arm_hides_every_difference() -> None:
    few = pl.concat([people().filter(new="no"), people().filter(new="yes").head(8)])

    shown = protect(run(few, covariates=["age"], ways=[WAYS[0]])).table.filter(group="difference")

    assert shown["estimate"].null_count() == shown.height


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"ways": [WAYS[0] | {"matching": "nearest"}]}, "say one of weights, matching, standardise"),
        ({"ways": [WAYS[0] | {"caliper": 0.2}]}, "caliper: goes with matching only"),
        ({"ways": [WAYS[0], WAYS[0]]}, "ways of one name: overlap"),
        ({"misclassified": {"of": "outcome", "at": 99, "sensitivity": 0.9, "specificity": 1.0}}, "a day of milestones"),
        ({"covariates": ["new", "age"]}, "leave it out of covariates"),
    ],
)
def test_what_does_not_go_together_is_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ANALYSIS.options.model_validate(ASKED | changed)


def test_an_arm_of_nobody_is_refused() -> None:
    with pytest.raises(NoValidAnswer, match="nobody here"):
        run(people().filter(new="no"))
