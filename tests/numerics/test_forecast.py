# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Forecasts: expected payback by period against what can be worked out by hand, and the patients to come."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest

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


def test_terms_on_all_patients_are_left_out_and_named() -> None:
    found = rb.forecast(agreement(RESULT, CAP), doses((1, 0, "2")), seen(), PUBLISHED, as_of=on(28), simulations=20)

    assert found.left_out == ("cap",)
    assert "not foreseen: cap" in repr(found)
    assert found.to_result().settings["left_out"] == ["cap"]


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
