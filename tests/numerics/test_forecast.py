# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Forecasts: expected payback by period against what can be worked out by hand, and the patients to come."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

from rwe import reimbursement as rb
from rwe import survival as sv
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.reimbursement.invent import fails_by
from rwe.spec.design import Dosing
from tests.numerics.test_reserve import PUBLISHED, RESULT, agreement, doses, on, seen

MONTHLY = {"every": "month"}
ONCE = Dosing(every_days=21, units=Decimal(2), doses=1)
CAP = {"id": "cap", "type": "expenditure_cap", "per": "year", "amount": "1000.00"}


def test_open_patients_come_back_in_the_period_of_their_failure() -> None:
    paid = doses(*[(p, 0, "2") for p in range(50)], (98, 0, "2"), (99, 0, "2"))
    judged = seen((98, 10, "progression"), (99, 28, "progression"))

    found = rb.forecast(
        agreement(settlement=MONTHLY), paid, judged, PUBLISHED, as_of=on(28), periods=3, simulations=100
    )

    # 50 patients of 3,000 fail on day 56 with chance .17647; what failed before is settled, not foreseen
    rows = dict(found.table.select("period", "payback").rows())
    assert list(rows) == ["2026-01", "2026-02", "2026-03", "all"]
    assert (rows["2026-01"], rows["2026-03"]) == (0.0, 0.0)
    assert rows["2026-02"] == rows["all"] == pytest.approx(50 * 3000 * 0.17647, rel=0.10)
    low, high = found.table.filter(period="all").select("conf_low", "conf_high").row(0)
    spread = 3000 * np.sqrt(50 * 0.17647 * 0.82353)
    assert (high - low) / (2 * 1.645 * spread) == pytest.approx(1.0, abs=0.3)


@pytest.mark.ci
def test_patients_to_come_begin_evenly_and_fail_by_the_curve() -> None:
    paid = doses((1, 0, "2"), (2, 0, "2"))
    how: dict[str, Any] = {"as_of": on(28), "periods": 4, "dosing": ONCE, "new_patients": 20.0, "simulations": 200}

    found = rb.forecast(agreement(settlement=MONTHLY), paid, seen(), PUBLISHED, **how)

    # of the 91 days left those who begin in 63 reach day 28 and in 35 day 56; .15 fail on each
    whole = found.table.filter(period="all")
    expected = 20 / ((28 + 31 + 30) / 3) * (63 + 35) * 0.15 * 3000
    assert whole["from_new"].item() == pytest.approx(expected, rel=0.05)
    assert whole["payback"].item() - whole["from_new"].item() == pytest.approx(2 * 0.17647 * 3000, rel=0.3)


def test_doses_to_come_are_paid_back_too() -> None:
    term = {**RESULT, "cost_scope": "all"}
    certain = pl.DataFrame({"time": [55], "survival": [0.0]})
    dosing = Dosing(every_days=21, units=Decimal(1), doses=10)

    found = rb.forecast(
        agreement(term), doses((1, 0, "1"), (1, 21, "1")), seen(), certain, as_of=on(28), dosing=dosing, simulations=20
    )

    assert found.table.filter(period="all")["payback"].item() == 3 * 1500.0  # on days 0, 21 and 42


def test_a_cap_on_all_patients_brings_back_less_where_patients_fail() -> None:
    certain, paid = pl.DataFrame({"time": [50], "survival": [0.0]}), doses((1, 0, "2"), (2, 0, "2"), (2, 100, "1"))
    judged, how = seen((2, 10, "progression")), dict[str, Any](as_of=on(28), periods=3, simulations=20)

    found = rb.forecast(agreement(RESULT, CAP, settlement=MONTHLY), paid, judged, certain, **how)

    # settled are 3,000 of patient 2 and 2,000 above the cap; when 1 fails his 3,000 come back and the 2,000 not
    assert found.left_out == ()
    assert dict(found.table.select("period", "payback").rows()) == {
        "2026-01": 0.0, "2026-02": 1000.0, "2026-03": 0.0, "all": 1000.0,
    }  # fmt: skip


def test_a_volume_reached_by_patients_to_come_brings_back_more() -> None:
    volume: dict[str, Any] = {"id": "v", "type": "price_volume", "mode": "marginal", "per": "contract"}
    volume["tiers"] = [{"from_units": "0", "price": "1500"}, {"from_units": "50", "price": "500"}]
    free = pl.DataFrame({"time": [400], "survival": [1.0]})
    how: dict[str, Any] = {"as_of": on(28), "periods": 4, "simulations": 40, "dosing": ONCE, "new_patients": 40.0}

    found = rb.forecast(agreement(RESULT, volume, settlement=MONTHLY), doses((1, 0, "2")), seen(), free, **how)

    # 40 begin in 29 and two thirds of a day, for 92 days: each unit above 50 is 1,000 cheaper
    expected = 1000 * (2 + 2 * 40 / ((28 + 31 + 30) / 3) * 92 - 50)
    rows = dict(found.table.select("period", "payback").rows())
    assert rows["all"] == pytest.approx(expected, rel=0.05)
    assert found.table.filter(period="all")["from_new"].item() == pytest.approx(rows["all"], rel=0.02)
    assert rows["2026-01"] < rows["2026-03"]


GUARANTEE: dict[str, Any] = {
    "id": "g", "type": "outcome_guarantee", "endpoint": "pfs", "at_day": 100, "threshold": "0.60", "rule": "point",
    "gamma": "2.00", "cap": "0.50", "min_at_risk": 1,
}  # fmt: skip


@pytest.mark.ci
@pytest.mark.parametrize("terms", [(GUARANTEE,), ({**RESULT, "assess_day": 20}, GUARANTEE)])
def test_a_guarantee_is_foreseen_by_what_the_cohort_will_show(terms: tuple[dict[str, Any], ...]) -> None:
    paid, half = doses(*[(p, 0, "1") for p in range(20)]), pl.DataFrame({"time": [60, 365], "survival": [0.5, 0.5]})
    judged = seen((19, 25, "progression"), *[(p, 20, "stable") for p in range(19)])

    found = rb.forecast(
        agreement(*terms), paid, judged, half, as_of=on(28), periods=2, event="progression", simulations=200
    )

    # 19 fail on day 60 with chance 1/2 each, one has: the share free of failure on day 100 is binomial
    free = np.arange(20)
    owed = np.where(free / 20 < 0.60, np.minimum(0.5, 2 * (0.60 - free / 20)), 0) * 20 * 1500
    owed[0] = 0  # nobody is at risk
    whole, chance = found.table.filter(period="all"), binom.pmf(free, 19, 0.5)
    spread = np.sqrt(chance @ owed**2 - (chance @ owed) ** 2)
    assert whole["payback"].item() == pytest.approx(float(chance @ owed), abs=3 * spread / np.sqrt(200))
    assert found.table.filter(period="2026-Q1")["payback"].item() == 0  # day 100 lies beyond
    assert found.left_out == ()


def test_a_guarantee_beyond_its_curve_is_left_out_and_named() -> None:
    found = rb.forecast(
        agreement(RESULT, GUARANTEE), doses((1, 0, "1")), seen(), PUBLISHED, as_of=on(28), simulations=20
    )

    assert found.left_out == ("g",)
    assert "not foreseen: g" in repr(found)
    assert found.to_result().settings["left_out"] == ["g"]


FEE = {**{k: v for k, v in RESULT.items() if k not in ("share", "cost_scope")}, "id": "f", "type": "success_fee"}
PARTS: dict[str, Any] = {
    "id": "i", "type": "instalments", "price": "3000", "failure": ["progression"], "window": [-7, 7],
    "parts": [{"day": 0, "share": "0.4", "if": "given"}, {"day": 56, "share": "0.6", "if": "response"}],
}  # fmt: skip


@pytest.mark.parametrize(("term", "each"), [(FEE, -3000.0), (PARTS, -1800.0)])
def test_what_is_paid_at_a_result_is_foreseen_as_less_payback(term: dict[str, Any], each: float) -> None:
    paid = doses(*[(p, 0, "2") for p in range(50)])
    curve = PUBLISHED if term is FEE else pl.DataFrame({"time": [28, 56, 70], "survival": [0.85, 0.70, 0.70]})

    found = rb.forecast(agreement(term), paid, seen(), curve, as_of=on(28), periods=2, simulations=100)

    # 50 patients respond with chance .82353: what was held back of each is paid
    assert found.table.filter(period="all")["payback"].item() == pytest.approx(50 * each * 0.82353, rel=0.03)


def test_a_cox_model_foresees_each_patient_by_his_covariates() -> None:
    rng = np.random.default_rng(2)
    x = np.repeat([-1.0, 1.0], 300)
    lived = np.ceil(1e4 * rng.exponential(100 / np.exp(0.8 * x))) / 1e4
    frame = pl.DataFrame({"x": x, "t": np.minimum(lived, 90.0), "e": (lived < 90).astype(int)})
    model = sv.cox(frame, time="t", event="e", covariates=["x"], clock="continuous")
    # the conditional survival by hand: Breslow's hazard between days 28 and 56, times the relative risk
    beta = float(model.coefficients["estimate"][0])
    events = frame.filter(pl.col("e") == 1, pl.col("t") > 28, pl.col("t") <= 56)["t"]
    hazard = sum(1 / np.exp(beta * x[frame["t"].to_numpy() >= at]).sum() for at in events)
    paid = doses(*[(p, 0, "2") for p in range(60)])

    for side in (-1.0, 1.0):
        people = pl.DataFrame({"person_id": range(60), "x": side})
        found = rb.forecast(
            agreement(RESULT), paid, seen(), model, as_of=on(28), people=people, periods=1, simulations=150
        )
        chance = 1 - np.exp(-np.exp(side * beta) * hazard)
        assert found.table["payback"][-1] == pytest.approx(60 * 3000 * chance, rel=0.06)


@pytest.mark.ci
def test_a_curve_of_practice_gives_the_forecast_its_error() -> None:
    paid = doses(*[(p, 0 if p < 30 else 50, "2") for p in range(60)])
    judged = seen(*[(p, 40, "progression") for p in range(9)])
    settlement = rb.settle(agreement(), paid, judged, as_of=on(56))
    curve = sv.kaplan_meier(rb.courses(settlement, paid), time="days", event="failed")

    reserve = rb.reserve(settlement, curve, conf_level=0.9)
    found = rb.forecast(agreement(), paid, judged, curve, as_of=on(56), periods=2, simulations=300)

    # nothing is dosed any more: the forecast of the open patients is their reserve
    low, high, mean = found.table.filter(period="all").select("conf_low", "conf_high", "payback").row(0)
    assert mean == pytest.approx(float(reserve.amount), rel=0.10)
    assert low == pytest.approx(float(reserve.conf_low), abs=9000)
    assert high == pytest.approx(float(reserve.conf_high), abs=9000)


PROGRESSED = {**RESULT, "share": "0.5", "cost_scope": "all"}
DIED = {"id": "dr", "type": "death_rebate", "rate": "0.4", "horizon_days": 365, "base": "spend"}


def test_each_term_is_foreseen_by_its_own_curve() -> None:
    paid = doses(*[(p, 0, "1") for p in range(40)])
    judged = seen(*[(p, 56, "stable") for p in range(40)])
    curves = {"t1": PUBLISHED, "dr": pl.DataFrame({"time": [56, 300], "survival": [1.0, 0.5]})}

    found = rb.forecast(agreement(PROGRESSED, DIED), paid, judged, curves, as_of=on(60), periods=6, simulations=100)

    # all have responded and none is open under the first term: half die by day 300
    assert found.left_out == ()
    assert found.followed == 40
    assert found.table.filter(period="all")["payback"].item() == pytest.approx(40 * 0.5 * 0.4 * 1500, rel=0.1)


def test_a_death_to_come_is_no_progression() -> None:
    paid, certain = doses((1, 0, "1"), (2, 0, "1")), pl.DataFrame({"time": [50], "survival": [0.0]})
    curves = {"t1": pl.DataFrame({"time": [56], "survival": [1.0]}), "dr": certain}

    found = rb.forecast(agreement(PROGRESSED, DIED), paid, seen(), curves, as_of=on(28), periods=6, simulations=20)
    both = rb.forecast(
        agreement(PROGRESSED, DIED), paid, seen(), curves | {"t1": certain}, as_of=on(28), periods=6, simulations=20
    )

    assert found.table.filter(period="all")["payback"].item() == 2 * 0.4 * 1500
    assert both.table.filter(period="all")["payback"].item() == 2 * (0.5 * 1500 + 0.4 * 750)


def test_a_term_without_a_curve_is_left_out_and_named() -> None:
    paid, how = doses((1, 0, "2")), dict[str, Any](as_of=on(28), simulations=20)

    assert rb.forecast(agreement(RESULT, DIED), paid, seen(), {"t1": PUBLISHED}, **how).left_out == ("dr",)
    assert rb.forecast(agreement(RESULT, DIED), paid, seen(), PUBLISHED, **how).left_out == ("dr",)
    with pytest.raises(DefinitionError, match="no term asks for the failure"):
        rb.forecast(agreement(RESULT), paid, seen(), PUBLISHED, event="toxicity_stop", **how)


def test_the_own_curves_foresee_who_is_open_under_the_second_term() -> None:
    paid = doses(*[(p, p, "1") for p in range(40)])
    seen_once = [(p, p + 30, "progression") if p % 4 == 0 else (p, p + 56, "stable") for p in range(40)]
    judged = seen(*seen_once, *[(p, 60 + 2 * p, "death") for p in range(0, 40, 2)])
    now = rb.settle(agreement(PROGRESSED, DIED), paid, judged, as_of=on(150))

    found = rb.look_ahead(now, paid, judged, family="weibull", periods=6, simulations=40)

    assert set(now.lines.filter(outcome="open")["term"]) == {"dr"}
    ahead = found.forecast.table.filter(period="all")["payback"].item()
    assert ahead == pytest.approx(float(found.reserve.amount), rel=0.2)


def test_the_day_of_failure_inverts_the_curve() -> None:
    survival, fate = np.array([1.0, 0.9, 0.9, 0.5]), np.array([0.05, 0.10, 0.3, 0.6, 0.3])

    days = fails_by(survival, np.array([0, 0, 0, 0, 2]), fate)

    assert days.tolist() == [1.0, 1.0, 3.0, np.inf, 3.0]


def test_what_cannot_be_foreseen_is_refused() -> None:
    paid, how = doses((1, 0, "2")), dict[str, Any](as_of=on(28))
    model = sv.cox(sv.Scenario(n=50).cohort(), time="time", event="event", covariates=["arm"])

    with pytest.raises(DefinitionError, match="need dosing"):
        rb.forecast(agreement(), paid, seen(), PUBLISHED, new_patients=3, **how)
    with pytest.raises(DefinitionError, match="no term that judges patients"):
        rb.forecast(agreement(CAP), paid, seen(), PUBLISHED, **how)
    with pytest.raises(DefinitionError, match="needs people"):
        rb.forecast(agreement(), paid, seen(), model, **how)
    with pytest.raises(NoValidAnswer, match="nobody is followed"):
        rb.forecast(agreement(), paid, seen((1, 20, "progression")), PUBLISHED, **how)
