# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Patients behind a drawn curve: by hand, as R, every edge, and nothing usable that is not proven."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from rwe import compare as cp
from rwe import survival as sv
from rwe.errors import DefinitionError, NoValidAnswer

R = Path(__file__).parents[1] / "data" / "r_ipdfromkm"
FOUR = [(2, 0.75), (5, 0.5), (8, 0.25), (9, 0.25)]


def rows(found: cp.Reconstruction) -> list[tuple[float, bool]]:
    return found.patients.rows()


def radiotherapy() -> tuple[dict[str, Any], dict[str, cp.Reconstruction]]:
    expect = json.loads((R / "guyot.json").read_text("utf-8"))["expect"]
    files = {"radio": "km_digitised_radiotherapy.csv", "radioplus": "km_digitised_radiotherapy_plus.csv"}
    made = {
        arm: cp.reconstruct(
            pl.read_csv(R / file), list(zip(expect["risk_times"], expect["arms"][arm]["n_risk_input"], strict=True))
        )
        for arm, file in files.items()
    }
    return expect, made


def test_four_patients_by_hand() -> None:
    found = cp.reconstruct(FOUR, [(0, 4), (6, 2)])

    assert rows(found) == [(2, True), (5, True), (8, True), (9, False)]
    assert found.accepted
    assert (found.quality.rmse, found.quality.max_error, found.quality.events) == (0, 0, 3)


def test_as_r_on_the_radiotherapy_figure() -> None:
    expect, made = radiotherapy()

    for arm, found in made.items():
        told = expect["arms"][arm]
        edges = [*expect["risk_times"], np.inf]
        died = np.histogram(found.patients.filter(pl.col("event"))["time"], edges)[0]
        km = sv.kaplan_meier(found.patients, time="time", event="event", clock="continuous")
        assert found.quality.at_risk["reconstructed"].to_list() == told["n_risk_hat"]
        assert (np.abs(died - told["events_by_risk_interval"]) <= 2).all()
        assert_allclose(km.at(told["time"])["survival"], told["survival_of_reconstruction"], atol=0.01)
        assert_allclose(found.quality.median, told["quantiles"]["quantile"][1], rtol=0.02)
        assert found.quality.rmse <= told["rmse_vs_digitised"] + 0.0005  # R's is rounded to three decimals
        assert found.accepted


def test_hazard_ratio_as_r() -> None:
    expect, made = radiotherapy()
    both = pl.concat(rec.patients.with_columns(plus=pl.lit(int(arm == "radioplus"))) for arm, rec in made.items())

    fit = sv.cox(both, time="time", event="event", covariates=["plus"], clock="continuous").coefficients

    assert_allclose(fit["estimate"].item(), expect["cox_second_vs_first_arm"]["coef"][0], atol=0.05)


def test_percent_is_proportion() -> None:
    percent = cp.reconstruct([(t, 100 * s) for t, s in FOUR], [(0, 4), (6, 2)])

    assert percent.patients.equals(cp.reconstruct(FOUR, [(0, 4), (6, 2)]).patients)
    assert percent.clicks.scale == "percent"


def test_clicks_that_rise_are_repaired_and_counted() -> None:
    found = cp.reconstruct([(2, 0.75), (5, 0.5), (6, 0.51), (8, 0.25), (9, 0.25)], [(0, 4), (6, 2)])

    assert rows(found) == rows(cp.reconstruct(FOUR, [(0, 4), (6, 2)]))
    assert found.quality.repaired == 2
    assert any("because the curve rose" in note for note in found.assumptions)


def test_the_curve_begins_at_one() -> None:
    found = cp.reconstruct([(-0.1, 0.99), (0, 0.98), *FOUR], [(0, 4), (6, 2)])

    assert rows(found) == rows(cp.reconstruct(FOUR, [(0, 4), (6, 2)]))
    assert found.clicks.before == 2


def test_flat_tail_with_heavy_censoring_makes_no_deaths() -> None:
    curve = [(1, 0.9), (2, 0.8), (3, 0.7), *((t, 0.7) for t in range(4, 41))]
    found = cp.reconstruct(curve, [(0, 100), (3.5, 70), (10, 50), (20, 12), (30, 3)])

    assert found.quality.events == 30
    assert found.patients.filter(pl.col("event"))["time"].max() == 3
    assert found.quality.at_risk["difference"].to_list() == [0] * 5


def test_curve_that_ends_at_zero() -> None:
    found = cp.reconstruct([(1, 0.75), (2, 0.5), (3, 0.25), (4, 0)], [(0, 4), (2.5, 2), (5, 0)])

    assert rows(found) == [(1, True), (2, True), (3, True), (4, True)]


def test_intervals_without_clicks_hold_censorings_only() -> None:
    found = cp.reconstruct([(1, 0.9), (9, 0.675)], [(0, 10), (2, 9), (4, 6), (6, 6), (8, 4)])

    lost = found.patients.filter(~pl.col("event"))["time"].to_numpy()
    assert np.histogram(lost, [0, 2, 4, 6, 8, 10])[0].tolist() == [0, 3, 0, 2, 3]
    assert found.quality.at_risk["difference"].to_list() == [0] * 5


def test_marks_are_when_people_leave() -> None:
    found = cp.reconstruct(
        [(2, 0.8), (6, 0.8 * 2 / 3), (7, 0.8 * 2 / 3)], n=5, censor_ticks=[3, 7], total_events=None, end=7
    )

    assert rows(found)[:2] == [(2, True), (3, False)]
    assert rows(found)[2:] == [(6, True), (7, False), (7, False)]


def test_total_events_alone_settle_the_censoring() -> None:
    curve = [(t, 0.95**t) for t in range(1, 21)]

    few, many = (cp.reconstruct(curve, n=200, total_events=total) for total in (90, 120))

    assert (few.quality.events, many.quality.events) == (90, 120)
    assert few.accepted
    assert many.accepted


def test_without_numbers_at_risk_or_events_there_is_a_range_and_no_answer() -> None:
    curve = [(t, 0.95**t) for t in range(1, 21)]

    found = cp.reconstruct(curve, n=200)
    low, high = found.over(lambda patients: float(patients["event"].sum()))

    assert found.reasons == ("censoring: neither numbers at risk nor events are known",)
    assert low is not None
    assert high is not None
    assert low < 100 < 125 < high
    with pytest.raises(NoValidAnswer, match="does not tell who was censored"):
        _ = found.patients
    assert cp.reconstruct(curve, n=200, assume="none").patients["event"].sum() == high
    assert cp.reconstruct(curve, n=200, assume="heaviest").patients["event"].sum() == low
    table = found.to_result().table.filter(pl.col("estimand") == "events")
    assert table.select("estimate", "conf_low", "conf_high").row(0) == (None, low, high)


def test_a_reconstruction_that_fails_its_gate_is_not_used_silently() -> None:
    found = cp.reconstruct(FOUR, [(0, 4), (6, 2)], median=14)

    assert [check.name for check in found.quality.checks if not check.passed] == ["median"]
    with pytest.raises(NoValidAnswer, match=r"median 6\.5, published 14.*despite=\('median',\)"):
        _ = found.patients
    assert cp.reconstruct(FOUR, [(0, 4), (6, 2)], median=14, despite=("median",)).accepted


def test_numbers_at_risk_are_kept_and_the_curve_gives_way() -> None:
    found = cp.reconstruct([(1, 0.2), (9, 0.2)], [(0, 100), (5, 80)])

    assert found.quality.at_risk["difference"].to_list() == [0, 0]
    assert [reason.partition(":")[0] for reason in found.reasons] == ["rmse", "max_error"]


def test_result_and_chart_show_the_gate() -> None:
    found = cp.reconstruct(FOUR, [(0, 4), (6, 2)])

    result, chart = found.to_result("all", "os"), found.plot(language="bg")

    assert result.settings["accepted"] is True
    assert result.table.filter(pl.col("estimand") == "at_risk_error")["estimate"].to_list() == [0, 0]
    assert "публикувани" in chart.svg


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"curve": [(1, 2, 3)]}, "pairs of numbers"),
    ({"curve": [(0, 1.0)]}, "no click after time 0"),
    ({"curve": [(1, float("nan"))]}, "1 of 1 clicks are no finite numbers"),
    ({"curve": [(1, -0.3), (2, 0.2)]}, "1 of 2 clicks lie above 1 or below 0"),
    ({"at_risk": [(3, 4)]}, "how many were at risk at time 0"),
    ({"n": 5}, "says 4 at time 0, n says 5"),
    ({"at_risk": [(0, 4), (6, 5)]}, "rises from 4 to 5"),
    ({"at_risk": [(0, 4), (6, 2.5)]}, "must be counts"),
    ({"at_risk": [(0, 4), (0, 2)]}, "times must be numbers that rise"),
    ({"at_risk": [(0, 4), (6, 0)]}, "nobody is left at 6, but the curve falls after that"),
    ({"curve": [(1, 0.5), (2, 0)], "at_risk": [(0, 4), (3, 1)]}, "1 are at risk after the curve reached 0"),
    ({"total_events": 5}, "5 events among 4 patients"),
    ({"censor_ticks": [1, 2, 3, 4, 5]}, "5 marks among 4 patients"),
    ({"censor_ticks": [0]}, "times after 0"),
    ({"end": 3}, "points or patients after 3"),
    ({"assume": "none"}, "leave assume out"),
    ({"at_risk": [(0, 4)], "assume": 2}, "'none', 'heaviest' or a part"),
]


@pytest.mark.parametrize(("change", "words"), WRONG, ids=[words for _, words in WRONG])
def test_what_cannot_be_is_refused_by_name(change: dict[str, Any], words: str) -> None:
    asked: dict[str, Any] = {"curve": FOUR, "at_risk": [(0, 4), (6, 2)], **change}

    with pytest.raises(DefinitionError) as caught:
        cp.reconstruct(**asked)

    assert words in str(caught.value)
