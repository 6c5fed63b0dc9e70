# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Reserves: the worked example, each kind of curve, several terms on one patient, and calibration."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import reimbursement as rb
from rwe import survival as sv
from rwe.errors import DataError, DefinitionError, NoValidAnswer
from rwe.reimbursement.chances import chances
from rwe.reimbursement.reserve import Stake, expected
from tests.numerics.contracts import calibrated

START = date(2026, 1, 1)
RESULT = {
    "id": "t1",
    "type": "payment_by_result",
    "share": "1.00",
    "assess_day": 56,
    "window": [-7, 0],
    "failure": ["progression"],
    "cost_scope": "until_failure",
}
PUBLISHED = pl.DataFrame({"time": [28, 56], "survival": [0.85, 0.70]})


def agreement(*terms: dict[str, Any], **parts: Any) -> rb.Agreement:
    contract = {"id": "A", "product": "x", "indication": "y", "start": START, "end": date(2032, 12, 31)}
    price = [{"from": START, "net": "1500.00", "unit": "vial"}]
    return rb.Agreement.model_validate(
        {"contract": {**contract, "currency": "EUR"}, "price": price, "terms": terms or (RESULT,), **parts}
    )


def doses(*rows: tuple[int, int, str]) -> pl.DataFrame:
    """Return doses from (person, day after START, units), each with its record."""
    kept = [(p, START + timedelta(days=d), u, f"d{i}") for i, (p, d, u) in enumerate(rows)]
    return pl.DataFrame(kept, schema=["person_id", "administered_on", "units", "record_id"], orient="row")


def seen(*rows: tuple[int, int, str]) -> pl.DataFrame:
    schema = {"person_id": pl.Int64, "assessed_on": pl.Date, "outcome": pl.String}
    return pl.DataFrame([(p, START + timedelta(days=d), o) for p, d, o in rows], schema=schema, orient="row")


def on(day: int) -> date:
    return START + timedelta(days=day)


def test_worked_example_of_the_reserve() -> None:
    # S(56) = .70, S(28) = .85: P = .17647 of 9,000
    settlement = rb.settle(agreement(), doses((1, 0, "3"), (1, 21, "3")), seen(), as_of=on(28))

    found = rb.reserve(settlement, PUBLISHED)

    assert settlement.gross == Decimal("9000.00")
    assert found.amount == Decimal("1588.24")
    assert str(found.amount) == "1588.24"
    assert found.table["chance"].item() == pytest.approx(0.17647, abs=5e-6)
    assert found.table.select("since", "until").row(0) == (28, 56)
    assert (found.settled, found.oldest_due) == (Decimal(0), on(56))
    # one patient comes back whole or not at all
    assert (found.conf_low, found.conf_high) == (Decimal("0.00"), Decimal("9000.00"))


def test_the_naive_share_is_too_low_where_many_had_no_time_to_fail() -> None:
    paid = doses(*[(p, 0 if p < 10 else 50, "2") for p in range(20)])
    judged = seen(*[(p, 40, "progression") for p in range(4)])

    settlement = rb.settle(agreement(), paid, judged, as_of=on(56))
    curve = sv.kaplan_meier(rb.courses(settlement, paid), time="days", event="failed")
    found = rb.reserve(settlement, curve)

    # four of the ten with time to fail did: so will the ten open ones, of whom the naive share sees 4 of 20
    assert found.naive.rate == pytest.approx(0.2)
    assert found.naive.rate_expected == pytest.approx(0.4)
    assert found.naive.reserve == Decimal("6000.00")
    assert found.amount == Decimal("12000.00")
    assert found.settled == Decimal("12000.00")
    assert found.conf_low < found.amount < found.conf_high


def test_courses_stand_on_the_clock_on_which_failures_become_known() -> None:
    term = {**RESULT, "window": [-7, 14], "missing": {"lost": "failure", "not_assessed": "failure_after_days_30"}}
    paid = doses((1, 0, "1"), (2, 0, "1"), (3, 0, "1"), (4, 0, "1"), (5, 60, "1"), (6, 10, "1"))
    judged = seen((1, 20, "progression"), (2, 56, "stable"), (3, 30, "lost"))

    settlement = rb.settle(agreement(term), paid, judged, as_of=on(85))
    found = rb.courses(settlement, paid)

    assert found.rows() == [
        (1, 1, 20, 1, 1),
        (2, 1, 70, 0, 2),
        (3, 1, 70, 1, 1),
        (4, 1, 70, 1, 1),
        (5, 1, 25, 0, 0),
        (6, 1, 70, 1, 1),
    ]
    reserved = rb.reserve(settlement, sv.kaplan_meier(found, time="days", event="failed")).table
    # nobody saw 4 and 6: a rule makes failures of them, on a day to come
    assert reserved.select("person_id", "by_rule", "since").rows() == [(4, True, 70), (5, False, 25), (6, True, 70)]
    assert reserved["chance"].to_list() == [1.0, pytest.approx(3 / 4), 1.0]
    assert reserved["due"].to_list() == [on(56), on(116), on(66)]


def test_a_late_assessment_that_still_counts_is_waited_for() -> None:
    term = {**RESULT, "window": [-7, 14], "missing": {"assessed_late": "as_assessed_within_days_30"}}
    paid = doses((1, 0, "1"), (2, 0, "1"), (3, 0, "1"), (4, 50, "1"))
    judged = seen((1, 90, "progression"), (2, 56, "stable"))

    settlement = rb.settle(agreement(term), paid, judged, as_of=on(95))
    found = rb.courses(settlement, paid)
    reserved = rb.reserve(settlement, pl.DataFrame({"time": [80, 100], "survival": [0.8, 0.6]})).table

    # 3 was not seen in the window: until day 100 a failure counts, and nothing says that it will come
    assert found.rows() == [(1, 1, 90, 1, 1), (2, 1, 100, 0, 2), (3, 1, 95, 0, 0), (4, 1, 45, 0, 0)]
    assert reserved.select("person_id", "by_rule", "since", "until").rows() == [
        (3, False, 95, 100),
        (4, False, 45, 100),
    ]


@pytest.mark.parametrize(("base", "reserve"), [("price", "120.00"), ("spend", "240.00")])
def test_a_rebate_on_death_is_reserved_for(base: str, reserve: str) -> None:
    rebate = {"id": "d", "type": "death_rebate", "rate": "0.40", "horizon_days": 365, "base": base}
    paid = doses((1, 0, "2"), (2, 0, "2"))
    settlement = rb.settle(agreement(rebate), paid, seen((2, 20, "death")), as_of=on(100))
    both = rb.settle(agreement(rebate, {**RESULT, "assess_day": 200}), paid, seen((2, 20, "death")), as_of=on(100))

    curve = pl.DataFrame({"time": [50, 365], "survival": [0.5, 0.4]})
    found = rb.reserve(settlement, curve)
    ahead = rb.forecast(
        agreement(rebate), paid, seen((2, 20, "death")), pl.DataFrame({"time": [300, 365], "survival": [0.0, 0.0]}),
        as_of=on(100), event="death", simulations=20,
    )  # fmt: skip

    # a fifth dies by the horizon: 40% of the price of one unit, or of the two that were spent
    assert found.amount == Decimal(reserve)
    assert rb.reserve(both, curve).table.height == 3  # 2 too: its window is open
    assert found.settled == Decimal(reserve) * 5
    assert rb.courses(settlement, paid).rows() == [(1, 1, 100, 0, 0), (2, 1, 20, 1, 1)]
    assert ahead.table.filter(period="all")["payback"].item() == 5 * float(reserve)


def test_a_rebate_on_the_price_is_not_lowered_by_what_came_back_before() -> None:
    rebate = {"id": "d", "type": "death_rebate", "rate": "0.40", "horizon_days": 56, "base": "price"}
    half = {**RESULT, "share": "0.5", "cost_scope": "all"}
    paid, curves = doses((1, 0, "1"), (2, 0, "1")), {"t1": HALF, "d": HALF}
    progressed = seen((2, 20, "progression"))
    now = rb.settle(agreement(half, rebate), paid, progressed, as_of=on(28))

    found = rb.reserve(now, curves)

    # 600 of each death: of 2, who has 750 left; of 1, who progresses when he dies, after 750 came back
    gone = pl.concat([progressed, seen((1, 40, "progression"), (1, 50, "death"), (2, 50, "death"))])
    ends = rb.settle(agreement(half, rebate), paid, gone, as_of=on(90))
    assert ends.total - now.total == found.conf_high == Decimal("1950.00")
    assert found.amount == Decimal("975.00")


def test_who_has_failed_and_may_respond_again_is_reserved_for_in_full() -> None:
    term = {**RESULT, "regained": "responder"}
    settlement = rb.settle(agreement(term), doses((1, 0, "1")), seen((1, 20, "progression")), as_of=on(28))

    found = rb.reserve(settlement, PUBLISHED)

    assert found.table.select("by_rule", "chance").row(0) == (True, 1.0)
    assert found.amount == Decimal("1500.00")


def test_a_patient_open_under_two_terms_has_one_fate() -> None:
    half = {**RESULT, "id": "t0", "type": "risk_sharing", "share": "0.5"}
    curve = pl.DataFrame({"time": [56, 112], "survival": [0.75, 0.5]})
    late = {**RESULT, "assess_day": 112}
    settlement = rb.settle(agreement(half, late), doses((1, 0, "1")), seen(), as_of=on(0))

    found = rb.reserve(settlement, curve)

    # a quarter fails early and brings back 750 twice, another quarter late and brings back 1,500 once
    assert dict(found.table.select("term", "reserve").rows()) == {"t0": Decimal("187.50"), "t1": Decimal("562.50")}
    assert found.conf_high == Decimal("1500.00")


EUR_1000 = {"id": "e", "type": "expenditure_cap", "per": "contract", "amount": "1000", "share": "1"}
TENTH = {"id": "d", "type": "discount", "rate": "0.10"}
HALF = pl.DataFrame({"time": [28, 56], "survival": [0.6, 0.3]})


@pytest.mark.parametrize("per", ["contract", "year"])
def test_a_later_expenditure_cap_brings_back_less_where_more_came_back_before_it(per: str) -> None:
    paid, judged = doses((1, 0, "2"), (2, 0, "2")), seen((2, 20, "progression"))
    contract = agreement(RESULT, {**EUR_1000, "per": per})
    now = rb.settle(contract, paid, judged, as_of=on(28))

    found = rb.reserve(now, HALF)

    # 6,000 spent, 5,000 settled: of the 3,000 of patient 1 the cap has 2,000 back already
    assert (now.gross, now.total) == (Decimal("6000.00"), Decimal("5000.00"))
    assert found.amount == Decimal("500.00")
    assert (found.conf_low, found.conf_high) == (Decimal("0.00"), Decimal("1000.00"))
    failed = rb.settle(contract, paid, pl.concat([judged, seen((1, 56, "progression"))]), as_of=on(90))
    assert failed.total - now.total == Decimal("1000.00")


def test_a_later_discount_is_not_paid_on_what_came_back() -> None:
    now = rb.settle(agreement(RESULT, TENTH), doses((1, 0, "2")), seen(), as_of=on(28))

    found = rb.reserve(now, HALF)

    assert found.amount == Decimal("1350.00")  # half of 3,000 less the 300 that came back by the discount
    assert found.conf_high == Decimal("2700.00")


def test_terms_that_took_all_leave_nothing_to_reserve_and_stand_as_settled() -> None:
    fee = {**{k: v for k, v in RESULT.items() if k not in ("share", "cost_scope")}, "id": "f", "type": "success_fee"}
    now = rb.settle(agreement(RESULT, fee), doses((1, 0, "2")), seen(), as_of=on(28))

    found = rb.reserve(now, HALF)

    assert (now.total, found.amount, found.conf_high) == (Decimal("3000.00"), Decimal("0.00"), Decimal("0.00"))
    assert found.left_out == ("f",)
    assert "not reserved for: f" in repr(found)
    assert found.to_result().settings["left_out"] == ["f"]


def test_what_is_settled_and_the_upper_limit_never_exceed_the_spend() -> None:
    yearly = {**EUR_1000, "per": "year", "amount": "9000", "share": "0.8"}
    volume: dict[str, Any] = {"id": "v", "type": "price_volume", "mode": "marginal", "per": "contract"}
    volume["tiers"] = [{"from_units": "0", "price": "1500"}, {"from_units": "10", "price": "900"}]
    paid = doses(*[(p, 12 * p, "2") for p in range(20)], *[(p, 12 * p + 200, "1") for p in range(20)])
    judged = seen(*[(p, 12 * p + 30, "progression" if p % 2 else "stable") for p in range(14)])
    whole = {**RESULT, "cost_scope": "all", "assess_day": 230}

    for terms in ([whole, yearly], [whole, TENTH, yearly], [whole, volume], [{**whole, "share": "0.5"}, yearly, TENTH]):
        now = rb.settle(agreement(*terms), paid, judged, as_of=on(380))
        found = rb.reserve(now, pl.DataFrame({"time": [20, 230], "survival": [0.7, 0.2]}))
        assert 0 <= found.conf_low <= found.amount <= found.conf_high <= now.gross - now.total


def test_a_later_volume_loses_the_units_of_who_fails() -> None:
    volume: dict[str, Any] = {"id": "v", "type": "price_volume", "mode": "marginal", "per": "contract"}
    volume["tiers"] = [{"from_units": "0", "price": "1500"}, {"from_units": "3", "price": "1200"}]
    paid, contract = doses(*[(p, 0, "1") for p in range(6)]), agreement(RESULT, volume)
    now = rb.settle(contract, paid, seen(), as_of=on(28))

    found = rb.reserve(now, HALF, draws=2_000)

    # six open patients fail with chance 1/2 each: settle each number of failures
    ends = [rb.settle(contract, paid, seen(*[(p, 56, "progression") for p in range(k)],
            *[(p, 56, "stable") for p in range(k, 6)]), as_of=on(90)).total - now.total for k in range(7)]  # fmt: skip
    assert ends == [0, 1200, 2400, 3600, 5100, 6600, 8100]
    mean = sum(float(end) * ways / 64 for end, ways in zip(ends, (1, 6, 15, 20, 15, 6, 1), strict=True))
    assert float(found.amount) == pytest.approx(mean, rel=0.02)
    assert (found.conf_low, found.conf_high) == (ends[1], ends[5])  # one in 64 lies beyond


def test_the_reserve_of_a_capped_contract_is_the_mean_of_its_settled_futures() -> None:
    paid, judged = doses(*[(p, 0, "1") for p in range(6)]), seen((5, 20, "progression"))
    contract = agreement(RESULT, TENTH, {**EUR_1000, "amount": "4000", "share": "0.5"})
    now = rb.settle(contract, paid, judged, as_of=on(28))

    found = rb.reserve(now, HALF, draws=20_000)

    # five open patients fail with chance 1/2 each: settle each number of failures
    ends = [rb.settle(contract, paid, seen((5, 20, "progression"), *[(p, 56, "progression") for p in range(k)],
            *[(p, 56, "stable") for p in range(k, 5)]), as_of=on(90)).total - now.total for k in range(6)]  # fmt: skip
    mean = sum(float(end) * ways / 32 for end, ways in zip(ends, (1, 5, 10, 10, 5, 1), strict=True))
    assert float(found.amount) == pytest.approx(mean, rel=0.01)
    assert (found.conf_low, found.conf_high) == (min(ends), max(ends))


def test_expected_payback_of_one_term_is_share_times_base_times_chance() -> None:
    assert expected([Stake(Fraction(1, 2), Fraction(300), Fraction(1, 3))]) == [Fraction(50)]


def test_a_curve_for_each_term() -> None:
    other = {**RESULT, "id": "t2"}
    settlement = rb.settle(agreement(RESULT, other), doses((1, 0, "1")), seen(), as_of=on(28))

    with pytest.raises(DefinitionError, match="no curve for term 't2'"):
        rb.reserve(settlement, {"t1": PUBLISHED})


def test_incidence_counts_failures_alone() -> None:
    frame = pl.DataFrame({"days": [10, 20, 30, 40, 50, 60] * 50, "why": [1, 2, 1, 2, 1, 0] * 50})
    curve = sv.cumulative_incidence(frame, time="days", cause="why")
    since, until = np.array([0, 25]), np.array([55, 55])

    best = chances(curve).best(since, until)
    drawn = chances(curve).drawn(since, until, 4000, 1)

    assert best == pytest.approx([0.5, 0.5])  # 3 of 6; then 2 of the 4 left
    assert drawn.mean(axis=0) == pytest.approx(best, abs=0.01)
    assert chances(curve, cause=2).best(since, until) == pytest.approx([2 / 6, 1 / 4])


def test_draws_of_a_curve_have_the_spread_of_greenwood() -> None:
    frame = sv.Scenario(n=400, rates=(1 / 300,), censoring=0.3).cohort()
    curve = sv.kaplan_meier(frame, time="time", event="event")
    since, until = np.zeros(1, np.int64), np.full(1, 200)

    drawn = chances(curve).drawn(since, until, 6_000, 3)[:, 0]

    row = curve.at(200).row(0, named=True)
    assert 1 - drawn.mean() == pytest.approx(row["survival"], abs=2e-3)  # half a failure more
    assert drawn.std() == pytest.approx(row["std_error"], rel=0.05)


def test_draws_of_a_cox_model_have_the_spread_of_its_predictions() -> None:
    frame = sv.Scenario(n=500, rates=(1 / 300,), censoring=0.3, effects=(0.7, -0.4)).cohort()
    model = sv.cox(frame, time="time", event="event", covariates=["x1", "x2"])
    new = pl.DataFrame({"x1": [1.0, -1.0], "x2": [0.5, 2.0]})
    since, until = np.zeros(2, np.int64), np.full(2, 200)

    best, drawn = chances(model, new).best(since, until), chances(model, new).drawn(since, until, 20_000, 5)

    expected_rows = model.predict_survival(new, 200)
    assert 1 - best == pytest.approx(expected_rows["survival"].to_list())
    logs = np.log(1 - drawn).std(axis=0)
    assert logs == pytest.approx((expected_rows["std_error"] / expected_rows["survival"]).to_list(), rel=0.06)


def test_a_fitted_family_reaches_beyond_the_last_patient() -> None:
    frame = sv.Scenario(n=300, rates=(1 / 100,), follow_up=40).cohort()
    family = sv.parametric(frame, time="time", event="event", family="exp")
    settlement = rb.settle(agreement(), doses((1, 0, "1"), (2, 0, "1")), seen(), as_of=on(28))

    found = rb.reserve(settlement, family)

    assert found.table["chance"].to_list() == pytest.approx([1 - np.exp(-28 / 100)] * 2, abs=0.05)
    with pytest.raises(NoValidAnswer, match="known to day 40"):
        rb.reserve(settlement, sv.kaplan_meier(frame, time="time", event="event"))


def test_a_cox_model_reserves_by_covariates() -> None:
    frame = sv.Scenario(n=500, rates=(1 / 100,), effects=(0.7,)).cohort()
    model = sv.cox(frame, time="time", event="event", covariates=["x1"])
    settlement = rb.settle(agreement(), doses((1, 0, "1"), (2, 0, "1")), seen(), as_of=on(28))
    people = pl.DataFrame({"person_id": [2, 1], "x1": [2.0, -2.0]})

    found = rb.reserve(settlement, model, people=people)

    calm, harsh = found.table.sort("person_id")["chance"]
    assert calm < 0.2 < harsh
    with pytest.raises(DataError, match="1 of 2 open courses"):
        rb.reserve(settlement, model, people=people.head(1))
    with pytest.raises(DefinitionError, match="needs people"):
        rb.reserve(settlement, model)


def test_what_does_not_fit_is_refused() -> None:
    settlement = rb.settle(agreement(), doses((1, 0, "1")), seen(), as_of=on(28))
    short = sv.kaplan_meier(pl.DataFrame({"t": [10, 20], "e": [1, 0]}), time="t", event="e")
    by = sv.kaplan_meier(pl.DataFrame({"t": [10, 70], "e": [1, 0], "g": [1, 2]}), time="t", event="e", by="g")

    with pytest.raises(NoValidAnswer, match="known to day 20, a term still asks for day 56"):
        rb.reserve(settlement, short)
    with pytest.raises(NoValidAnswer, match="known to day 28"):
        rb.reserve(settlement, PUBLISHED.head(1))
    with pytest.raises(DefinitionError, match="one group"):
        rb.reserve(settlement, by)
    with pytest.raises(DefinitionError, match="no curve"):
        rb.reserve(settlement, 0.7)
    with pytest.raises(DefinitionError, match="settle again"):
        rb.reserve(settlement, PUBLISHED, as_of=on(29))
    with pytest.raises(DataError, match="1 of the settlement are not among those given"):
        rb.courses(settlement, doses((1, 0, "1")).with_columns(record_id=pl.lit("other")))


def test_records_that_come_in_late_are_waited_for() -> None:
    settlement = rb.settle(agreement(), doses((1, 0, "1")), seen(), as_of=on(40))

    assert rb.reserve(settlement, PUBLISHED, as_of=on(27)).table["since"].item() == 27


def test_a_reserve_prints_its_sums() -> None:
    settlement = rb.settle(agreement(), doses((1, 0, "3"), (1, 21, "3")), seen(), as_of=on(28))

    text = repr(rb.reserve(settlement, PUBLISHED))

    assert "Reserve in EUR as of 2026-01-29" in text
    assert "1588.24     0.00   9000.00" in text
    assert "0 of 1 so far (0.0%), 17.6% expected" in text


@pytest.mark.ci
def test_what_is_finally_paid_back_lies_in_the_interval_as_often_as_it_says() -> None:
    # 500 contracts of 120 patients over 400 days, each with its own hazard; one assessment in ten is late
    found = calibrated(500, 120, seed=2026)

    inside = found.filter(pl.col("realised").is_between("conf_low", "conf_high")).height
    below = found.filter(pl.col("realised") < pl.col("conf_low")).height
    above = found.filter(pl.col("realised") > pl.col("conf_high")).height
    total = {name: sum(found[name]) for name in ("reserve", "naive", "realised")}
    assert min(found["open"]) >= 0.30
    assert 430 <= inside <= 470
    assert max(below, above) <= 40
    assert total["reserve"] == pytest.approx(total["realised"], rel=0.02)
    assert abs(total["naive"] / total["realised"] - 1) > 0.20
