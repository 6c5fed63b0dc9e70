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
