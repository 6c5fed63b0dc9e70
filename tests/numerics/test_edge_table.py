# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The edge table: inputs on which programs go wrong in silence are right here, or refused by name.

One test a row, named by its number.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv
from rwe.errors import DataError, NoValidAnswer
from rwe.report.numbers import Numbers

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
LUNG = pl.read_csv(FOLDER / "lung.csv")
WHOLE = LUNG.drop_nulls(["age", "sex", "ph_ecog", "inst"]).with_columns(m=(pl.col("time") / 60).ceil().cast(pl.Int64))
RESPONSE: dict[str, Any] = {"time": "t", "event": "e"}
REAL: dict[str, Any] = {"time": "time", "event": "event"}


def _rows(t: list[Any], e: list[int], **more: list[Any]) -> pl.DataFrame:
    return pl.DataFrame({"t": t, "e": e, **more})


def _km(frame: pl.DataFrame, **more: Any) -> sv.KaplanMeier:
    return sv.kaplan_meier(frame, **RESPONSE, **more)


def _cox(frame: pl.DataFrame, covariates: list[str], **more: Any) -> pl.DataFrame:
    return sv.cox(frame, **{**RESPONSE, **more}, covariates=covariates).coefficients


def test_e01_median_on_a_plateau_is_its_middle() -> None:
    rows = _rows([54, 75, 77, 84, 87, 92, 103, 105, 112, 118], [1] * 5 + [0] * 5)

    log_log, log = _km(rows), _km(rows, conf_type="log")

    columns = ["time", "conf_low", "conf_high"]
    assert log_log.quantile([0.25, 0.5]).select(columns).rows() == [(77, 54, None), (102.5, 54, None)]
    assert log.quantile(0.5).select(columns).row(0) == (102.5, 77, None)
    at = log_log.at(100).row(0, named=True)
    assert [at[c] for c in ("survival", "conf_low", "conf_high")] == pytest.approx([0.5, 0.183605591, 0.753174077])


def test_e02_a_plateau_is_seen_through_rounding() -> None:
    """With twelve rows S is 0.49999999999999989 where it should be a half."""
    medians = [_km(_rows(list(range(1, n + 1)), [1] * n)).quantile(0.5)["time"].item() for n in (6, 12)]

    assert medians == [3.5, 6.5]


def test_e03_nobody_fails() -> None:
    km = _km(_rows([1, 2, 3], [0, 0, 0]))

    assert km.table.select("survival", "std_error", "conf_low", "conf_high").rows() == [(1.0, 0.0, 1.0, 1.0)] * 3
    assert km.quantile(0.5).select("time", "conf_low", "conf_high").row(0) == (None, None, None)


def test_e04_survival_of_nought_has_no_limits() -> None:
    last = _km(_rows([1, 2, 3], [1, 1, 1])).table.row(-1, named=True)

    assert [last[c] for c in ("survival", "std_error", "conf_low", "conf_high")] == [0.0, None, None, None]


def test_e05_failures_precede_censorings_of_the_same_day() -> None:
    assert _km(_rows([1, 2, 2, 3], [1, 1, 0, 1])).table["survival"].to_list() == [0.75, 0.5, 0.0]


def test_e06_failures_on_day_0_count_and_censored_on_day_0_leave() -> None:
    table = _km(_rows([0, 0, 2, 3], [1, 0, 1, 1])).table

    assert table["n_risk"].to_list() == [4, 2, 1]
    assert table["survival"].to_list() == pytest.approx([3 / 4, 3 / 8, 0])


def test_e07_times_equal_but_for_rounding_are_one_time() -> None:
    rows = _rows([0.1 + 0.2, 0.3, 0.5, 0.7], [1, 1, 1, 0])

    table = _km(rows, clock="continuous").table

    assert table.select("time", "n_risk", "n_event").row(0) == (pytest.approx(0.3), 4, 2)
    assert table["survival"].to_list() == pytest.approx([1 / 2, 1 / 4, 1 / 4], rel=1e-15)
    with pytest.raises(DataError, match="column 't': 4 of 4 rows are not whole days"):
        _km(rows)


def test_e08_days_and_years_have_the_same_ties() -> None:
    """Follow-up as the difference of two ages in years: ten lengths of stay become more in floating point."""
    start = np.arange(30) * 7 + 9000
    days = _rows((np.arange(30) % 10 + 51).tolist(), [1, 1, 0] * 10, g=[0, 1] * 15)
    years = days.with_columns(t=(start + days["t"].to_numpy()) / 365.25 - start / 365.25)

    tables = [_km(f, clock="continuous").table for f in (days, years)]
    tests = [sv.log_rank(f, **RESPONSE, by="g", clock="continuous").statistic for f in (days, years)]

    assert years["t"].n_unique() > 10 == tables[1].height
    assert tables[1]["survival"].to_list() == tables[0]["survival"].to_list()
    assert tests[1] == tests[0]
    with pytest.raises(DataError, match="column 't': 30 of 30 rows are not whole days"):
        _cox(years, ["g"])


def test_e09_log_rank_with_times_equal_but_for_rounding() -> None:
    rows = _rows([0.1 + 0.2, 0.5, 0.7, 0.3, 0.6, 0.9], [1] * 6, g=list("aaabbb"))

    found = sv.log_rank(rows, **RESPONSE, by="g", clock="continuous")

    assert found.statistic == pytest.approx(40 / 101, rel=1e-13)


def test_e10_a_risk_set_that_runs_empty_early_is_told() -> None:
    km = _km(_rows([1, 5, 6, 7, 8], [1, 1, 0, 1, 1], a=[0, 2, 2, 2, 3]), entry="a")

    assert km.table["survival"].to_list() == [0.0] * 5
    assert "runs empty early in 1 of 1 groups" in km.notes[0]


def test_e11_who_enters_when_another_fails_is_not_at_risk_then() -> None:
    table = _km(_rows([2, 5, 5, 9], [1, 1, 1, 0], a=[0, 0, 2, 2]), entry="a").table

    assert table["n_risk"].to_list() == [2, 3, 1]
    assert table["survival"].to_list() == pytest.approx([1 / 2, 1 / 6, 1 / 6], rel=1e-15)


@pytest.mark.parametrize("estimate", [_km, lambda rows, **more: _cox(rows, ["t"], **more)])
def test_e12_rows_that_leave_before_they_enter_are_refused_and_counted(estimate: Any) -> None:
    rows = _rows([5, 3, 8], [1, 1, 0], a=[5, 4, 0])

    with pytest.raises(DataError, match="column 't' and 'a': 2 of 3 rows leave on or before the day they enter"):
        estimate(rows, entry="a")


def test_e13_rows_of_weight_0_are_dropped_and_counted() -> None:
    """Without the second row 1 - r / (r + 3) - r / (r + 1) is 0 at r = sqrt 3."""
    rows = _rows([1, 2, 3, 4, 5], [1, 1, 0, 1, 1], w=[1, 0, 1, 1, 1], x=[0, 1, 0, 1, 0])

    km, fit = _km(rows, weights="w"), sv.cox(rows, **RESPONSE, covariates=["x"], weights="w")

    assert km.table["survival"].to_list() == [3 / 4, 3 / 4, 3 / 8, 0]
    assert fit.coefficients["estimate"][0] == pytest.approx(math.log(3) / 2, rel=1e-12)
    assert km.notes == fit.notes == ("1 rows of weight 0 left out",)


def test_e14_weights_that_are_no_counts_take_the_robust_error() -> None:
    rows = _rows([1, 2, 3, 4], [1, 1, 0, 1], w=[0.5, 1.5, 1.0, 2.0])

    robust, naive = (_km(rows, weights="w", robust=asked).table for asked in (None, False))

    assert robust["survival"].to_list() == pytest.approx([0.9, 0.6, 0.6, 0.0], rel=1e-14)
    assert robust["std_error"].to_list()[:2] == pytest.approx([0.104880885, 0.260768096], rel=1e-8)
    assert naive["std_error"].to_list()[:2] == pytest.approx([0.134164079, 0.219089023], rel=1e-8)


@pytest.mark.parametrize(("t", "says"), [(-1.0, "lie before day 0"), (math.nan, "have no finite value")])
def test_e15_times_before_day_0_or_missing_are_refused_and_counted(t: float, says: str) -> None:
    with pytest.raises(DataError, match=f"column 't': 1 of 3 rows {says}"):
        _km(_rows([t, 2.0, 3.0], [1, 1, 0]))


def test_e16_a_landmark_beyond_follow_up_is_not_estimable() -> None:
    at = _km(_rows([1, 2, 3, 4], [1, 1, 1, 0])).at([4, 5])

    assert at["survival"].to_list() == [0.25, None]
    assert at.select("std_error", "conf_low", "conf_high").row(1) == (None, None, None)


def test_e17_a_restricted_mean_beyond_follow_up_is_refused() -> None:
    with pytest.raises(NoValidAnswer, match="1 of 1 groups"):
        _km(_rows([1, 2, 3, 4], [1, 1, 1, 0])).rmst(10)


def test_e18_the_error_of_a_restricted_mean_is_that_of_the_mean() -> None:
    men = sv.kaplan_meier(LUNG.filter(sex=1), **REAL).rmst(500)

    assert men["std_error"].item() == pytest.approx(14.35455857, rel=1e-9)


def test_e19_log_rank_without_events_in_one_arm_in_both_or_with_one_group() -> None:
    rows = _rows([1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 0, 0], g=list("aaabbb"), one=["a"] * 6)

    assert sv.log_rank(rows, **RESPONSE, by="g").statistic == pytest.approx(5.05166052, rel=1e-8)
    with pytest.raises(NoValidAnswer, match="no events"):
        sv.log_rank(rows.with_columns(e=0), **RESPONSE, by="g")
    with pytest.raises(NoValidAnswer, match="1 of 1 groups"):
        sv.log_rank(rows, **RESPONSE, by="one")


def test_e20_robust_errors_under_efron_with_clusters_and_with_weights() -> None:
    clustered = sv.cox(WHOLE, time="m", event="event", formula="age + sex + ph_ecog", cluster="inst").coefficients
    rows = _rows([1, 1, 2, 2, 2, 2, 3, 4, 5], [1, 0, 1, 1, 1, 0, 0, 1, 0])
    rows = rows.with_columns(x=pl.Series([2, 0, 1, 1, 0, 1, 0, 1, 0]), w=pl.Series([1, 2, 3, 4, 3, 2, 1, 2, 1]))

    weighted = _cox(rows, ["x"], weights="w", robust=True)

    errors = clustered["robust_std_error"].to_list()
    assert errors == pytest.approx([0.0069680867, 0.1119057453, 0.1188933461], rel=1e-8)
    assert weighted.select("estimate", "robust_std_error").row(0) == pytest.approx(
        [0.8726042464, 1.119055165], rel=1e-8
    )


def test_e21_the_baseline_hazard_after_efron_is_efrons() -> None:
    fit = sv.cox(WHOLE, time="m", event="event", formula="age + sex + ph_ecog")

    means = WHOLE.select("age", "sex", "ph_ecog").mean().to_numpy()[0]
    first = fit.baseline()["cumulative_hazard"][0] * np.exp(means @ fit.coefficients["estimate"].to_numpy())
    assert first == pytest.approx(0.0705501266, rel=1e-8)


SEPARATED = _rows([1, 2, 3, 4, 5, 6, 7, 8], [1] * 4 + [0] * 4, x=[1] * 4 + [0] * 4)


def test_e22_complete_separation_is_refused_by_name_and_answered_by_firth() -> None:
    with pytest.raises(NoValidAnswer, match=r"\['x'\] have no finite estimate"):
        _cox(SEPARATED, ["x"])

    firth = _cox(SEPARATED, ["x"], penalty="firth").row(0, named=True)

    assert firth["estimate"] == pytest.approx(2.948199, abs=1e-6)
    assert np.log([firth["conf_low"], firth["conf_high"]]) == pytest.approx([0.624945, 7.856570], abs=1e-5)
    assert sv.log_rank(SEPARATED, **RESPONSE, by="x").statistic == pytest.approx(7.3444, abs=5e-5)


def test_e23_a_covariate_that_repeats_another_is_refused_by_name() -> None:
    doubled = WHOLE.with_columns(two=2 * pl.col("age") + 1)

    with pytest.raises(NoValidAnswer, match=r"\['two'\] are constant or a combination of other terms"):
        _cox(doubled, ["age", "sex", "two"], **REAL)
    assert _cox(doubled, ["age", "sex"], **REAL)["estimate"][0] == pytest.approx(0.0172984741, rel=1e-8)


def test_e24_constant_column_no_events_and_one_event_are_refused_by_name() -> None:
    rows = _rows([1, 2, 3], [1, 0, 0], x=[3.0, 2.0, 1.0], c=[7, 7, 7])

    with pytest.raises(NoValidAnswer, match=r"\['c'\] are constant"):
        _cox(rows, ["x", "c"])
    with pytest.raises(NoValidAnswer, match="no events"):
        _cox(rows.with_columns(e=0), ["x"])
    with pytest.raises(NoValidAnswer, match=r"\['x'\] have no finite estimate"):
        _cox(rows, ["x"])


@pytest.mark.parametrize(("factor", "shift"), [(1, 0), (1e10, 1e14), (1, 1e8), (1e-10, 0)])
def test_e25_covariates_on_huge_and_tiny_scales(factor: float, shift: float) -> None:
    scaled = WHOLE.with_columns(x=pl.col("age") * factor + shift)

    assert _cox(scaled, ["x"], **REAL)["estimate"][0] * factor == pytest.approx(0.0188819360729, rel=1e-10)


def test_e26_strata_without_events_and_risk_sets_of_one_add_nothing() -> None:
    rows = _rows([1, 2, 3, 4], [1, 1, 1, 0], x=[1, 0, 1, 0], s=[1] * 4)
    empty = _rows([4, 5, 8], [0, 0, 1], x=[1, 0, 1], s=[3, 3, 4])

    alone, both = (sv.cox(f, **RESPONSE, covariates=["x"], strata="s") for f in (rows, pl.concat([rows, empty])))

    assert both.coefficients["estimate"][0] == pytest.approx(alone.coefficients["estimate"][0], rel=1e-13)
    assert both.loglik == pytest.approx(alone.loglik, rel=1e-14)


def test_e27_all_rows_tied() -> None:
    """After Efron the three sums are 3 r + 3, (7 r + 8) / 3 and (5 r + 7) / 3; after Breslow 3 r + 3 three times."""
    rows = _rows([5] * 6, [1, 1, 1, 0, 0, 0], x=[1, 0, 1, 0, 1, 0])

    efron, breslow = (_cox(rows, ["x"], ties=ties) for ties in ("efron", "breslow"))

    r = math.exp(efron["estimate"][0])
    assert r / (r + 1) + 7 * r / (7 * r + 8) + 5 * r / (5 * r + 7) == pytest.approx(2, rel=1e-14)
    assert efron["estimate"][0] == pytest.approx(0.8529675266, rel=2e-9)  # R's, whose default stops that far short
    assert efron["std_error"][0] == pytest.approx(1.2273738273, rel=1e-9)
    assert breslow["estimate"][0] == pytest.approx(math.log(2), rel=1e-13)


def test_e28_gaps_in_the_follow_up_of_a_person_are_allowed() -> None:
    """The second person, away from day 3 to day 6, is not at risk on day 5: 1 - 2 * 2 r / (2 r + 1) is 0 at r = 1/2."""
    rows = _rows([5, 3, 9, 8, 7], [1, 0, 1, 0, 1], a=[0, 0, 6, 0, 0], x=[0, 0, 0, 1, 1])

    assert _cox(rows, ["x"], entry="a")["estimate"][0] == pytest.approx(math.log(1 / 2), rel=1e-12)


@pytest.mark.parametrize(
    ("transform", "statistics"),
    [("km", [0.243609, 2.475480, 2.353046, 4.974744]), ("rank", [0.165054, 2.231295, 2.943920])],
)
def test_e29_proportional_hazards_by_the_score_test(transform: Any, statistics: list[float]) -> None:
    fit = sv.cox(WHOLE, **REAL, formula="age + sex + ph_ecog")

    found = fit.proportional_hazards(transform).table["statistic"].to_list()

    assert found[: len(statistics)] == pytest.approx(statistics, abs=5e-7)


def test_e30_causes_tied_on_one_day_share_it() -> None:
    """Days 2 and 3 hold two exits each: F_a is 1/7 + 1/7 + 3/14 and F_b 1/7 + 1/7, whatever the order of rows."""
    rows = pl.DataFrame({"t": [1, 2, 2, 3, 3, 4, 5], "c": [1, 1, 2, 2, 0, 1, 0]})

    for order in (rows, rows.reverse(), rows.sample(fraction=1, shuffle=True, seed=1)):
        found = sv.cumulative_incidence(order, time="t", cause="c").at(5)
        assert found["incidence"].to_list() == pytest.approx([1 / 2, 2 / 7], rel=1e-14)


def test_e31_a_weibull_of_a_failure_at_time_0_of_none_and_of_one() -> None:
    """With one failure the shape k solves 1 / k + log t = the mean of log t weighed by t^k, where it has a root."""
    for rows, error, message in (
        (_rows([0, 5, 7], [1, 1, 0]), DataError, "1 of 3 rows fail at time 0"),
        (_rows([3, 5, 7], [0, 0, 0]), NoValidAnswer, "no events"),
        (_rows([3, 5, 7], [0, 0, 1]), NoValidAnswer, "'shape', 'scale'.*no finite estimate"),
    ):
        with pytest.raises(error, match=message):
            sv.parametric(rows, **RESPONSE, family="weibull")

    shape, scale = sv.parametric(_rows([3, 5, 7], [0, 1, 0]), **RESPONSE, family="weibull").parameters["estimate"]

    times = np.array([3.0, 5.0, 7.0])
    power = times**shape
    assert 1 / shape + math.log(5) == pytest.approx(power @ np.log(times) / power.sum(), rel=1e-9)
    assert scale**shape == pytest.approx(power.sum(), rel=1e-9)


def test_e32_peto_peto_is_not_harrington_fleming_with_rho_1() -> None:
    """Peto & Peto weigh a day by a survival estimate of their own, Harrington & Fleming by Kaplan-Meier before it."""
    power = sv.log_rank(LUNG, **REAL, by="sex", rho=1).statistic
    peto = sv.log_rank(LUNG, **REAL, by="sex", day_weights="peto_peto").statistic

    assert [power, peto] == pytest.approx([12.7142, 12.7078], abs=5e-5)


def test_e33_nelson_aalen_with_ties() -> None:
    hazard = sv.nelson_aalen(_rows([1, 2, 2, 3], [1, 1, 1, 0]), **RESPONSE).table["cumulative_hazard"]

    assert hazard[1] == pytest.approx(1 / 4 + 2 / 3, rel=1e-15)


def test_e34_censoring_weights_of_a_failure_are_those_just_before_it() -> None:
    """On day 2 one fails and one is censored: G is 1 just before and 2/3 after; pairs of day 3 count 1 / (2/3)^2."""
    rows = _rows([1, 2, 2, 3, 4], [1, 1, 0, 1, 0], score=[3.0, 1.0, 2.0, 2.5, 0.0])

    found = sv.concordance(rows, **RESPONSE, score="score", weighting="uno").table["concordance"].item()

    assert found == pytest.approx((4 + 1 + 9 / 4) / (4 + 3 + 9 / 4), rel=1e-14)


def test_e35_concordance_with_ties_in_time_and_score_and_within_strata() -> None:
    alone = sv.cox(WHOLE, time="m", event="event", covariates=["ph_ecog"])
    given: dict[str, Any] = {"time": "m", "event": "event", "score": "ph_ecog"}

    all_pairs, within = (sv.concordance(WHOLE, **given, **more).counts for more in ({}, {"strata": "sex"}))

    kinds = ["concordant", "discordant", "tied_x"]
    assert all_pairs.select(kinds).row(0) == (8142, 3845, 6777)
    assert alone.concordance == pytest.approx((8142 + 6777 / 2) / (8142 + 3845 + 6777), rel=1e-12)
    apart = [sv.concordance(WHOLE.filter(sex=sex), **given).counts.select(kinds).row(0) for sex in (1, 2)]
    assert within.select(kinds).rows() == apart


def test_e36_reports_round_halves_away_from_nought() -> None:
    """0.5, 2.5 and 2.675 as people write them, not as their binary neighbours."""
    numbers = Numbers("en")

    shown = [numbers.decimal(0.5, 0), numbers.decimal(2.5, 0), numbers.decimal(2.675, 2), numbers.decimal(-2.5, 0)]
    assert shown == ["1", "3", "2.68", "\N{MINUS SIGN}3"]
