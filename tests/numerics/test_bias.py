# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Bias analysis and informative censoring: the closed forms by hand, and the truth found again in simulated data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from rwe import compare as cp
from rwe import survival as sv
from rwe.compare.uncertain import drawn
from rwe.errors import DataError, DefinitionError, NoValidAnswer


def systematic(found: cp.BiasAnalysis) -> float:
    return float(found.table.filter(of="systematic")["ratio"].item())


def test_fixed_errors_of_the_exposure_are_put_right_as_by_hand() -> None:
    found = cp.misclassified(
        (215, 883, 1449, 5745), of="exposure", sensitivity=0.78, specificity=0.99, measure="or", draws=100
    )

    cases, others = 1664, 4964  # with and without the event; 215 and 668 of them told as exposed
    a, b = ((told - 0.01 * whole) / 0.77 for told, whole in ((215, cases), (668, others)))
    assert systematic(found) == pytest.approx(a * (others - b) / ((cases - a) * b))
    assert found.table.filter(of="conventional")["ratio"].item() == pytest.approx(215 * 4296 / (1449 * 668))


def test_fixed_errors_of_the_outcome_are_put_right_as_by_hand() -> None:
    found = cp.misclassified(
        (60, 200, 90, 200), of="outcome", sensitivity=(0.9, 0.95), specificity=(0.98, 1.0), draws=100
    )

    treated, control = (60 - 0.02 * 200) / (0.9 - 0.02), 90 / 0.95
    assert systematic(found) == pytest.approx(treated / control)
    error = math.sqrt(1 / treated - 1 / 200 + 1 / control - 1 / 200)
    spread = float(np.log(found.total).std(ddof=1))
    assert spread == pytest.approx(error, rel=0.3)


def test_the_true_ratio_is_found_again_in_data_told_with_errors() -> None:
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(200):
        true = [rng.binomial(3_000, 0.2), rng.binomial(3_000, 0.4)]
        told = [rng.binomial(n, 0.8) + rng.binomial(3_000 - n, 0.05) for n in true]

        found = cp.misclassified(
            (told[0], 3_000, told[1], 3_000), of="outcome", draws=500, seed=3,
            sensitivity={"triangular": [0.75, 0.8, 0.85]}, specificity={"uniform": [0.94, 0.96]},
        )  # fmt: skip

        total = found.table.filter(of="total").row(0, named=True)
        plain = found.table.filter(of="conventional").row(0, named=True)
        held += total["conf_low"] <= 0.5 <= total["conf_high"]
        assert plain["ratio"] > 0.5
    # errors that are not known exactly widen the interval, so it holds the truth at least as often as it says
    assert held >= 190


def test_an_outcome_missed_and_a_confounder_change_a_hazard_ratio_as_by_hand() -> None:
    outcome = {"sensitivity": 0.9, "specificity": 0.99, "risk": 0.3}
    confounder = {"treated": 0.4, "control": 0.2, "ratio": 2.0}

    found = cp.bias_analysis(0.7, 0.5, 0.98, outcome=outcome, confounder=confounder, draws=100)

    true = (0.3 - 0.01) / (0.9 - 0.01)
    bias = math.log(1 - 0.3) / math.log(1 - true) * (1 + 0.4) / (1 + 0.2)
    assert systematic(found) == pytest.approx(0.7 / bias)


def test_people_on_record_with_a_medicine_they_did_not_take_bring_the_hazards_together() -> None:
    share, ratio = 0.8, 2.0  # of those on record as treated; those who were not die twice as fast
    observed = 0.5 * (share + (1 - share) * ratio) / (0.9 + 0.1 / ratio)
    exposure = {"predictive_value": share, "ratio": ratio, "control_predictive_value": 0.9}

    found = cp.bias_analysis(observed, observed / 2, observed * 2, exposure=exposure, draws=100)

    assert systematic(found) == pytest.approx(0.5)


def test_random_error_is_that_of_the_interval_and_draws_are_those_of_the_seed() -> None:
    how: dict[str, Any] = {"confounder": {"treated": 0.5, "control": 0.5, "ratio": 3.0}, "draws": 50_000}

    found, again = (cp.bias_analysis(0.7, 0.5, 0.98, **how) for _ in range(2))

    total = found.table.filter(of="total").row(0, named=True)
    assert (total["ratio"], total["conf_low"], total["conf_high"]) == pytest.approx((0.7, 0.5, 0.98), rel=0.02)
    assert (found.total == again.total).all()


LOG_SD = math.log(2.5 / 1.2) / 2 / stats.norm.ppf(0.975)


@pytest.mark.parametrize(
    ("given", "law"),
    [
        ({"uniform": [0.2, 0.6]}, stats.uniform(0.2, 0.4)),
        ({"triangular": [0.2, 0.3, 0.8]}, stats.triang(1 / 6, 0.2, 0.6)),
        ({"trapezoidal": [0.1, 0.2, 0.6, 0.9]}, stats.trapezoid(0.125, 0.625, 0.1, 0.8)),
        ({"beta": [8.0, 2.0]}, stats.beta(8, 2)),
        ({"lognormal": [1.2, 2.5]}, stats.lognorm(LOG_SD, scale=math.sqrt(3.0))),
    ],
)  # fmt: skip
def test_draws_follow_their_distribution(given: Any, law: Any) -> None:
    values = drawn(given, 20_000, np.random.default_rng(1), "x", 0.0, 1e6)

    assert stats.kstest(values, law.cdf).pvalue > 1e-3


WRONG = [
    ({"confounder": {"treated": 0.5, "control": 0.2}}, DefinitionError, "wrong or missing: ratio"),
    ({"confounder": {"treated": 1.5, "control": 0.2, "ratio": 2}}, DefinitionError, "from 0 to 1"),
    ({"confounder": {"treated": {"normal": [0, 1]}, "control": 0, "ratio": 2}}, DefinitionError, "one distribution of"),
    ({"confounder": {"treated": {"uniform": [0.4, 0.2]}, "control": 0, "ratio": 2}}, DefinitionError, "rising"),
    ({"outcome": {"sensitivity": 0.9, "specificity": 0.5, "risk": 0.3}}, NoValidAnswer, "contradict the data"),
    ({"exposure": {"predictive_value": 0.9}}, DefinitionError, "wrong or missing: ratio"),
    ({"exposure": {"predictive_value": 1.2, "ratio": 2}}, DefinitionError, "exposure.predictive_value"),
    ({}, DefinitionError, "say what is wrong"),
]


@pytest.mark.parametrize(("given", "fault", "words"), WRONG, ids=[words for *_, words in WRONG])
def test_what_cannot_be_is_refused_by_name(given: dict[str, Any], fault: type[Exception], words: str) -> None:
    with pytest.raises(fault, match=words):
        cp.bias_analysis(0.7, 0.5, 0.9, **given)


def test_impossible_tables_are_refused() -> None:
    with pytest.raises(DataError, match="events fit in"):
        cp.misclassified((9, 5, 1, 5), of="outcome", sensitivity=0.9, specificity=0.9)
    with pytest.raises(NoValidAnswer, match="empty"):
        cp.misclassified((0, 50, 10, 50), of="outcome", sensitivity=1.0, specificity=1.0)


DOUBTED, REFERENCE, LEAVE, HORIZON = 0.0012, 0.001, 0.0008, 900


def two_groups(n: int, seed: int) -> pl.DataFrame:
    """Return two exponential groups, of which one loses people all the time."""
    rng = np.random.default_rng(seed)
    group = np.repeat([1, 0], n)
    event = np.ceil(rng.exponential(1 / np.where(group == 1, DOUBTED, REFERENCE)))
    leave = np.where(group == 1, np.ceil(rng.exponential(1 / LEAVE, 2 * n)), 5_000)
    days = np.minimum(np.minimum(event, leave), HORIZON + 50).astype(int)
    return pl.DataFrame({"days": days, "event": (event <= leave) & (event <= HORIZON + 50), "group": group})


HOW: dict[str, Any] = {"time": "days", "event": "event", "by": "group", "horizon": HORIZON}


def test_those_who_left_follow_the_law_that_was_assumed() -> None:
    found = cp.informative_censoring(two_groups(20_000, 2), **HOW, deltas=[1.0, 2.5], imputations=3)

    # survival to the horizon of all who were there, had those who left met so many times the hazard afterwards
    def alive(delta: float) -> float:
        stay, gone = DOUBTED + LEAVE, delta * DOUBTED
        later = LEAVE * (math.exp(-gone * HORIZON) - math.exp(-stay * HORIZON)) / (stay - gone)
        return math.exp(-stay * HORIZON) + later

    for delta, row in zip((1.0, 2.5), found.table.iter_rows(named=True), strict=False):
        # of two proportional groups the ratio of cumulative hazards is the hazard ratio; here nearly so
        wanted = -math.log(alive(delta)) / (REFERENCE * HORIZON)
        assert row["ratio"] == pytest.approx(wanted, rel=0.03 if delta == 1 else 0.06)
    jump = found.table.filter(assumption="reference")["ratio"].item()
    assert 1 < jump < found.table["ratio"][0]


def test_a_factor_of_one_changes_nothing_and_the_ratio_rises_with_the_factor() -> None:
    rows = two_groups(800, 4)
    cut = rows.with_columns(
        pl.col("days").clip(upper_bound=HORIZON), event=pl.col("event") & (pl.col("days") <= HORIZON)
    )
    plain = sv.cox(cut, time="days", event="event", covariates=["group"]).coefficients

    found = cp.informative_censoring(rows, **HOW, deltas=[1.0, 1.5, 2.0, 4.0], imputations=30)

    ratios = found.table.filter(pl.col("delta").is_not_null())["ratio"].to_list()
    assert ratios[0] == pytest.approx(plain["hazard_ratio"].item(), rel=0.03)
    assert ratios == sorted(ratios)
    assert found.table["conf_high"][0] / found.table["conf_low"][0] > 1


def test_the_tipping_factor_is_where_the_conclusion_turns() -> None:
    rows = two_groups(1_500, 9).with_columns(
        group=1 - pl.col("group")
    )  # now the doubted group does better, and loses nobody
    rng = np.random.default_rng(1)
    leave = pl.Series(np.ceil(rng.exponential(900, rows.height)).astype(int))
    rows = rows.with_columns(
        days=pl.when(group=1).then(pl.min_horizontal("days", leave)).otherwise("days"),
        event=pl.col("event") & ((pl.col("group") == 0) | (pl.col("days") <= leave)),
    )

    found = cp.informative_censoring(rows, **HOW)

    assert found.tips is not None
    around = cp.informative_censoring(rows, **HOW, deltas=[found.tips / 1.02, found.tips * 1.02]).table
    assert around["conclusion"].to_list()[:2] == ["holds", "lost"]


def test_only_the_doubted_are_followed_on() -> None:
    rows = two_groups(400, 5).with_columns(doubted=pl.int_range(pl.len()) % 2 == 0)
    here = rows.filter(group=1).filter(~pl.col("event"), pl.col("days") < HORIZON)

    found = cp.informative_censoring(rows, **HOW, doubted="doubted")

    assert found.imputed == here["doubted"].sum()
    with pytest.raises(NoValidAnswer, match="nobody left"):
        cp.informative_censoring(rows.with_columns(doubted=pl.lit(value=False)), **HOW, doubted="doubted")
    with pytest.raises(DefinitionError, match="0 \\(the reference\\) and 1"):
        cp.informative_censoring(rows.with_columns(group=pl.lit(1)), **HOW)
    with pytest.raises(NoValidAnswer, match="no common horizon"):
        cp.informative_censoring(rows, **(HOW | {"horizon": 5_000}))


def test_a_bias_analysis_is_drawn_and_printed() -> None:
    found = cp.bias_analysis(
        0.7, 0.5, 0.98, confounder={"treated": {"uniform": [0.2, 0.6]}, "control": 0.2, "ratio": 2.0}
    )

    for language, words in (("en", "Bias taken out"), ("bg", "Без изместването")):
        assert words in found.plot(language=language).svg
    assert "10000 draws" in repr(found)
    assert found.to_result().table.height == 3
