# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Empirical calibration and Rubin's rules equal R; controls of every kind are counted, marked or refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import compare as cp
from rwe import survival as sv
from rwe.errors import DataError, DefinitionError, NoValidAnswer

FOLDER = Path(__file__).parents[1] / "data" / "r_trust"
CASES = {case["case"]: case for case in json.loads((FOLDER / "trust.json").read_text("utf-8"))["cases"]}


def same(name: str, got: Any, wanted: Any) -> None:
    tolerance = CASES[name]["tolerance"]
    assert got == pytest.approx(wanted, rel=tolerance["rel"], abs=tolerance["abs"])


def frame(log_ratio: Any, std_error: Any, **more: Any) -> pl.DataFrame:
    return pl.DataFrame({"log_ratio": log_ratio, "std_error": std_error, **more})


@pytest.mark.parametrize("name", ["empirical_calibration.sccs"])
def test_calibration(name: str) -> None:
    wanted = CASES[name]["expect"]
    known = pl.read_csv(FOLDER / "negative_controls_sccs.csv").rename({"log_rr": "log_ratio", "se_log_rr": "std_error"})
    new = wanted["new_estimates"]

    found = cp.calibrate(known, frame(new["log_rr"], new["se_log_rr"]))

    same(name, [found.model.mean, found.model.sd], [wanted["null_mean"], wanted["null_sd"]])
    same(name, found.model.expected_error, wanted["ease"])
    same(name, found.table["p_value"].to_list(), wanted["uncalibrated_p_two_sided"])
    same(name, found.table["calibrated_p"].to_list(), wanted["calibrated_p_two_sided"])
    same(name, found.table["calibrated_p_upper"].to_list(), wanted["calibrated_p_one_sided_upper"])
    limits = wanted["calibrated_ci_from_null"]
    for ours, theirs in (("calibrated", "log_rr"), ("conf_low", "log_lower"), ("conf_high", "log_upper")):
        same(name, found.table[ours].to_list(), limits[theirs])
    same(name, found.controls["calibrated_p"].to_list(), wanted["leave_one_out_p_of_negative_controls"])
    assert any("not fair" in note for note in found.notes)
    assert found.performance["type_1_error"][0] > 0.5 > 0.1 > found.performance["type_1_error"][1]


def test_the_log_likelihood_at_the_optimum_is_no_worse_than_that_of_r() -> None:
    wanted = CASES["empirical_calibration.sccs"]["expect"]
    known = pl.read_csv(FOLDER / "negative_controls_sccs.csv")
    y, se = known["log_rr"].to_numpy(), known["se_log_rr"].to_numpy()

    model = cp.calibrate(frame(y, se), frame([0.0], [1.0])).model

    variance = model.sd**2 + se**2
    loss = 0.5 * (np.log(2 * math.pi * variance) + (y - model.mean) ** 2 / variance).sum()
    assert loss <= wanted["negative_loglik_at_optimum"] + 1e-9
    assert loss == pytest.approx(wanted["negative_loglik_at_optimum"], abs=1e-6)


@pytest.mark.parametrize("name", ["rubin.a", "rubin.b"])
def test_rubins_rules(name: str) -> None:
    wanted = CASES[name]["expect"]
    given = wanted["input"]

    found = cp.rubin(given["estimates"], given["ses"], n=given["n"], k=given["k"])

    same(name, [found.estimate, found.within, found.between], [wanted["qbar"], wanted["ubar"], wanted["b"]])
    same(name, [found.std_error**2, found.df], [wanted["t"], wanted["df_barnard_rubin"]])
    same(name, [found.missing_information], [wanted["fmi"]])
    same(name, [found.conf_low, found.conf_high], [wanted["ci_lower"], wanted["ci_upper"]])


def test_controls_are_dropped_counted_and_refused() -> None:
    y, se = [0.1, -0.2, 0.3, 0.05, -0.1, math.inf, math.nan, 5.0, None], [0.2] * 8 + [0.1]

    found = cp.calibrate(frame(y, se), frame([0.4], [0.1]))

    assert (found.dropped, found.controls.height) == (4, 5)
    with pytest.raises(NoValidAnswer, match="4 usable"):
        cp.calibrate(frame(y[1:], se[1:]), frame([0.4], [0.1]))
    with pytest.raises(DataError, match="1 of 2 effects"):
        cp.calibrate(frame(y, se), frame([0.4, 0.1], [0.1, 0.0]))
    with pytest.raises(DataError, match="std_error"):
        cp.calibrate(frame(y, se).drop("std_error"), frame([0.4], [0.1]))


def test_controls_of_one_side_are_marked_and_no_spread_is_said() -> None:
    found = cp.calibrate(frame([0.1, 0.12, 0.11, 0.1, 0.13], [0.1] * 5), frame([0.4], [0.1]))

    assert "all negative controls lie on one side of no effect: the error has a direction" in found.notes
    assert found.model.sd == 0
    assert any("taken as none" in note for note in found.notes)
    assert found.to_result().table.filter(pl.col("estimand") == "coverage").height == 2


def test_turned_about_controls_turn_the_answer() -> None:
    y, se = np.array([0.1, 0.4, 0.2, 0.5, 0.15, 0.3]), np.array([0.1, 0.2, 0.1, 0.15, 0.3, 0.1])

    forth = cp.calibrate(frame(y, se), frame([0.7], [0.1])).table.row(0, named=True)
    back = cp.calibrate(frame(-y, se), frame([-0.7], [0.1])).table.row(0, named=True)

    assert forth["calibrated"] == pytest.approx(-back["calibrated"])
    assert forth["conf_low"] == pytest.approx(-back["conf_high"])
    assert forth["calibrated_p"] == pytest.approx(back["calibrated_p"])


def test_error_that_grows_with_the_effect_is_found_and_its_limits_undo_the_model() -> None:
    draw = np.random.default_rng(11)
    true = np.repeat([0.0, math.log(1.5), math.log(2), math.log(4)], 60)
    se = draw.uniform(0.05, 0.2, true.size)
    y = draw.normal(0.1 + 0.8 * true, np.hypot(0.1 + 0.15 * true, se))
    null = true == 0

    found = cp.calibrate(
        frame(y[null], se[null]), frame([0.9], [0.1]), positive_controls=frame(y[~null], se[~null], true=true[~null])
    )

    model = found.model
    assert [model.mean, model.slope, model.sd, model.sd_slope] == pytest.approx([0.1, 0.8, 0.1, 0.15], abs=0.08)
    row = found.table.row(0, named=True)
    assert model.z(0.9, 0.1, row["conf_low"]) == pytest.approx(1.959963984540054)
    assert model.z(0.9, 0.1, row["conf_high"]) == pytest.approx(-1.959963984540054)
    assert found.performance["coverage"].to_list()[1] == pytest.approx(0.95, abs=0.05)


def test_an_injected_effect_is_there_and_the_control_is_untouched() -> None:
    draw = np.random.default_rng(5)
    n = 8_000
    frame_ = pl.DataFrame(
        {
            "days": np.minimum(draw.exponential(400, n), 365).astype(int) + 1,
            "treated": draw.integers(0, 2, n),
        }
    ).with_columns(event=(pl.col("days") < 366).cast(pl.Int64))

    made = cp.positive_control(frame_, time="days", event="event", treated="treated", ratio=2.0, seed=3)

    control = pl.col("treated") == 0
    assert made.filter(control).equals(frame_.filter(control))
    found = sv.cox(made, time="days", event="event", covariates=["treated"]).coefficients
    assert found["hazard_ratio"][0] == pytest.approx(2.0, rel=4 * found["std_error"][0])
    again = cp.positive_control(frame_, time="days", event="event", treated="treated", ratio=2.0, seed=3)
    assert again.equals(made)
    with pytest.raises(DefinitionError, match="above 1"):
        cp.positive_control(frame_, time="days", event="event", treated="treated", ratio=0.5, seed=3)
    with pytest.raises(NoValidAnswer, match="25 are needed"):
        cp.positive_control(frame_[:20], time="days", event="event", treated="treated", ratio=2, seed=3)


def test_rubin_without_spread_is_the_complete_answer_and_broken_sets_are_refused() -> None:
    found = cp.rubin([0.4, 0.4, 0.4], [0.1, 0.1, 0.1])

    assert (found.estimate, found.missing_information) == (pytest.approx(0.4), 0.0)
    assert found.std_error == pytest.approx(0.1)
    assert math.isinf(found.df)
    with pytest.raises(NoValidAnswer):
        cp.rubin([0.4], [0.1])
    with pytest.raises(DataError, match="1 of 2"):
        cp.rubin([0.4, math.nan], [0.1, 0.1])
