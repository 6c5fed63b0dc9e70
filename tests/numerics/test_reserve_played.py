# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Reserves of contracts that pay at a result: what is still to be paid, by hand and calibrated."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from rwe import reimbursement as rb
from rwe.errors import NoValidAnswer
from tests.numerics.contracts import calibrated_at_results
from tests.numerics.test_forecast import FEE, PARTS
from tests.numerics.test_reserve import EUR_1000, PUBLISHED, RESULT, agreement, doses, on, seen

FOLLOWED = pl.DataFrame({"time": [28, 56, 70], "survival": [0.85, 0.70, 0.70]})


@pytest.mark.parametrize(
    ("term", "held", "each"), [(FEE, "3000.00", -3000.0), (PARTS, "1800.00", -1800.0)], ids=["fee", "instalments"]
)
def test_what_is_held_back_is_reserved_as_still_to_be_paid(term: dict[str, Any], held: str, each: float) -> None:
    paid = doses(*[(p, 0, "2") for p in range(50)])
    now = rb.settle(agreement(term), paid, seen(), as_of=on(28))

    found = rb.reserve(now, FOLLOWED, doses=paid, assessments=seen())

    # each of 50 responds with chance .82353, and is then paid for
    assert now.total == 50 * Decimal(held)
    assert float(found.amount) == pytest.approx(50 * each * 0.82353, rel=0.02)
    assert found.conf_low < found.amount < found.conf_high < 0
    assert found.left_out == ()
    assert found.terms == (term["id"],)
    assert found.table["chance"].mean() == pytest.approx(0.17647, abs=0.02)
    assert float(found.naive.reserve) == pytest.approx(50 * each, rel=1e-6)  # none has failed yet
    assert found.to_result().table.filter(estimand="reserve")["n"].item() == 50


def test_a_certain_end_is_reserved_to_the_cent() -> None:
    paid = doses((1, 0, "2"), (2, 0, "1"), (2, 20, "1"))
    contract = agreement(FEE, {**EUR_1000, "amount": "2000", "share": "0.25"})
    now = rb.settle(contract, paid, seen(), as_of=on(28))
    certain = pl.DataFrame({"time": [56], "survival": [1.0]})

    found = rb.reserve(now, certain, doses=paid, assessments=seen(), draws=100)

    # both respond: 6,000 are paid after all, of which a quarter above 2,000 comes back
    end = rb.settle(contract, paid, seen((1, 56, "response"), (2, 56, "response")), as_of=on(90))
    assert end.total - now.total == found.amount == found.conf_low == found.conf_high == Decimal("-5000.00")
    cap = found.table.filter(term="e").row(0, named=True)
    assert (cap["person_id"], cap["reserve"]) == (None, Decimal("1000.00"))
    assert found.to_result().table.filter(estimand="reserve")["n"].item() == 2


def test_terms_that_pay_back_and_at_a_result_are_reserved_for_together() -> None:
    paid, judged = doses(*[(p, 0, "2") for p in range(30)]), seen((0, 20, "progression"))
    half = {**RESULT, "share": "0.5", "cost_scope": "all"}
    contract = agreement(half, PARTS)
    now = rb.settle(contract, paid, judged, as_of=on(28))

    found = rb.reserve(now, FOLLOWED, doses=paid, assessments=judged)

    # settle both ends of the 29 who are open
    ends = {}
    for word in ("progression", "response"):
        after = pl.concat([judged, seen(*[(p, 50, word) for p in range(1, 30)])])
        ends[word] = float(rb.settle(contract, paid, after, as_of=on(90)).total - now.total)
    worth = (0.17647 * ends["progression"] + 0.82353 * ends["response"]) / 29
    assert float(found.amount) == pytest.approx(29 * worth, rel=0.03)
    assert found.terms == ("t1", "i")
    assert "so it is narrow" in str(found)
    assert found.to_result().settings["played"]


def test_continuation_stands_where_no_doses_are_to_come() -> None:
    stop = {k: v for k, v in RESULT.items() if k not in ("share", "cost_scope")} | {"id": "c", "type": "continuation"}
    paid = doses((1, 0, "2"), (2, 0, "2"))
    now = rb.settle(agreement(stop), paid, seen(), as_of=on(28))

    found = rb.reserve(now, PUBLISHED, doses=paid, assessments=seen())

    assert (found.amount, found.conf_high, found.terms, found.left_out) == (0, 0, ("c",), ())


def test_a_curve_too_short_for_the_last_part_is_refused() -> None:
    now = rb.settle(agreement(PARTS), paid := doses((1, 0, "2")), seen(), as_of=on(28))

    with pytest.raises(NoValidAnswer, match="known to day 56, a term still asks for day 63"):
        rb.reserve(now, PUBLISHED, doses=paid, assessments=seen())


def test_the_contract_looks_ahead_by_its_own_courses() -> None:
    paid = doses(*[(p, 2 * p, "2") for p in range(40)])
    judged = seen(*[(p, 2 * p + 56, "response" if p % 3 else "progression") for p in range(22)])
    now = rb.settle(agreement(FEE), paid, judged, as_of=on(100))

    found = rb.look_ahead(now, paid, judged, periods=2, simulations=40)

    opened = now.lines.filter(outcome="open").height
    assert opened == 17  # one was not seen in his window, and has no result
    assert found.reserve.terms == ("f",)
    assert float(found.reserve.amount) == pytest.approx(-3000 * opened * 14 / 23, rel=0.15)
    whole = found.forecast.table.filter(period="all")["payback"].item()
    assert whole == pytest.approx(float(found.reserve.amount), rel=0.1)


@pytest.mark.long
def test_what_contracts_that_pay_at_a_result_come_to_is_reserved_on_average() -> None:
    # 60 contracts of 60 patients over 400 days: fee at the result, continuation, and an expenditure cap over all
    found = calibrated_at_results(60, 60, seed=2027)

    inside = found.filter(pl.col("realised").is_between("conf_low", "conf_high")).height
    total = {name: sum(found[name]) for name in ("reserve", "realised")}
    assert min(found["open"]) >= 0.20
    assert total["reserve"] == pytest.approx(total["realised"], rel=0.02)
    assert inside >= 45  # of 54 that the level asks for: the intervals are somewhat short
